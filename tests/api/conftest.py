from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache

from staff.models import User
from tests.api.client import ALL_SCOPES, Api
from tests.cast import Cast, People


@pytest.fixture(autouse=True)
def empty_throttle() -> None:
    cache.clear()


@pytest.fixture
def api(people: People) -> Callable[..., Api]:
    """A program of a person: `api("lead")`, or narrowed: `api("lead", "read")`."""

    def make(who: str | User = "lead", *scopes: str) -> Api:
        user = getattr(people, who) if isinstance(who, str) else who
        return Api(user, scopes or ALL_SCOPES)

    return make


@pytest.fixture
def lead(api: Callable[..., Api], cast: Cast) -> Api:
    return api("lead")


@pytest.fixture
def case_id(lead: Api, cast: Cast) -> str:
    """A case over the cluster `cards`."""
    answer = lead.post("cases", {"title": "Shared cards", "clusters": [cast.cards.public_id]})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


@pytest.fixture
def verdict_body(cast: Cast) -> dict[str, Any]:
    """A verdict on `cards` that keeps every rule."""
    from investigations.models.choices import Hypothesis

    return {
        "cluster": cast.cards.public_id,
        "same_operator": "confirmed",
        "abusive": "yes",
        "likelihood": "very_likely",
        "confidence": "moderate",
        "policy": "Usage policy 4.2",
        "rationale": "They pay with one card and share a device.",
        "hypotheses": {h.value: {"answer": "against"} for h in Hypothesis},
    }
