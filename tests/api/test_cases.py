"""Opening and changing cases, what is in them, their notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.models import AuditEntry
from investigations.models import Case
from tests.api.client import Api, pointers, problem_of
from tests.cast import Cast, People
from tests.factories import dataset_make

TICKET = {"ticket_id": "ABUSE-42", "ticket_url": "https://tickets.example.org/ABUSE-42"}


def test_a_ticketing_system_opens_a_case(api: Callable[..., Api], cast: Cast, people: People) -> None:
    program = api("integration", "read", "cases:write")
    wish = {"title": "Shared cards", "clusters": [cast.cards.public_id], "owner": people.lead.public_id} | TICKET
    answer = program.post("cases", wish)
    body = answer.json()
    assert answer.status_code == 201 and answer["Location"] == f"/api/v1/cases/{body['id']}"
    assert answer["ETag"] == '"1"' and body["revision"] == 1
    assert (body["ticket_id"], body["ticket_url"], body["state"]) == (*TICKET.values(), "open")
    assert body["owner"]["username"] == "lead" and body["opened_by"]["username"] == "integration"
    assert [c["id"] for c in body["clusters"]] == [cast.cards.public_id]
    assert [c["id"] for c in program.get("cases?ticket_id=ABUSE-42").json()["items"]] == [body["id"]]
    assert program.get("cases?ticket_id=ABUSE-4").json()["items"] == []
    assert AuditEntry.objects.get(action="case.opened").actor == people.integration.public_id


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": "x" * 201}, "/title"),
        ({"title": 5.5}, "/title"),
        ({"clusters": "clu"}, "/clusters"),
        ({"clusters": ["nonsense"]}, "/clusters/0"),
        ({"clusters": ["clu_000000000000"]}, "/clusters"),
        ({"accounts": ["acc_000000000000"]}, "/accounts"),
        ({"clusters": []}, "/clusters"),
        ({"owner": "usr_000000000000"}, "/owner"),
        ({"ticket_url": "javascript:alert(1)"}, "/ticket_url"),
        ({"ticket_id": "x" * 121}, "/ticket_id"),
        ({"state": "decided"}, "/state"),
        ({"revision": 7}, "/revision"),
    ],
)
def test_bad_wishes(change: dict[str, Any], pointer: str, lead: Api, cast: Cast) -> None:
    wish = {"title": "Shared cards", "clusters": [cast.cards.public_id]} | change
    assert pointer in pointers(problem_of(lead.post("cases", wish), 400, "invalid"))
    assert not Case.objects.exists()


def test_things_of_another_dataset(lead: Api, cast: Cast) -> None:
    dataset_make("other")
    wish = {"dataset": "other", "title": "Mixed", "clusters": [cast.cards.public_id]}
    problem_of(lead.post("cases", wish), 409, "other_dataset")


def test_an_owner_without_casework(lead: Api, cast: Cast, people: People) -> None:
    wish = {"title": "x", "clusters": [cast.cards.public_id], "owner": people.viewer.public_id}
    assert pointers(problem_of(lead.post("cases", wish), 400, "invalid")) == {"/owner"}


def test_lists_with_filters(lead: Api, case_id: str, cast: Cast, people: People) -> None:
    second = lead.post("cases", {"title": "Pair", "accounts": [cast.pair_accounts[0].public_id]}).json()["id"]
    lead.call("POST", f"cases/{second}/transition", {"to": "in_review"}, If_Match='"1"')

    def ids(query: str) -> list[str]:
        return [c["id"] for c in lead.get(f"cases?{query}").json()["items"]]

    assert ids("sort=number") == [case_id, second] and ids("sort=-number") == [second, case_id]
    assert ids("state=in_review") == [second] and set(ids("state=open&state=in_review")) == {case_id, second}
    assert ids(f"cluster={cast.cards.public_id}") == [case_id]
    assert ids(f"account={cast.pair_accounts[0].public_id}") == [second]
    assert len(ids(f"owner={people.lead.public_id}")) == 2 and ids("owner=none") == []
    for query in ("state=lost", "cluster=acc_000000000000", "owner=lead", "sort=title", "text=secret"):
        problem_of(lead.get(f"cases?{query}"), 400, "invalid")


def test_a_change_names_the_revision_it_was_made_from(lead: Api, case_id: str) -> None:
    path = f"cases/{case_id}"
    tag = lead.get(path)["ETag"]
    problem_of(lead.patch(path, TICKET), 428, "precondition_required")
    for wrong in ('"99"', "*", "1", 'W/"1"', '"x"'):
        problem_of(lead.patch(path, TICKET, If_Match=wrong), 412, "revision_mismatch")
    answer = lead.patch(path, TICKET, If_Match=tag)
    assert answer.status_code == 200 and answer["ETag"] == '"2"' and answer.json()["ticket_id"] == "ABUSE-42"
    problem_of(lead.patch(path, {"title": "Other"}, If_Match=tag), 412, "revision_mismatch")
    assert lead.get(path).json()["title"] == "Shared cards"


def test_fields_that_are_left_out_stay(lead: Api, case_id: str) -> None:
    path = f"cases/{case_id}"
    lead.patch(path, TICKET, If_Match='"1"')
    body = lead.patch(path, {"owner": None}, If_Match='"2"').json()
    assert body["owner"] is None and body["ticket_id"] == "ABUSE-42"
    same = lead.patch(path, {}, If_Match='"3"')
    assert same.status_code == 200 and same["ETag"] == '"3"', "nothing to change is no change"


def test_transitions(lead: Api, case_id: str) -> None:
    path = f"cases/{case_id}"
    assert {t["to"] for t in lead.get(path).json()["transitions"]} == {"in_review", "closed"}
    problem_of(lead.post(f"{path}/transition", {"to": "in_review"}), 428, "precondition_required")
    moved = lead.post(f"{path}/transition", {"to": "in_review"}, If_Match='"1"')
    assert moved.json()["state"] == "in_review" and moved["ETag"] == '"2"'
    refused = problem_of(lead.post(f"{path}/transition", {"to": "appealed"}, If_Match='"2"'), 409, "bad_transition")
    assert "closed" in refused["allowed"]
    problem_of(lead.post(f"{path}/transition", {"to": "gone"}, If_Match='"2"'), 400, "invalid")
    body = problem_of(lead.post(f"{path}/transition", {"to": "closed"}, If_Match='"2"'), 400, "invalid")
    assert pointers(body) == {"/reason"}


def test_what_is_in_a_case(lead: Api, case_id: str, cast: Cast) -> None:
    path, pair, account = f"cases/{case_id}", cast.pair.public_id, cast.neighbours[0].public_id
    assert [c["id"] for c in lead.post(f"{path}/clusters", {"cluster": pair}).json()["clusters"]][1] == pair
    assert lead.post(f"{path}/accounts", {"account": account}).json()["accounts"][0]["id"] == account
    problem_of(lead.post(f"{path}/clusters", {"cluster": pair}), 409, "already_in_case")
    problem_of(lead.post(f"{path}/accounts", {"account": account}), 409, "already_in_case")
    assert pointers(problem_of(lead.post(f"{path}/clusters", {"cluster": "clu_000000000000"}), 400)) == {"/cluster"}
    assert lead.delete(f"{path}/clusters/{pair}").status_code == 204
    assert lead.delete(f"{path}/accounts/{account}").status_code == 204
    problem_of(lead.delete(f"{path}/clusters/{pair}"), 404, "not_in_case")
    problem_of(lead.delete(f"{path}/accounts/{account}"), 404, "not_in_case")
    body = lead.get(path).json()
    assert (len(body["clusters"]), body["accounts"], body["revision"]) == (1, [], 5)


def test_notes(lead: Api, case_id: str) -> None:
    path = f"cases/{case_id}/notes"
    first = lead.post(path, {"text": "Called the bank.\nThey know the cards."})
    assert first.status_code == 201 and first.json()["author"]["username"] == "lead"
    lead.post(path, {"text": "Wrote to the reseller. 👋"})
    body = lead.get(f"{path}?total=1").json()
    assert [n["text"][:5] for n in body["items"]] == ["Wrote", "Calle"] and body["total"] == 2
    assert lead.get(f"{path}?limit=1").json()["next"]
    for text in ("", "   ", "x" * 20_001, 0, True, ["x"]):
        assert pointers(problem_of(lead.post(path, {"text": text}), 400, "invalid")) == {"/text"}


def test_a_reader_sees_and_changes_nothing(api: Callable[..., Api], case_id: str, cast: Cast) -> None:
    reader = api("viewer")
    path = f"cases/{case_id}"
    assert reader.get(path).status_code == 200
    problem_of(reader.patch(path, TICKET, If_Match='"1"'), 403, "forbidden")
    problem_of(reader.post(f"{path}/notes", {"text": "hello"}), 403, "forbidden")
    problem_of(reader.delete(f"{path}/clusters/{cast.cards.public_id}"), 403, "forbidden")
    assert Case.objects.get().revision == 1
