"""Reading datasets, accounts, clusters and links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.models import Dataset
from investigations.models import Cluster, Member
from tests.api.client import Api, pointers, problem_of
from tests.cast import Cast
from tests.factories import dataset_make


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["items"]]


def test_datasets(lead: Api, cast: Cast) -> None:
    dataset_make("evaluation-1")
    body = lead.get("datasets?total=1").json()
    assert [d["name"] for d in body["items"]] == ["evaluation-1", "main"]
    assert (body["next"], body["total"]) == (None, 2)


def test_nothing_yet(lead: Api) -> None:
    dataset_make("bare")
    for path in ("accounts", "clusters", "runs", "cases", "verdicts"):
        body = lead.get(f"{path}?dataset=bare&total=1").json()
        assert (body["items"], body["next"], body["total"]) == ([], None, 0), path
    assert lead.get("clusters?dataset=bare").json()["run"] is None


def test_accounts_with_filters(lead: Api, cast: Cast) -> None:
    cast.neighbours[0].status = "banned"
    cast.neighbours[0].save()
    assert len(ids(lead.get("accounts"))) == 12
    assert ids(lead.get("accounts?status=banned&status=suspended")) == [cast.neighbours[0].public_id]
    assert set(ids(lead.get("accounts?has_cluster=false"))) == {a.public_id for a in cast.neighbours}
    assert len(ids(lead.get("accounts?has_cluster=true"))) == 8
    first = cast.cards_accounts[0]
    early = lead.get("accounts?created_from=2026-06-01T12:00:00Z&created_before=2026-06-01T12:00:01Z&sort=created_at")
    assert first.public_id in ids(early) and len(ids(early)) == 3


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("status=guilty", "status"),
        ("created_from=2026-06-01T12:00:00", "created_from"),
        ("created_from=yesterday", "created_from"),
        ("created_from=0001-01-01T00:00:00%2B14:00", "created_from"),
        ("has_cluster=perhaps", "has_cluster"),
        ("sort=platform_id", "sort"),
        ("dataset=a%20b", "dataset"),
    ],
)
def test_bad_filters_of_accounts(query: str, parameter: str, lead: Api, cast: Cast) -> None:
    assert pointers(problem_of(lead.get(f"accounts?{query}"), 400, "invalid")) == {parameter}


def test_platform_ids_show_by_right(api: Callable[..., Api], cast: Cast) -> None:
    account = cast.cards_accounts[0]
    paths = {
        f"accounts/{account.public_id}": lambda b: b["platform_id"],
        "accounts?sort=created_at&limit=1": lambda b: b["items"][0]["platform_id"],
        f"clusters/{cast.cards.public_id}/members?limit=1": lambda b: b["items"][0]["account"]["platform_id"],
        f"clusters/{cast.cards.public_id}/links?limit=1": lambda b: b["items"][0]["a"]["platform_id"],
        f"accounts/{account.public_id}/links?limit=1": lambda b: b["items"][0]["other"]["platform_id"],
    }
    for path, find in paths.items():
        assert find(api("lead").get(path).json()) is not None, path
        assert find(api("viewer").get(path).json()) is None, path
        text = api("viewer").get(path).content.decode()
        assert not any(a.platform_id in text for a in cast.cards_accounts), path


def test_lookup_by_platform_ids(lead: Api, cast: Cast) -> None:
    first, second = cast.cards_accounts[:2]
    wanted = [second.platform_id, "nobody", first.platform_id, second.platform_id]
    body = lead.post("accounts/lookup", {"platform_ids": wanted}).json()
    assert [a["id"] for a in body["items"]] == [second.public_id, first.public_id]
    assert body["unknown"] == ["nobody"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/platform_ids"),
        ({"platform_ids": []}, "/platform_ids"),
        ({"platform_ids": "user-1"}, "/platform_ids"),
        ({"platform_ids": ["x"] * 201}, "/platform_ids"),
        ({"platform_ids": ["ok", ""]}, "/platform_ids/1"),
        ({"platform_ids": [{"a": 1}]}, "/platform_ids/0"),
        ({"platform_ids": ["7", 7]}, "/platform_ids/1"),
        ({"platform_ids": ["7"], "dataset": 0}, "/dataset"),
    ],
)
def test_bad_lookups(body: dict[str, Any], pointer: str, lead: Api, cast: Cast) -> None:
    assert pointers(problem_of(lead.post("accounts/lookup", body), 400, "invalid")) == {pointer}


def test_an_account(lead: Api, cast: Cast) -> None:
    account = cast.cards_accounts[0]
    body = lead.get(f"accounts/{account.public_id}").json()
    assert (body["id"], body["dataset"], body["n_sessions"], body["actionable"]) == (
        account.public_id,
        "main",
        3,
        False,
    )
    (membership,) = body["clusters"]
    assert membership["cluster"]["id"] == cast.cards.public_id
    assert membership["is_in_actionable_core"] is True and membership["actionable"] is False


def test_identifiers_are_masked(lead: Api, cast: Cast) -> None:
    body = lead.get(f"accounts/{cast.pair_accounts[0].public_id}/identifiers").json()
    assert {i["value"]["kind"]: i["value"]["shown"] for i in body["items"]} == {
        "phone": "+31•••78",
        "payment_fingerprint": "•••• 0092",
    }
    assert "612345678" not in str(body)


def test_clusters_in_the_order_of_triage(lead: Api, cast: Cast) -> None:
    cards, pair = cast.cards.public_id, cast.pair.public_id
    answer = lead.get("clusters?total=1")
    assert ids(answer) == [cards, pair]
    assert (answer.json()["total"], answer.json()["run"]["id"]) == (2, cast.run.public_id)
    assert all(item["actionable"] is False for item in answer.json()["items"])
    assert ids(lead.get("clusters?sort=accounts")) == [pair, cards]
    assert ids(lead.get("clusters?sort=-accounts")) == [cards, pair]
    assert ids(lead.get("clusters?family=payment&family=contact")) == [pair]
    assert ids(lead.get("clusters?min_accounts=3&max_accounts=10&min_bits=12.5")) == [cards]
    assert ids(lead.get("clusters?case=open")) == []
    assert ids(lead.get("clusters?has_actionable_core=false")) == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("family=religion", "family"),
        ("min_accounts=-1", "min_accounts"),
        ("min_bits=nan", "min_bits"),
        ("min_bits=inf", "min_bits"),
        ("case=mine", "case"),
        ("change=vanished", "change"),
        ("sort=guilt", "sort"),
    ],
)
def test_bad_filters_of_clusters(query: str, parameter: str, lead: Api, cast: Cast) -> None:
    assert pointers(problem_of(lead.get(f"clusters?{query}"), 400, "invalid")) == {parameter}


def test_a_cluster(lead: Api, cast: Cast) -> None:
    body = lead.get(f"clusters/{cast.cards.public_id}").json()
    assert [e["family"] for e in body["evidence"]] == ["payment", "device"]
    assert {v["value"]["shown"] for v in body["values"]} == {"•••• 4417", "de•••af"}
    assert body["sentence"] and body["run"]["id"] == cast.run.public_id
    assert {h["name"] for h in body["hypotheses"]} and body["actionable"] is False


def test_members(lead: Api, cast: Cast) -> None:
    path = f"clusters/{cast.cards.public_id}/members"
    body = lead.get(f"{path}?total=1").json()
    assert body["total"] == 6 and len(body["items"]) == 6
    assert {m["actionable"] for m in body["items"]} == {False}
    assert [m["is_in_actionable_core"] for m in lead.get(f"{path}?in_actionable_core=false").json()["items"]] == [False]
    assert [m["position"] for m in lead.get(f"{path}?position=periphery").json()["items"]] == ["periphery"]


def test_links_and_their_explanation(lead: Api, cast: Cast) -> None:
    links = lead.get(f"clusters/{cast.cards.public_id}/links").json()["items"]
    assert len(links) == 5 and all(link["actionable"] is False for link in links)
    pair = {"a": links[0]["a"]["id"], "b": links[0]["b"]["id"]}
    body = lead.post("links/explain", pair).json()
    assert body["is_linked"] is True and body["actionable"] is False
    assert {e["family"] for e in body["evidence"]} == {"payment", "device"}
    assert lead.post("links/explain", {"a": pair["b"], "b": pair["a"]}).json()["bits"] == body["bits"]
    of_account = lead.get(f"accounts/{pair['a']}/links").json()["items"]
    assert pair["b"] in {link["other"]["id"] for link in of_account}


def test_a_pair_that_is_not_linked(lead: Api, cast: Cast) -> None:
    pair = {"a": cast.neighbours[0].public_id, "b": cast.pair_accounts[0].public_id}
    body = lead.post("links/explain", pair).json()
    assert body["is_linked"] is False and body["why_not"]


def test_pairs_that_make_no_sense(lead: Api, cast: Cast, people: Any) -> None:
    one = cast.cards_accounts[0].public_id
    other = dataset_make("other").accounts.create(platform_id="x", created_at=cast.cards_accounts[0].created_at)
    for b in (one, other.public_id):
        assert pointers(problem_of(lead.post("links/explain", {"a": one, "b": b}), 400, "invalid")) == {"/b"}
    problem_of(lead.post("links/explain", {"a": one, "b": "acc_000000000000"}), 404)
    bad = problem_of(lead.post("links/explain", {"a": one, "b": "clu_000000000000"}), 400, "invalid")
    assert pointers(bad) == {"/b"}


def test_datasets_stay_apart(lead: Api, cast: Cast) -> None:
    Dataset.objects.create(name="other")
    assert ids(lead.get("clusters?dataset=other")) == []
    assert ids(lead.get("accounts?dataset=other")) == []


def test_a_cluster_whose_rows_are_gone(lead: Api, cast: Cast) -> None:
    Member.objects.all().delete()
    cast.run.links.all().delete()
    cast.run.has_rows = False
    cast.run.save()
    body = lead.get(f"clusters/{cast.cards.public_id}").json()
    assert body["has_members"] is False and body["n_accounts"] == 6
    assert lead.get(f"clusters/{cast.cards.public_id}/members").json()["items"] == []
    assert Cluster.objects.count() == 2
