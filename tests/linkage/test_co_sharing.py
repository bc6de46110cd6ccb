"""Pair synchrony: who brings the same contents in the same minute, beyond what a day's shares and a crowd explain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from investigations.linkage import Settings, run
from investigations.linkage.gather import units_from
from investigations.linkage.signals import PairSource
from investigations.linkage.signals import co_sharing as signal
from investigations.linkage.signals.co_sharing import Shares
from tests.linkage import worlds
from tests.linkage.test_pair_signals import DAY, DAYS, HOUR, SECOND, Life, bits_of, going_round, together
from tests.linkage.worlds import World

NAME = "co_sharing"


def busy(seed: int, *, units: int = 60, contents: int = 12, n: int = 800, days: int = 2) -> Shares:
    """Shares at random seconds of a few days, close enough that many meet."""
    chance = np.random.default_rng(seed)
    rows = np.unique(
        np.stack(
            [
                chance.integers(0, contents, n),
                chance.integers(0, days * 2 * 3600, n) % 3600 * SECOND + chance.integers(0, days, n) * DAY,
                chance.integers(0, units, n),
            ],
            axis=1,
        ),
        axis=0,
    )
    return Shares(rows[:, 0], rows[:, 2], rows[:, 1])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_finds_each_meeting_once_and_no_account_meets_itself(seed: int) -> None:
    shares = busy(seed)
    met = signal.meetings(shares, shares.unit)
    rows = list(zip(shares.content.tolist(), shares.unit.tolist(), shares.at.tolist(), strict=True))
    expected = {
        ((min(a, b) << 32) | max(a, b), c)
        for i, (c, a, at) in enumerate(rows)
        for d, b, later in rows[i + 1 :]
        if c == d and a != b and abs(later - at) <= 60 * SECOND
    }
    found = list(zip(met.pair.tolist(), met.content.tolist(), strict=True))
    assert found == sorted(expected)
    assert ((met.pair >> 32) < (met.pair & 0xFFFFFFFF)).all()
    assert met.close.sum() == met.close_in_day.sum()


def test_dealing_anew_keeps_each_account_its_shares_a_day() -> None:
    shares = busy(4, days=5)
    units, day = shares.dealt(7), shares.at // DAY
    assert (units != shares.unit).any()
    assert sorted(zip(units, day, strict=True)) == sorted(zip(shares.unit, day, strict=True))


def test_what_a_day_explains_is_what_dealing_anew_brings_about() -> None:
    shares = busy(5, units=12, contents=200, n=300)
    pair = np.array([(0 << 32) | 1], np.int64)
    none = (np.zeros(13, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    met = signal.meetings(shares, shares.unit)
    expected = signal.expected_meetings(
        (pair, np.zeros(1, np.int64), np.zeros(1, np.int64)),
        np.empty(0, np.int64),
        shares.n_by_day,
        np.bincount(shares.day).astype(np.float64),
        none,
        np.ones(200),
        (met.close, met.close_in_day),
    )[0]
    deals = 1500
    seen = sum((signal.meetings(shares, shares.dealt(deal)).pair == pair[0]).sum() for deal in range(deals)) / deals
    assert expected > 0.02
    assert abs(seen - expected) < 5 * np.sqrt(expected / deals)


@pytest.mark.parametrize("hours", [1, -5, 24])
def test_another_time_zone_or_day_is_no_meeting(tmp_path: Path, hours: int) -> None:
    life = together(Life(200), 3, 4, after=20 * SECOND + hours * HOUR)
    assert bits_of(life.rows_of(NAME, tmp_path), 3, 4) == 0


@pytest.mark.parametrize(("after", "is_found"), [(59, True), (-59, True), (61, False)])
def test_a_minute_is_together_and_more_is_not(tmp_path: Path, after: int, is_found: bool) -> None:
    life = together(Life(200), 3, 4, after=after * SECOND)
    assert (bits_of(life.rows_of(NAME, tmp_path), 3, 4) > 0) == is_found


def test_once_is_chance_however_rare_the_content(tmp_path: Path) -> None:
    life = together(Life(200), 3, 4, contents=1)
    for _ in range(4):
        life.ask(3, DAY, content=1000)
        life.ask(4, DAY + 5 * SECOND, content=1000)
    assert bits_of(life.rows_of(NAME, tmp_path), 3, 4) == 0


def test_more_contents_weigh_more(tmp_path: Path) -> None:
    few, many = (together(Life(400), 3, 4, contents=n).rows_of(NAME, tmp_path) for n in (2, 5))
    assert bits_of(many, 3, 4) > bits_of(few, 3, 4) + 1000


def test_a_group_that_shares_together_weighs_by_its_size(tmp_path: Path) -> None:
    pair = together(Life(400), 3, 4, contents=6)
    group = going_round(Life(400))
    members = range(3, 35)
    for first in members:
        for second in (first + 1, first + 2):
            if second in members:
                together(group, first, second, of=range(2000 + first * 100 + second, 2006 + first * 100 + second))
    of_pair, of_group = (bits_of(life.rows_of(NAME, tmp_path), 3, 4) for life in (pair, group))
    assert 0 < of_group <= 2000 * np.log2(400 / 32) < of_pair


def test_a_class_that_does_its_exercises_in_the_same_minute_shows_nothing(tmp_path: Path) -> None:
    life = going_round(Life(300))
    for day in range(8):
        for exercise in range(2):
            for pupil in range(40):
                at = day * DAY + 9 * HOUR + exercise * 600 * SECOND + life.chance.randrange(40) * SECOND
                life.ask(pupil, at, content=5000 + 10 * day + exercise)
    rows = life.rows_of(NAME, tmp_path)
    assert rows is not None
    assert not rows.pair.size


def test_accounts_that_share_what_goes_round_meet_by_chance(tmp_path: Path) -> None:
    life = going_round(Life(120), contents=6, each=150)
    rows = life.rows_of(NAME, tmp_path)
    assert rows is not None
    assert not (rows.bits > 6000).any()


def test_accounts_dealt_anew_are_called_significant_hardly_ever(tmp_path: Path) -> None:
    life = going_round(Life(200), contents=20, each=40)
    for a in range(0, 80, 2):
        together(life, a, a + 1, of=range(3000 + 10 * a, 3004 + 10 * a))
    path = worlds.exchanges(tmp_path / "e.parquet", life.rows)
    given = worlds.inputs(World(list(range(200))), exchanges=(path,))
    shares = signal.shares_read(PairSource(given, *units_from(given.accounts, given.declared), 200, lambda: -7000))
    real = int(signal.significant(*signal.judged(shares)).sum())
    dealt = []
    for seed in range(100, 110):
        units = shares.dealt(seed)
        order = np.lexsort((units, shares.at, shares.content))
        anew = Shares(shares.content[order], units[order], shares.at[order])
        dealt.append(int(signal.significant(*signal.judged(anew)).sum()))
    assert real >= 40
    assert np.mean(dealt) < 2


def test_a_crowd_in_one_minute_costs_no_more_than_its_budget() -> None:
    n = 3000
    shares = Shares(np.zeros(n, np.int64), np.arange(n), np.sort(np.arange(n) % 50) * SECOND)
    met = signal.meetings(shares, shares.unit)
    assert met.pair.size <= signal.ALONE * n


def test_the_contents_that_gathering_found_give_the_same_rows(tmp_path: Path) -> None:
    life = together(Life(100).everybody(), 3, 4)
    path = worlds.exchanges(tmp_path / "e.parquet", life.rows)
    given = worlds.inputs(World(list(range(100))), exchanges=(path,))
    source = units_from(given.accounts, given.declared)
    shared = np.array([*range(1, 41), *range(1000, 1005)], np.int64)
    first, second = (
        signal.CO_SHARING.look(PairSource(given, *source, 100, lambda: -7000, contents)) for contents in (None, shared)
    )
    assert first is not None and second is not None and first.pair.size
    assert first.pair.tolist() == second.pair.tolist() and first.bits.tolist() == second.bits.tolist()


def test_a_run_shows_it_and_links_nobody_by_it(tmp_path: Path) -> None:
    life = together(Life(300).everybody(), 17, 60, contents=12)
    path = worlds.exchanges(tmp_path / "e.parquet", life.rows)
    result = run(worlds.inputs(World(list(range(300))), exchanges=(path,)), Settings(), workdir=tmp_path / "run")
    assert result.statistics["pair_evidence"] >= 1
    assert not result.links.num_rows


def test_times_before_1970_are_days_too(tmp_path: Path) -> None:
    life = together(Life(200), 3, 4)
    for row in life.rows:
        row["at"] -= 2 * DAYS * DAY
    assert bits_of(life.rows_of(NAME, tmp_path), 3, 4) > 0
