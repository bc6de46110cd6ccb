"""Pages of instructions to the engine."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from investigations.models import Instruction
from investigations.services.instructions import instruction_on_pair, instruction_on_value, instruction_withdraw
from tests.cast import Cast

HOSTILE = '"><script>alert(1)</script>{{ 7|add:7 }}'
GIVE = "/instructions/give/"


@pytest.fixture
def investigator(cast: Cast, client: Client) -> Client:
    client.force_login(cast.people.investigator)
    return client


def pair_of(cast: Cast) -> dict[str, str]:
    return {"a": str(cast.cards_accounts[0].public_id), "b": str(cast.cards_accounts[1].public_id)}


def text(found: object) -> str:
    return found.content.decode()  # type: ignore[attr-defined, no-any-return]


def test_two_accounts_are_said_never_to_be_together_and_that_is_taken_back(cast: Cast, investigator: Client) -> None:
    given = pair_of(cast)
    compare = f"/compare/?a={given['a']}&b={given['b']}"
    assert "Nobody has told the engine otherwise" in text(investigator.get(compare))
    form = text(investigator.get(GIVE, given))
    assert "What do you know of these two accounts?" in form
    assert all(f'href="/accounts/{public_id}/"' in form for public_id in given.values())
    sent = investigator.post(GIVE, given | {"kind": "cannot", "rationale": "I met both."}, follow=True)
    assert sent.redirect_chain == [(compare, 302)]
    assert "The next run obeys this." in text(sent)
    assert "People said: never together" in text(sent)
    assert "I met both." in text(investigator.get("/instructions/"))
    row = Instruction.objects.get()
    back = investigator.post(reverse("instruction-withdraw", args=[row.public_id]), {"back": compare}, follow=True)
    assert "Nobody has told the engine otherwise" in text(back)
    assert "withdrawn" in text(investigator.get("/instructions/"))


def test_a_value_is_said_to_be_shared(cast: Cast, investigator: Client) -> None:
    identifier = str(cast.dataset.identifiers.order_by("pk")[0].public_id)
    assert "Do strangers share this value?" in text(investigator.get(GIVE, {"identifier": identifier}))
    sent = investigator.post(GIVE, {"identifier": identifier, "rationale": "The office."}, follow=True)
    assert "People said: shared by strangers" in text(sent)
    again = investigator.post(GIVE, {"identifier": identifier, "rationale": "The office again."})
    assert again.status_code == 400
    assert "There is an instruction on this already." in text(again)
    assert "The office again." in text(again)


@pytest.mark.parametrize("changed", [{"rationale": " "}, {"kind": ""}, {"kind": "shared"}, {"rationale": "x" * 2001}])
def test_a_refused_form_comes_back_as_it_was(cast: Cast, investigator: Client, changed: dict[str, str]) -> None:
    sent = pair_of(cast) | {"kind": "must", "rationale": "One card, one phone."} | changed
    found = investigator.post(GIVE, sent)
    assert found.status_code == 400
    assert sent["rationale"].strip() in text(found)
    assert not Instruction.objects.exists()


def test_an_instruction_on_nothing_says_where_to_start(investigator: Client) -> None:
    found = investigator.get(GIVE)
    assert found.status_code == 400
    assert "two accounts or on a value" in text(found)
    assert investigator.get(GIVE, {"a": "acc_nobody", "b": "acc_nobody"}).status_code == 404


def test_who_may_only_look_sees_them_and_can_not_change_them(cast: Cast, client: Client) -> None:
    identifier = cast.dataset.identifiers.order_by("pk")[0]
    row = instruction_on_value(identifier, rationale=HOSTILE, by=cast.people.lead)
    instruction_withdraw(
        instruction_on_pair(*cast.pair_accounts, kind="must", rationale="One phone.", by=cast.people.lead),
        by=cast.people.lead,
    )
    client.force_login(cast.people.viewer)
    page = text(client.get("/instructions/"))
    assert "in force" in page and "<script>alert" not in page and "7|add:7" in page
    assert "2 instructions to the engine" in page
    assert "Withdraw" not in page
    assert client.get(GIVE, pair_of(cast)).status_code == 403
    assert client.post(reverse("instruction-withdraw", args=[row.public_id])).status_code == 403
    assert "Tell the engine" not in text(client.get(f"/identifiers/{identifier.public_id}/"))


def test_withdrawing_never_leads_to_another_site(cast: Cast, investigator: Client) -> None:
    row = instruction_on_pair(*cast.pair_accounts, kind="must", rationale="One phone.", by=cast.people.lead)
    found = investigator.post(reverse("instruction-withdraw", args=[row.public_id]), {"back": "//elsewhere.example/"})
    assert found.headers["Location"] == "/instructions/"


def test_a_page_past_the_end_says_so(cast: Cast, investigator: Client) -> None:
    instruction_on_pair(*cast.pair_accounts, kind="must", rationale="One phone.", by=cast.people.lead)
    found = text(investigator.get("/instructions/?page=7"))
    assert "This page has no instructions" in found and "Nobody has told" not in found


def test_an_empty_dataset_says_how_to_begin(cast: Cast, investigator: Client) -> None:
    assert "Nobody has told the engine anything" in text(investigator.get("/instructions/"))
