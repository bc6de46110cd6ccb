"""What people come to share at one occasion is one reason, whatever it is; what else they share stays one of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from investigations.linkage import Settings, run
from tests.linkage import worlds
from tests.linkage.worlds import Seen, World

HOUR = 3_600_000_000
CROWD = range(600, 607)
SMALL = Settings(actionable_min_cluster=3)


def crowd(*, apart_hours: int, everybody_hours: int = 24) -> World:
    """Seven accounts with an address, a template and an end user in common, created so far apart, among 600 others."""
    world = World([*range(600), *CROWD])
    world.created = {account: account * everybody_hours * HOUR for account in range(600)}
    world.created |= {account: 5000 * HOUR + n * apart_hours * HOUR for n, account in enumerate(CROWD)}
    world.share("ip", 1, CROWD)
    world.share("system_fingerprint", 3, CROWD)
    world.share("end_user_id", 4, CROWD)
    return world


def actionable(world: World, folder: Path, settings: Settings | None = None) -> set[int]:
    members = run(worlds.inputs(world), settings or SMALL, workdir=folder).members.to_pylist()
    assert {row["account"] for row in members} >= set(CROWD)
    return {row["account"] for row in members if row["actionable"]}


def test_who_signed_up_together_at_one_place_has_one_reason(tmp_path: Path) -> None:
    assert actionable(crowd(apart_hours=0), tmp_path) == set()


def test_who_came_to_the_place_at_different_times_has_several(tmp_path: Path) -> None:
    assert actionable(crowd(apart_hours=48), tmp_path) == set(CROWD)


def test_what_no_occasion_brings_about_is_a_reason_beside_it(tmp_path: Path) -> None:
    world = crowd(apart_hours=0)
    world.share("payment_fingerprint", 9, [600, 601, 602])
    assert actionable(world, tmp_path) == {600, 601, 602}


def test_a_place_of_another_time_is_a_reason_beside_it(tmp_path: Path) -> None:
    world, elsewhere = crowd(apart_hours=0), [10, 200, 300, 400]
    world.share("ip", 8, [600, 601, 602, *elsewhere])
    for kind, value in (("system_fingerprint", 3), ("end_user_id", 4)):
        world.share(kind, value, elsewhere)
    assert actionable(world, tmp_path) == {600, 601, 602, *elsewhere}


def test_a_burst_in_which_everybody_came_says_nothing(tmp_path: Path) -> None:
    world = crowd(apart_hours=0)
    world.created = dict.fromkeys(world.accounts, 5)
    assert actionable(world, tmp_path) == set(CROWD)


def test_unknown_sign_ups_and_no_time_at_all_make_no_occasion(tmp_path: Path) -> None:
    world = crowd(apart_hours=0)
    assert actionable(world, tmp_path / "never", replace(SMALL, occasion_hours=0)) == set(CROWD)
    world.created |= dict.fromkeys(CROWD)
    assert actionable(world, tmp_path / "unknown") == set(CROWD)


def opened_elsewhere(*, used_hours_later: int) -> World:
    """Seven accounts with one card, an address and a client each seen at sign-up and last so many hours later."""
    world = World(list(range(6000)))
    world.created = {account: account * 24 * HOUR for account in world.accounts}
    world.share("payment_fingerprint", 3, CROWD)
    for account in CROWD:
        at = account * 24 * HOUR
        world.seen.append(Seen(account, "ip", 1, at, at + used_hours_later * HOUR))
    return world


def test_where_an_account_was_opened_is_no_reason_beside_who_pays(tmp_path: Path) -> None:
    assert actionable(opened_elsewhere(used_hours_later=0), tmp_path / "reseller") == set()
    assert actionable(opened_elsewhere(used_hours_later=24 * 30), tmp_path / "user") == set(CROWD)
    settings = replace(SMALL, opening_hours=0)
    assert actionable(opened_elsewhere(used_hours_later=0), tmp_path / "off", settings) == set(CROWD)


def test_nobody_is_actionable_in_a_cluster_as_small_as_a_household(tmp_path: Path) -> None:
    home = World([*range(600), *CROWD])
    for kind in ("payment_fingerprint", "device_id"):
        home.share(kind, 1, CROWD[:5])
    members = run(worlds.inputs(home), Settings(), workdir=tmp_path).members.to_pylist()
    assert {row["account"] for row in members} == set(CROWD[:5])
    assert not any(row["actionable"] for row in members)


@pytest.mark.parametrize("seed", range(3))
def test_it_only_ever_takes_from_those_who_are_actionable(tmp_path: Path, seed: int) -> None:
    world = worlds.planted(seed)
    world.created = {account: account // 12 * 100 * HOUR for account in world.accounts}
    kept = [
        {row["account"] for row in run(worlds.inputs(world), settings, workdir=tmp_path / name).members.to_pylist()
         if row["actionable"]}
        for name, settings in (("with", SMALL), ("without", replace(SMALL, occasion_hours=0)))
    ]  # fmt: skip
    assert kept[0] <= kept[1]
    assert kept[1]
