"""Sign-ups after a ban: counted in sign-ups, learned without labels, only beside common work, and no reason to act."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from investigations.linkage import Inputs, Result, Settings, run
from investigations.linkage.bans import NO_BAN, NOT_SOON, WITHIN, ban_gaps, banned_at
from investigations.linkage.gather import gather, gathered_from
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.pair import explain_pair, holdings_read
from tests.linkage import worlds
from tests.linkage.worlds import World

HOUR, DAY = 3_600_000_000, 86_400_000_000
DAYS, N, CHAINS, LENGTH, CROWD = 40, 6000, 80, 6, 4000
KIND = "ban_handoff"


def pair(a: int, b: int) -> int:
    return (a << 32) | b


def gap(created: list[int], banned: dict[int, int]) -> int:
    """Of the first two accounts."""
    ended = np.full(len(created), NO_TIME, np.int64)
    for account, at in banned.items():
        ended[account] = at
    return int(ban_gaps(np.array(created, np.int64), ended, np.array([pair(0, 1)], np.int64))[0])


def test_it_counts_the_signups_after_the_ban_whichever_of_the_two_was_banned() -> None:
    assert gap([0, 10 * HOUR, 8 * HOUR, 9 * HOUR, 11 * HOUR], {0: 7 * HOUR}) == 3
    assert gap([10 * HOUR, 0, 8 * HOUR, 9 * HOUR, 11 * HOUR], {1: 7 * HOUR}) == 3
    assert gap([0, 10 * HOUR, 5 * HOUR, 11 * HOUR], {0: 7 * HOUR}) == 1


def test_no_growth_of_the_platform_changes_the_count() -> None:
    assert gap([0, 10 * HOUR, 8 * HOUR], {0: 7 * HOUR}) == gap([0, HOUR, 8 * HOUR // 10], {0: 7 * HOUR // 10}) == 2


def test_who_signed_up_before_the_ban_or_long_after_follows_nothing() -> None:
    assert gap([0, 6 * HOUR], {0: 7 * HOUR}) == NOT_SOON
    assert gap([0, 7 * HOUR], {0: 7 * HOUR}) == NOT_SOON
    assert gap([0, 7 * HOUR + WITHIN], {0: 7 * HOUR}) == 1
    assert gap([0, 7 * HOUR + WITHIN + 1], {0: 7 * HOUR}) == NOT_SOON


def test_two_bans_count_by_the_nearer_and_unknown_times_not_at_all() -> None:
    assert gap([0, 10 * HOUR, 9 * HOUR], {0: 7 * HOUR, 1: 20 * HOUR}) == 2
    assert gap([0, 10 * HOUR], {}) == NO_BAN
    assert gap([0, NO_TIME], {0: 7 * HOUR}) == NO_BAN
    assert gap([NO_TIME, 10 * HOUR], {0: 7 * HOUR, 1: 20 * HOUR}) == 1


def ended(given: Inputs, folder: Path) -> list[int]:
    return banned_at(given, gathered_from(given, *gather(given, Settings(), scratch=folder))).tolist()


def test_an_owner_with_an_account_left_has_not_been_banned(tmp_path: Path) -> None:
    world = World([1, 2, 3, 4, 5], declared=[(1, 7), (2, 7), (3, 8), (4, 8)], banned={1: 10, 2: 30, 3: 20, 5: 40})
    assert ended(worlds.inputs(world), tmp_path) == [30, NO_TIME, 40]
    assert ended(worlds.inputs(World([])), tmp_path) == []


def test_a_suspension_is_a_ban_and_an_account_that_its_holder_closed_is_not(tmp_path: Path) -> None:
    given = worlds.inputs(World([1, 2, 3]))
    accounts = given.accounts.set_column(2, "status", pa.array(["suspended", "closed", None], pa.string()))
    accounts = accounts.set_column(3, "status_changed_at", pa.array([5, 6, 7], pa.int64()))
    assert ended(replace(given, accounts=accounts), tmp_path) == [5, NO_TIME, NO_TIME]


def chains(seed: int = 1, *, after: int = 3 * HOUR, moved: int = 0, crowd: float = 0.0) -> World:
    """Networks of accounts that follow each other: each signs up a little after the ban of the one before. All but the
    last have one card and device, the last shares an address with the one before. All bans are `moved` by so much.
    There are strangers in pairs who do the same work, of whom a share of `crowd` sign up as soon after a ban.
    """
    chance = random.Random(seed)
    world = World(list(range(N)))
    world.created = {account: chance.randrange(DAYS * DAY) for account in range(N)}
    for chain in range(CHAINS):
        mine = range(chain * LENGTH, (chain + 1) * LENGTH)
        at = chance.randrange(5 * DAY)
        for place, account in enumerate(mine):
            world.created[account] = at
            at += chance.randrange(3, 6) * DAY
            world.banned[account] = at + moved
            at += chance.randrange(after // 2, after)
            world.truth[account] = f"chain{chain}"
            if place < LENGTH - 1:
                world.share("payment_fingerprint", chain, [account])
                world.share("device_id", chain, [account])
            if place >= LENGTH - 2:
                world.share("ip", chain, [account])
    for account in range(CHAINS * LENGTH, CHAINS * LENGTH + CROWD, 2):
        ban = world.created[account] + 5 * DAY  # type: ignore[operator]
        world.banned[account] = ban
        if chance.random() < crowd:
            world.created[account + 1] = ban + chance.randrange(after)
    return world


SOME = 0.1
ELSEWHERE = range(CHAINS * LENGTH + CROWD, N)
"""Accounts that do work of their own."""


def neighbours(world: World) -> World:
    """Strangers who rent the same address in pairs, a few pairs with one card and device, and sign up as soon."""
    for n, account in enumerate(ELSEWHERE[::2]):
        world.banned[account] = world.created[account] + 5 * DAY  # type: ignore[operator]
        world.created[account + 1] = world.banned[account] + HOUR
        kinds = ("ip", "payment_fingerprint", "device_id") if n % 64 == 0 else ("ip",)
        for kind in kinds:
            world.share(kind, 10_000 + n, [account, account + 1])
    return world


def large(world: World) -> World:
    """Networks of eleven accounts with one card and device, banned in the end and followed by nobody."""
    for place, account in enumerate(ELSEWHERE[:1100]):
        world.created[account] = account
        world.banned[account] = DAYS * DAY + account
        world.share("payment_fingerprint", 10_000 + place // 11, [account])
        world.share("device_id", 10_000 + place // 11, [account])
    return world


def result_of(world: World, folder: Path, *, shuffle: int | None = None, common: bool = True) -> Result:
    """A run in which every chain and every pair of the crowd have a system prompt and a tool set of their own."""
    folder.mkdir(exist_ok=True)
    chance, rows = random.Random(9), []
    n_large = 1100 if "large" in folder.name else 0
    for account in range(CHAINS * LENGTH + CROWD + n_large):
        size = LENGTH if account < CHAINS * LENGTH else 2 if account < ELSEWHERE[0] else 11
        work = {"system": size * N + account // size, "tools": size * N + account // size} if common else {}
        rows.append({"account": account, "at": chance.randrange(DAYS * DAY), "status": 0, **work})
    if shuffle is not None:
        random.Random(shuffle).shuffle(rows)
    path = worlds.exchanges(folder / "e.parquet", rows)
    return run(worlds.inputs(world, exchanges=(path,), shuffle=shuffle), Settings(), workdir=folder / "run")


def weights(result: Result) -> dict[tuple[int, int], int]:
    """Raw bits of the evidence of this kind, by pair."""
    rows = [row for row in result.evidence.to_pylist() if row["kind"] == KIND]
    return {(row["a"], row["b"]): row["raw_bits"] for row in rows}


def clustered(result: Result, world: World) -> int:
    return sum(account in world.truth for account in result.members["account"].to_pylist())


def test_it_finds_who_shares_the_work_and_follows_each_ban(tmp_path: Path) -> None:
    world = chains()
    result = result_of(world, tmp_path)
    told = weights(result)
    assert len(told) > CHAINS * (LENGTH - 2)
    assert sum(b % LENGTH == LENGTH - 1 for _, b in told) > CHAINS // 2
    right = [b == a + 1 and world.truth.get(a) == world.truth.get(b, "") for a, b in told]
    assert sum(right) > 0.95 * len(told)
    assert min(told.values()) > 3000
    without = replace(world, banned={})
    assert clustered(result, world) > clustered(result_of(without, tmp_path / "without"), world) + CHAINS // 2


@pytest.mark.parametrize("seed", range(3))
def test_bans_dealt_anew_among_the_banned_are_chance(seed: int, tmp_path: Path) -> None:
    world = chains()
    times = list(world.banned.values())
    random.Random(seed).shuffle(times)
    world.banned = dict(zip(world.banned, times, strict=True))
    assert not weights(result_of(world, tmp_path))


def test_another_time_zone_takes_its_weight_away(tmp_path: Path) -> None:
    right, wrong = (
        weights(result_of(chains(), tmp_path / "a")),
        weights(result_of(chains(moved=8 * HOUR), tmp_path / "b")),
    )
    assert not wrong and right


def test_strangers_who_follow_as_soon_take_its_weight_away(tmp_path: Path) -> None:
    alone = weights(result_of(chains(), tmp_path / "a"))
    among = weights(result_of(chains(crowd=SOME), tmp_path / "b"))
    assert max(among.values(), default=0) < min(alone.values()) - 1500


def test_without_common_work_it_says_nothing(tmp_path: Path) -> None:
    assert not weights(result_of(chains(), tmp_path, common=False))


def test_following_at_the_same_address_without_common_work_says_nothing_and_teaches_nothing(tmp_path: Path) -> None:
    alone = weights(result_of(chains(crowd=SOME), tmp_path / "a"))
    among = weights(result_of(neighbours(chains(crowd=SOME)), tmp_path / "b"))
    assert all(b < ELSEWHERE[0] for _, b in among)
    assert abs(max(among.values()) - max(alone.values())) < 300


def test_a_large_network_teaches_little_more_than_a_small_one(tmp_path: Path) -> None:
    alone = weights(result_of(chains(crowd=SOME), tmp_path / "alone"))
    among = weights(result_of(large(chains(crowd=SOME)), tmp_path / "large"))
    assert max(among.values()) > max(alone.values()) - 500


def test_it_says_nothing_of_who_has_not_been_banned_or_when_settings_leave_it_out(tmp_path: Path) -> None:
    assert not weights(result_of(replace(chains(), banned={}), tmp_path / "a"))
    path = worlds.exchanges(tmp_path / "none.parquet", [])
    result = run(worlds.inputs(chains(), exchanges=(path,)), Settings(ignore_kinds=(KIND,)), workdir=tmp_path / "b")
    assert not weights(result) and KIND not in {kind["kind"] for kind in result.model["kinds"]}


def test_a_run_explains_it_with_the_same_bits_and_acts_on_nobody_for_it(tmp_path: Path) -> None:
    result = result_of(chains(), tmp_path)
    for a, b in list(weights(result))[:8]:
        link = next(row for row in result.links.to_pylist() if (row["a"], row["b"]) == (a, b))
        held = holdings_read(tmp_path / "run", (a, b), result.model)
        assert held is not None
        told = explain_pair(*held, result.model)
        assert told.bits == link["bits"]
        (mine,) = [row for row in told.rows if row.kind == KIND]
        assert (mine.seen, mine.value, mine.family) == (1, None, "timing") and 0 < mine.expected < 30_000  # type: ignore[operator]
    assert not any(row["actionable"] for row in result.members.to_pylist())


def test_the_order_of_the_input_changes_nothing(tmp_path: Path) -> None:
    once, again = result_of(chains(), tmp_path / "a"), result_of(chains(), tmp_path / "b", shuffle=3)
    assert worlds.as_bytes(once) == worlds.as_bytes(again)
