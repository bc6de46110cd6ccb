"""A little of `make chaos`: one kill of each of four kinds, and everything is as if nothing had happened."""

from __future__ import annotations

import pytest

from tests.faults.chaos import Tally, chaos

pytestmark = [pytest.mark.xdist_group("console"), pytest.mark.slow]  # with the other long ones, which come first
KINDS = ("run:pool", "run:postgres", "load:ingest", "load:postgres")


def test_what_is_killed_in_the_middle_ends_as_if_undisturbed() -> None:
    with chaos(accounts=800, seed=7) as at_work:
        for kind in KINDS:
            tally = Tally(kind)
            at_work.one(kind, tally)
            assert tally.kills == 1, f"{kind}: no kill came in time"
            assert not tally.differences, f"{kind}: {tally.differences}"
        assert at_work.finish() == []
