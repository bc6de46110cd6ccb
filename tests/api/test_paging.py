"""Lists come in pages; cursors belong to one list, one order, one filter."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Account
from tests.api.client import Api, problem_of
from tests.cast import Cast
from tests.factories import START, accounts_make


def walk(api: Api, path: str) -> list[str]:
    """All ids of a list, page by page."""
    found: list[str] = []
    cursor = ""
    for _ in range(60):
        body = api.get(f"{path}{'&' if '?' in path else '?'}limit=2{cursor}").json()
        found += [item["id"] for item in body["items"]]
        assert len(body["items"]) <= 2
        if body["next"] is None:
            return found
        cursor = f"&cursor={body['next']}"
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
def test_pages_hold_each_row_once_also_among_equals(sort: str, lead: Api, cast: Cast) -> None:
    accounts_make(cast.dataset, 7, created_at=START)
    wanted = list(Account.objects.order_by(sort, "-pk" if sort[0] == "-" else "pk").values_list("public_id", flat=True))
    assert walk(lead, f"accounts?sort={sort}") == wanted


def test_a_row_that_comes_meanwhile_moves_nothing(lead: Api, cast: Cast) -> None:
    first = lead.get("accounts?limit=5&sort=-created_at").json()
    accounts_make(cast.dataset, 3)
    rest = lead.get(f"accounts?limit=200&sort=-created_at&cursor={first['next']}").json()
    seen = {a["id"] for a in first["items"]}
    assert not seen & {a["id"] for a in rest["items"]}


def test_a_cursor_belongs_to_its_list(lead: Api, cast: Cast) -> None:
    cursor = lead.get("accounts?limit=1&status=active").json()["next"]
    for other in (
        "accounts?limit=1",
        "accounts?status=banned",
        "accounts?status=active&sort=created_at",
        "datasets?limit=1",
        "clusters?limit=1",
        f"clusters/{cast.cards.public_id}/members?limit=1",
    ):
        sign = "&" if "?" in other else "?"
        problem_of(lead.get(f"{other}{sign}cursor={cursor}"), 400, "bad_cursor")
    assert lead.get(f"accounts?limit=3&status=active&total=1&cursor={cursor}").status_code == 200


def test_a_cursor_can_not_be_made_up(lead: Api, cast: Cast) -> None:
    cursor = lead.get("accounts?limit=1").json()["next"]
    changed = cursor[:-3] + ("A" if cursor[-3] != "A" else "B") + cursor[-2:]
    problem_of(lead.get(f"accounts?limit=1&cursor={changed}"), 400, "bad_cursor")


def test_a_cursor_tells_nothing(lead: Api, cast: Cast) -> None:
    """It is sealed: neither row numbers nor times can be read from it, and two for the same place differ."""
    one, two = (lead.get("accounts?limit=1").json()["next"] for _ in range(2))
    assert one != two


def test_lists_of_selectors_page_too(lead: Api, cast: Cast) -> None:
    assert len(walk(lead, "clusters")) == 2
    members = f"clusters/{cast.cards.public_id}/members"
    found: list[Any] = []
    cursor = ""
    while cursor is not None:
        body = lead.get(f"{members}?limit=4{f'&cursor={cursor}' if cursor else ''}").json()
        found += [m["account"]["id"] for m in body["items"]]
        cursor = body["next"]
    assert sorted(found) == sorted(a.public_id for a in cast.cards_accounts)
