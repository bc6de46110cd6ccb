"""Things made one ahead: in order, to the end, and with what goes wrong told in its place."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from accounts.ingest.ahead import ahead


def test_it_gives_everything_in_order_and_ends_with_none() -> None:
    rest = iter(range(5))
    assert list(ahead(lambda: next(rest, None))) == [0, 1, 2, 3, 4]
    assert list(ahead(lambda: None)) == []


def test_the_next_is_made_while_the_last_is_used() -> None:
    made, going_on = threading.Event(), iter([1, 2, None])

    def make() -> int | None:
        value = next(going_on)
        if value == 2:
            made.set()
        return value

    with closing(ahead(make)) as coming:
        assert next(coming) == 1
        assert made.wait(10)
        assert next(coming) == 2


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    rest = iter([1, 2])

    def make() -> int:
        value = next(rest)
        if value == 2:
            raise ValueError("two")
        return value

    coming = ahead(make)
    assert next(coming) == 1
    with pytest.raises(ValueError, match="two"):
        next(coming)


def test_whoever_stops_early_waits_for_nothing_but_what_is_being_made() -> None:
    n = 0

    def make() -> int:
        nonlocal n
        n += 1
        return n

    with closing(ahead(make)) as coming:
        assert next(coming) == 1
    assert n == 2
