"""Recording verdicts and reading them with what they froze."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from investigations.models import Verdict
from tests.api.client import Api, pointers, problem_of
from tests.cast import Cast, People


def test_a_verdict(lead: Api, case_id: str, verdict_body: dict[str, Any], cast: Cast) -> None:
    answer = lead.post(f"cases/{case_id}/verdicts", verdict_body)
    body = answer.json()
    assert answer.status_code == 201 and answer["Location"] == f"/api/v1/verdicts/{body['id']}", body
    assert (body["case_id"], body["cluster_id"]) == (case_id, cast.cards.public_id)
    assert (body["same_operator"], body["abusive"], body["actionable"]) == ("confirmed", "yes", False)
    assert body["standing_counts"] == {"core": 5, "peripheral": 1}
    assert body["is_intact"] is True and body["drift"]["has_changed"] is False
    assert body["evidence"]["n_members"] == 6 and body["evidence"]["n_links"] == 5
    assert lead.get(f"cases/{case_id}").json()["state"] == "awaiting_second"
    assert lead.get(f"verdicts/{body['id']}").json() == body


def test_the_frozen_evidence_has_the_digest_that_the_verdict_names(
    lead: Api, case_id: str, verdict_body: dict[str, Any]
) -> None:
    verdict = lead.post(f"cases/{case_id}/verdicts", verdict_body).json()
    answer = lead.get(f"verdicts/{verdict['id']}/evidence")
    canonical = json.dumps(answer.json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == verdict["frozen_digest"]
    assert answer["ETag"] == f'"{verdict["frozen_digest"]}"'


def test_standings(lead: Api, case_id: str, verdict_body: dict[str, Any], cast: Cast) -> None:
    spared = cast.cards_accounts[2].public_id
    verdict_body["overrides"] = {spared: {"standing": "excluded", "reason": "Sold the card in May."}}
    verdict = lead.post(f"cases/{case_id}/verdicts", verdict_body).json()
    first = lead.get(f"verdicts/{verdict['id']}/standings?limit=4&total=1").json()
    rest = lead.get(f"verdicts/{verdict['id']}/standings?limit=4&cursor={first['next']}").json()
    found = {s["account_id"]: s for s in first["items"] + rest["items"]}
    assert first["total"] == 6 and len(found) == 6 and rest["next"] is None
    assert (found[spared]["standing"], found[spared]["reason"]) == ("excluded", "Sold the card in May.")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"likelihood": "unlikely"}, "/likelihood"),
        ({"likelihood": "99 %"}, "/likelihood"),
        ({"same_operator": "guilty"}, "/same_operator"),
        ({"policy": ""}, "/policy"),
        ({"rationale": " "}, "/rationale"),
        ({"hypotheses": {}}, "/hypotheses/carrier_nat"),
        ({"hypotheses": {"aliens": {"answer": "for"}}}, "/hypotheses/aliens"),
        ({"overrides": {"acc_000000000000": {"standing": "core", "reason": "x"}}}, "/overrides/acc_000000000000"),
        ({"overrides": {"x": {"standing": "banned"}}}, "/overrides/x/standing"),
        ({"overrides": []}, "/overrides"),
        ({"defaults": {"core": {"standing": "excluded"}}}, "/defaults/core"),
        ({"defaults": {"leader": {"standing": "core"}}}, "/defaults/leader"),
        ({"cluster": "clu_000000000000"}, "/cluster"),
        ({"author": "usr_000000000000"}, "/author"),
    ],
)
def test_verdicts_that_break_a_rule(
    change: dict[str, Any], pointer: str, lead: Api, case_id: str, verdict_body: dict[str, Any]
) -> None:
    refused = problem_of(lead.post(f"cases/{case_id}/verdicts", verdict_body | change), 400, "invalid")
    assert pointer in pointers(refused), refused
    assert not Verdict.objects.exists()


def test_a_cluster_outside_of_the_case(lead: Api, case_id: str, verdict_body: dict[str, Any], cast: Cast) -> None:
    body = verdict_body | {"cluster": cast.pair.public_id}
    problem_of(lead.post(f"cases/{case_id}/verdicts", body), 404, "not_in_case")


def test_evidence_that_is_no_longer_the_newest(lead: Api, case_id: str, verdict_body: dict[str, Any]) -> None:
    body = verdict_body | {"expected_run": "run_000000000000"}
    problem_of(lead.post(f"cases/{case_id}/verdicts", body), 409, "cluster_changed")


def test_lists_with_filters(lead: Api, case_id: str, verdict_body: dict[str, Any], people: People, cast: Cast) -> None:
    first = lead.post(f"cases/{case_id}/verdicts", verdict_body).json()["id"]
    second = lead.post(f"cases/{case_id}/verdicts", verdict_body | {"abusive": "undetermined"}).json()["id"]

    def ids(query: str) -> list[str]:
        return [v["id"] for v in lead.get(f"verdicts?{query}").json()["items"]]

    assert ids("") == [second, first] and ids("standing_only=true") == [second]
    assert ids("abusive=yes") == [first] and ids("abusive=yes&abusive=undetermined") == [second, first]
    assert ids(f"case={case_id}&cluster={cast.cards.public_id}&author={people.lead.public_id}") == [second, first]
    assert ids("same_operator=inconclusive") == [] and ids("case=cas_000000000000") == []
    assert lead.get(f"verdicts/{first}").json()["superseded_by"] == second
    page = lead.get("verdicts?limit=1&total=1").json()
    assert page["total"] == 2 and ids(f"limit=1&cursor={page['next']}") == [first]


@pytest.mark.parametrize("role", ["viewer", "manager", "integration", "administrator", "outsider"])
def test_people_who_do_not_judge(
    role: str, api: Callable[..., Api], case_id: str, verdict_body: dict[str, Any]
) -> None:
    problem_of(api(role).post(f"cases/{case_id}/verdicts", verdict_body), 403, "forbidden")
    assert not Verdict.objects.exists()


def test_a_token_without_the_scope_does_not_judge(
    api: Callable[..., Api], case_id: str, verdict_body: dict[str, Any]
) -> None:
    problem_of(api("lead", "read", "cases:write").post(f"cases/{case_id}/verdicts", verdict_body), 403, "forbidden")
