from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory

from core.access import Capability
from core.errors import AppError
from core.models import AuditEntry
from staff import tokens
from staff.authentication import TokenAuthentication
from staff.models import ApiToken, User
from staff.roles import SCOPE_CAPABILITIES, Scope
from tests.cast import People


def _sign_in(header: str) -> User | None:
    request = APIRequestFactory().get("/api/v1/cases", HTTP_AUTHORIZATION=header)
    found = TokenAuthentication().authenticate(request)
    return found[0] if found else None


def test_it_stores_a_digest_and_never_the_secret(people: People) -> None:
    token, secret = tokens.token_create(people.lead, name="tickets", scopes=[], days=30, by=people.lead)
    row = ApiToken.objects.values().get(pk=token.pk)
    assert secret.startswith("hys_") and len(secret) == 68
    assert not any(secret in str(value) for value in row.values())
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token"])
def test_it_signs_in_its_owner(people: People, scheme: str) -> None:
    _, secret = tokens.token_create(people.lead, name="tickets", scopes=[], by=people.lead)
    assert _sign_in(f"{scheme} {secret}") == people.lead


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Digest x"])
def test_other_schemes_are_not_ours(people: People, header: str) -> None:
    assert _sign_in(header) is None


@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "Bearer hys_" + "0" * 64, "Bearer \xff", "Bearer x\0y"])
def test_what_is_no_token_is_refused(people: People, value: str) -> None:
    tokens.token_create(people.lead, name="tickets", scopes=[], by=people.lead)
    with pytest.raises(AuthenticationFailed):
        _sign_in(value)


def test_a_token_with_the_right_beginning_is_not_enough(people: People) -> None:
    _, secret = tokens.token_create(people.lead, name="tickets", scopes=[], by=people.lead)
    with pytest.raises(AuthenticationFailed):
        _sign_in(f"Bearer {secret[:-1]}{'0' if secret[-1] != '0' else '1'}")


def test_it_ends(people: People) -> None:
    token, secret = tokens.token_create(people.lead, name="tickets", scopes=[], days=1, by=people.lead)
    ApiToken.objects.filter(pk=token.pk).update(expiry=timezone.now() - timedelta(seconds=1))
    with pytest.raises(AuthenticationFailed):
        _sign_in(f"Bearer {secret}")
    assert ApiToken.objects.filter(pk=token.pk).exists(), "it stays in the list, as one that ended"


def test_a_token_without_an_end_does_not_work(people: People) -> None:
    token, secret = tokens.token_create(people.lead, name="tickets", scopes=[], by=people.lead)
    ApiToken.objects.filter(pk=token.pk).update(expiry=None)
    with pytest.raises(AuthenticationFailed):
        _sign_in(f"Bearer {secret}")


def test_people_who_are_switched_off_are_refused(people: People) -> None:
    _, secret = tokens.token_create(people.lead, name="tickets", scopes=[], by=people.lead)
    User.objects.filter(pk=people.lead.pk).update(is_active=False)
    with pytest.raises(AuthenticationFailed):
        _sign_in(f"Bearer {secret}")


@pytest.mark.parametrize("scope", Scope.values)
def test_rights_are_those_of_roles_and_scopes_together(people: People, scope: str) -> None:
    for role, person in people.by_role().items():
        _, secret = tokens.token_create(person, name=scope, scopes=[scope], by=person)
        signed_in = _sign_in(f"Bearer {secret}")
        assert signed_in is not None
        wanted = SCOPE_CAPABILITIES[scope] | SCOPE_CAPABILITIES[Scope.READ]
        assert signed_in.capabilities == User.objects.get(pk=person.pk).capabilities & wanted, role


def test_scopes_that_nobody_knows_any_more_allow_nothing(people: People) -> None:
    token, secret = tokens.token_create(people.lead, name="tickets", scopes=[], by=people.lead)
    ApiToken.objects.filter(pk=token.pk).update(scopes=["everything"])
    signed_in = _sign_in(f"Bearer {secret}")
    assert signed_in is not None and signed_in.capabilities == frozenset()


def test_a_lost_role_is_felt_at_once(people: People) -> None:
    _, secret = tokens.token_create(people.lead, name="tickets", scopes=[Scope.CASES], by=people.lead)
    people.lead.role_grants.update(revoked_at=timezone.now())
    signed_in = _sign_in(f"Bearer {secret}")
    assert signed_in is not None and Capability.CASEWORK not in signed_in.capabilities


def test_the_time_of_use_is_kept_to_the_minute(people: People) -> None:
    token, secret = tokens.token_create(people.lead, name="tickets", scopes=[], by=people.lead)
    _sign_in(f"Bearer {secret}")
    first = ApiToken.objects.get(pk=token.pk).last_used_at
    _sign_in(f"Bearer {secret}")
    assert first is not None and ApiToken.objects.get(pk=token.pk).last_used_at == first
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=first - timedelta(minutes=2))
    _sign_in(f"Bearer {secret}")
    again = ApiToken.objects.get(pk=token.pk).last_used_at
    assert again is not None and again >= first


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
    ],
)
def test_a_bad_wish_names_its_field(people: People, fields: dict[str, object], named: str) -> None:
    wish: dict[str, object] = {"name": "tickets", "scopes": [], "days": 30} | fields
    with pytest.raises(AppError) as caught:
        tokens.token_create(people.lead, **wish, by=people.lead)  # type: ignore[arg-type]
    assert list(caught.value.extra["fields"]) == [named]
    assert not ApiToken.objects.exists()


def test_only_administrators_make_and_revoke_tokens_of_others(people: People) -> None:
    token, _ = tokens.token_create(people.viewer, name="by an administrator", scopes=[], by=people.administrator)
    with pytest.raises(AppError):
        tokens.token_create(people.viewer, name="by a lead", scopes=[], by=people.lead)
    with pytest.raises(AppError):
        tokens.token_revoke(token, by=people.lead)
    with pytest.raises(AppError):
        tokens.token_get_for(people.lead, token.public_id)
    assert tokens.token_get_for(people.administrator, token.public_id) == token
    tokens.token_revoke(token, by=people.administrator)
    assert not ApiToken.objects.exists()


def test_a_person_has_only_so_many(people: People) -> None:
    for i in range(tokens.MAX_TOKENS):
        tokens.token_create(people.lead, name=f"program {i}", scopes=[], by=people.lead)
    with pytest.raises(AppError) as caught:
        tokens.token_create(people.lead, name="one more", scopes=[], by=people.lead)
    assert caught.value.status == 409


def test_the_command_makes_lists_and_revokes(people: People) -> None:
    out, aside = StringIO(), StringIO()
    call_command("api_token", "create", "lead", "--name", "tickets", "--scope", "cases:write", stdout=out, stderr=aside)
    secret = out.getvalue().strip()
    assert _sign_in(f"Bearer {secret}") == people.lead
    token = ApiToken.objects.get()
    assert (token.scopes, token.created_by) == (["read", "cases:write"], None)
    assert token.public_id in aside.getvalue()
    listed = StringIO()
    call_command("api_token", "list", stdout=listed)
    assert token.public_id in listed.getvalue() and secret not in listed.getvalue()
    call_command("api_token", "revoke", token.public_id, stdout=StringIO())
    assert not ApiToken.objects.exists()
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"token.made", "token.revoked"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["create", "nobody", "--name", "x"], "no active person"),
        (["create", "lead", "--name", "x", "--days", "9999"], "1 to 366 days"),
        (["list", "nobody"], "no active person"),
        (["revoke", "tok_short"], "is no token's id"),
        (["revoke", "tok_000000000000"], "There is no token"),
    ],
)
def test_the_command_says_what_is_wrong(people: People, words: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("api_token", *words, stdout=StringIO())
