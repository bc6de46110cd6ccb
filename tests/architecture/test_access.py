"""Every address carries a decision about who may open it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from core.access import PUBLIC, Capability, decision_for

OPEN_TO_EVERYONE = {
    "healthz", "readyz", "signin-link", "account_login", "account_signup", "account_inactive", "account_reset_password",
    "account_reset_password_done", "account_reset_password_from_key", "account_reset_password_from_key_done",
    "account_confirm_email", "account_email_verification_sent", "account_confirm_login_code",
    "mfa_authenticate",
}  # fmt: skip


def patterns(resolver: URLResolver, prefix: str = "", namespace: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield each address with its name and view."""
    for part in resolver.url_patterns:
        route = prefix + str(part.pattern)
        if isinstance(part, URLPattern):
            yield route, f"{namespace}{part.name or ''}", part.callback
        else:
            inner = f"{namespace}{part.namespace}:" if part.namespace else namespace
            yield from patterns(part, route, inner)


ALL = sorted(patterns(get_resolver()), key=lambda found: found[0])


@pytest.mark.parametrize(("route", "name", "view"), ALL, ids=[route for route, _, _ in ALL])
def test_it_decides_who_may_open_each_address(route: str, name: str, view: Any) -> None:
    decision = decision_for(view, name)
    assert decision is not None, f"/{route} ({name}) has no access decision"
    assert decision in {"public", "signed_in", *Capability} or isinstance(decision, Capability)


def test_it_opens_to_everyone_only_what_is_listed() -> None:
    public = {name for _, name, view in ALL if decision_for(view, name) == PUBLIC}
    assert public <= OPEN_TO_EVERYONE, public - OPEN_TO_EVERYONE


def test_it_closes_an_address_without_a_decision(db: None, settings: Any, client: Client) -> None:
    settings.ACCESS_DECISIONS = {}
    assert client.get("/auth/login/").status_code == 403


def test_it_lets_nobody_sign_up(db: None, client: Client) -> None:
    word = "a long and unusual word"
    form = {"username": "me", "email": "me@example.org", "password1": word, "password2": word}
    assert client.post("/auth/signup/", form).status_code == 200
    assert not get_user_model().objects.exists()
