"""The page of one's own API tokens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from staff import tokens
from staff.models import ApiToken
from tests.cast import People


@pytest.fixture
def signed_in(client: Client, people: People) -> Client:
    client.force_login(people.lead)
    return client


def test_nothing_yet(signed_in: Client) -> None:
    page = signed_in.get("/tokens/").content.decode()
    assert "No program speaks for you yet" in page and "No token can speak for you" in page


def test_it_shows_a_new_secret_once(signed_in: Client, people: People) -> None:
    form = {"name": "ticket desk", "scopes": ["cases:write"], "days": "30"}
    answer = signed_in.post("/tokens/create/", form)
    page = answer.content.decode()
    (secret,) = set(re.findall(r"hys_[0-9a-f]{64}", page))
    assert "no-store" in answer["Cache-Control"]
    token = ApiToken.objects.get()
    assert (token.user, token.scopes, token.created_by) == (people.lead, ["read", "cases:write"], people.lead)
    assert secret not in signed_in.get("/tokens/").content.decode()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"name": "", "days": "30"}, "required"),
        ({"name": "x", "days": "9999"}, "not one of the available choices"),
        ({"name": "x", "days": "30", "scopes": ["everything"]}, "not one of the available choices"),
        ({"name": "x" * 81, "days": "30"}, "at most 80"),
        ({"name": "a\u200bb", "days": "30"}, "visible characters"),
    ],
)
def test_a_bad_form_says_what_is_wrong(form: dict[str, Any], says: str, signed_in: Client) -> None:
    answer = signed_in.post("/tokens/create/", form)
    assert answer.status_code == 422 and says in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_it_revokes(signed_in: Client, people: People) -> None:
    token, _ = tokens.token_create(people.lead, name="ticket desk", scopes=[], by=people.lead)
    answer = signed_in.post(f"/tokens/{token.public_id}/revoke/", follow=True)
    assert "“ticket desk” is revoked" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_tokens_of_others_are_out_of_sight(signed_in: Client, people: People) -> None:
    token, _ = tokens.token_create(people.viewer, name="not yours", scopes=[], by=people.viewer)
    assert "not yours" not in signed_in.get("/tokens/").content.decode()
    assert signed_in.post(f"/tokens/{token.public_id}/revoke/").status_code == 404
    assert signed_in.post("/tokens/nonsense/revoke/").status_code == 404
    assert ApiToken.objects.exists()


def test_a_scope_without_a_role_is_marked(client: Client, people: People) -> None:
    tokens.token_create(people.viewer, name="wishful", scopes=["verdicts:write"], by=people.viewer)
    client.force_login(people.viewer)
    assert "so it allows nothing" in client.get("/tokens/").content.decode()


def test_it_is_for_people_who_are_signed_in(client: Client, people: People) -> None:
    assert client.get("/tokens/").status_code == 302
    assert client.post("/tokens/create/", {"name": "x", "days": "30"}).status_code == 302
    assert not ApiToken.objects.exists()


def test_methods(signed_in: Client) -> None:
    assert signed_in.post("/tokens/").status_code == 405
    assert signed_in.get("/tokens/create/").status_code == 405


def test_forms_need_their_token(people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.lead)
    assert client.post("/tokens/create/", {"name": "x", "days": "30"}).status_code == 403
    assert not ApiToken.objects.exists()
