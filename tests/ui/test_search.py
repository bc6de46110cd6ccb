"""Search: a posted word leads to an opaque address, and is repeated nowhere."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts import normalise
from accounts.models import Identifier
from core import keys
from tests.cast import Cast
from tests.factories import dataset_make, identifier_make


@pytest.fixture
def viewer(cast: Cast, client: Client) -> Client:
    client.force_login(cast.people.viewer)
    return client


def _value(cast: Cast, kind: str, value: str) -> Identifier:
    row = identifier_make(cast.dataset, kind, value)
    row.normaliser_version = normalise.VERSION
    row.digest = keys.value_digest(value, kind=kind, normaliser_version=normalise.VERSION)
    row.save()
    return row


def test_a_public_id_leads_to_its_page(cast: Cast, viewer: Client) -> None:
    for row, folder in (
        (cast.cards, "clusters"),
        (cast.cards_accounts[0], "accounts"),
        (cast.dataset.identifiers.all()[0], "identifiers"),
    ):
        found = viewer.post("/search/", {"q": f"  {row.public_id} "})
        assert found.status_code == 302
        assert found["Location"] == f"/{folder}/{row.public_id}/"


def test_a_value_leads_to_an_opaque_id(cast: Cast, viewer: Client) -> None:
    row = _value(cast, "device_id", "device-of-interest")
    found = viewer.post("/search/", {"q": "device-of-interest"})
    if found.status_code == 302:
        assert found["Location"] == f"/identifiers/{row.public_id}/"
    assert "device-of-interest" not in found.get("Location", "") + found.content.decode()


def test_the_same_text_under_two_kinds_is_a_page_of_hits(cast: Cast, viewer: Client) -> None:
    first, second = _value(cast, "device_id", "shared-text"), _value(cast, "cookie_id", "shared-text")
    found = viewer.post("/search/", {"q": "shared-text"}).content.decode()
    assert "2 things have this id or value" in found
    assert first.public_id in found
    assert second.public_id in found


def test_the_platforms_id_is_found_by_those_who_may_see_it(cast: Cast, client: Client) -> None:
    account = cast.cards_accounts[0]
    client.force_login(cast.people.lead)
    assert client.post("/search/", {"q": account.platform_id})["Location"] == f"/accounts/{account.public_id}/"
    client.force_login(cast.people.viewer)
    found = client.post("/search/", {"q": account.platform_id})
    assert found.status_code == 200
    assert "Nothing was found" in found.content.decode()


@pytest.mark.parametrize(
    "word", ["nothing like it", "acc_000000000000", "clu_UUUUUUUUUUUU", "cas_0", "％", "#99", "-1"]
)
def test_nothing_is_said_so(word: str, cast: Cast, viewer: Client) -> None:
    found = viewer.post("/search/", {"q": word})
    assert found.status_code == 200
    assert "Nothing was found" in found.content.decode()


@pytest.mark.parametrize("word", ["", "   ", "a\x00b", "x" * 401])
def test_what_can_not_be_a_value_is_refused(word: str, cast: Cast, viewer: Client) -> None:
    assert viewer.post("/search/", {"q": word}).status_code == 400


def test_other_datasets_are_not_searched(cast: Cast, viewer: Client) -> None:
    dataset_make("other")
    viewer.get("/?dataset=other")
    assert viewer.post("/search/", {"q": cast.cards.public_id}).status_code == 200


def test_it_needs_a_role_and_a_sign_in(cast: Cast, client: Client) -> None:
    assert client.post("/search/", {"q": "x"}).status_code == 302
    client.force_login(cast.people.outsider)
    assert client.post("/search/", {"q": "x"}).status_code == 403
    assert client.put("/search/").status_code == 403


def test_it_refuses_other_methods(cast: Cast, viewer: Client) -> None:
    assert viewer.put("/search/").status_code == 405


def test_a_word_in_the_address_is_not_read(cast: Cast, viewer: Client) -> None:
    found = viewer.get("/search/", {"q": str(cast.cards.public_id)})
    assert found.status_code == 200
    assert "Press / and type" in found.content.decode()
