"""Sign-up gaps: measured in sign-ups, learned without labels, cheap, and no reason to act."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from investigations.linkage import Result, Settings, run
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.levels import level_of
from investigations.linkage.pair import explain_pair, holdings_read
from investigations.linkage.signups import MOST_AGAINST, UNKNOWN, gap_millibits, signup_gaps
from tests.linkage import worlds
from tests.linkage.worlds import World

HOUR = 3_600_000_000


def pair(a: int, b: int) -> int:
    return (a << 32) | b


def test_a_gap_counts_the_signups_in_between_whatever_the_time() -> None:
    created = np.array([0, 10, 20, 1000, 10**12, NO_TIME], np.int64)
    pairs = np.array([pair(0, 1), pair(0, 3), pair(3, 4), pair(4, 5)], np.int64)
    assert signup_gaps(created, pairs).tolist() == [1, 3, 1, UNKNOWN]
    assert signup_gaps(10 * created[:5], pairs[:3]).tolist() == [1, 3, 1]


def test_who_signed_up_with_everybody_is_as_far_as_can_be() -> None:
    assert signup_gaps(np.zeros(100, np.int64), np.array([pair(3, 4)], np.int64)).tolist() == [99]


def learned(near_matches: int, near_strangers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Bits from 400 pairs that surely match and 4,000 that surely don't, of which so many are near."""
    gaps = np.full(4400, 5000, np.int64)
    gaps[:near_matches] = 3
    gaps[400 : 400 + near_strangers] = 3
    over = np.where(np.arange(4400) < 400, 9000, -15_000).astype(np.int32)
    return gap_millibits(gaps, over, Settings())


def test_near_counts_for_and_far_against_only_where_matches_are_near() -> None:
    near, far = level_of(np.array([3, 5000]))
    told = learned(300, 40)
    assert told[near] > 5000
    assert -1000 * MOST_AGAINST <= told[far] < -1000
    same = learned(40, 400)
    assert abs(same[near]) < 300 and abs(same[far]) < 300


def test_a_crowd_of_strangers_that_came_together_takes_its_weight_away() -> None:
    near = level_of(np.array([3]))[0]
    assert learned(300, 40)[near] > learned(300, 400)[near] + 2500 > learned(300, 3000)[near] + 4500


def test_nothing_known_says_nothing() -> None:
    none = gap_millibits(np.full(5, UNKNOWN, np.int64), np.full(5, 9000, np.int32), Settings())
    assert not none.any()
    assert not gap_millibits(np.empty(0, np.int64), np.empty(0, np.int32), Settings()).any()


def test_it_is_left_out_when_settings_say_so(tmp_path: Path) -> None:
    settings = Settings(ignore_kinds=("signup_gap",))
    result = run(worlds.inputs(bursts()), settings, workdir=tmp_path)
    assert result.links.num_rows
    assert "signup_gap" not in set(result.evidence["kind"].to_pylist())


def bursts(seed: int = 1) -> World:
    """Operators of ten that sign up together and share cards in threes, and pairs of strangers that share one."""
    chance = random.Random(seed)
    world = World(list(range(2000)))
    world.created = {account: chance.randrange(10**6) * HOUR for account in range(2000)}
    for operator in range(20):
        mine = range(operator * 10, operator * 10 + 10)
        begin = chance.randrange(10**6) * HOUR
        for place, account in enumerate(mine):
            world.created[account] = begin + place * HOUR
            world.share("payment_fingerprint", operator * 10 + place // 3, [account])
            world.share("device_id", operator * 10 + place // 2, [account])
            world.share("email", operator * 10 + (place + 1) // 2 % 5, [account])
    for n in range(300):
        world.share("note", n, chance.sample(range(200, 2000), 2))
    return world


def result_of(world: World, folder: Path, shuffle: int | None = None) -> Result:
    return run(worlds.inputs(world, shuffle=shuffle), Settings(), workdir=folder)


def test_a_run_says_it_with_the_gap_and_explains_it_with_the_same_bits(tmp_path: Path) -> None:
    result = result_of(bursts(), tmp_path)
    rows = [row for row in result.evidence.to_pylist() if row["kind"] == "signup_gap"]
    assert rows and all(row["value"] is None for row in rows)
    near = [row for row in rows if row["seen"] < 20]
    assert near and all(row["raw_bits"] > 0 for row in near)
    for link in result.links.to_pylist()[:5]:
        held = holdings_read(tmp_path, (link["a"], link["b"]), result.model)
        assert held is not None
        assert explain_pair(*held, result.model).bits == link["bits"]


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_the_input_changes_nothing(seed: int, tmp_path: Path) -> None:
    once, again = result_of(bursts(seed), tmp_path / "a"), result_of(bursts(seed), tmp_path / "b", shuffle=3)
    assert worlds.as_bytes(once) == worlds.as_bytes(again)
