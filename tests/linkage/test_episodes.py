"""Since when an account is its cluster's: a stolen account's owner is not accused, an operator's account is from the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from investigations.linkage import Settings, run
from tests.linkage import worlds
from tests.linkage.worlds import Seen, World

HOUR, DAY = 3_600_000_000, 86_400_000_000
THEFT = 20 * DAY
RING = range(10)
STOLEN = 10


def used(account: int, begin: int, end: int, number: int) -> list[Seen]:
    """A device, a client and a network of the account's own, from one day to another."""
    kinds = ("device_id", "tls_fingerprint", "ip")
    return [Seen(account, kind, 10_000 * n + number, begin, end) for n, kind in enumerate(kinds, 1)]


def ring(stolen: list[Seen]) -> World:
    """Ten accounts on two devices, used all along with clients and networks of their own, and the stolen one."""
    world = World([*RING, STOLEN, *range(100, 2100)])
    for account in RING:
        world.seen += used(account, 0, 40 * DAY, account)
    for account in (*RING, STOLEN):
        begin = THEFT + 2 * HOUR if account == STOLEN else DAY // 2
        world.seen.append(Seen(account, "device_id", 1 + account % 2, begin, 40 * DAY))
    for account in range(100, 2100):
        world.seen += used(account, 0, 40 * DAY, account)
    world.share("email", 5, [*RING, STOLEN])
    world.seen += stolen
    return world


def since(world: World, folder: Path, account: int = STOLEN) -> int | None:
    members = run(worlds.inputs(world), Settings(), workdir=folder).members.to_pylist()
    return next(row["since"] for row in members if row["account"] == account)


def test_a_stolen_account_is_accused_from_the_change_of_hands_on(tmp_path: Path) -> None:
    stolen = used(STOLEN, 0, THEFT - DAY, 7000) + used(STOLEN, THEFT + HOUR, 40 * DAY, 7001)
    world = ring(stolen)
    assert since(world, tmp_path) == THEFT + HOUR
    assert all(since(world, tmp_path, account) is None for account in RING)


@pytest.mark.parametrize(
    "life",
    [
        used(STOLEN, 0, 40 * DAY, 7000),
        used(STOLEN, THEFT - 3 * DAY, THEFT - DAY, 7000) + used(STOLEN, THEFT + HOUR, 40 * DAY, 7001),
        [seen for day in range(0, 40, 4) for seen in used(STOLEN, day * DAY, (day + 4) * DAY, 7000 + day)],
    ],
    ids=["the same all along", "hardly a life before", "always something new"],
)
def test_without_one_change_of_hands_all_of_its_life_is_accused(life: list[Seen], tmp_path: Path) -> None:
    assert since(ring(life), tmp_path) is None


def test_a_new_network_alone_is_no_change_of_hands(tmp_path: Path) -> None:
    world = ring([*used(STOLEN, 0, 40 * DAY, 7000), Seen(STOLEN, "ip", 31_999, THEFT + HOUR, 40 * DAY)])
    world.seen = [seen for seen in world.seen if not (seen.account == STOLEN and seen.value in (1, 2))]
    world.share("payment_fingerprint", 3, [*RING, STOLEN])
    assert since(world, tmp_path) is None


def test_a_change_after_the_evidence_is_not_its_beginning(tmp_path: Path) -> None:
    life = used(STOLEN, 0, 30 * DAY, 7000) + used(STOLEN, 35 * DAY, 40 * DAY, 7001)
    world = ring(life)
    world.seen = [seen for seen in world.seen if not (seen.account == STOLEN and seen.value in (1, 2))]
    world.seen.append(Seen(STOLEN, "device_id", 1, 0, 40 * DAY))
    assert since(world, tmp_path) is None


def test_unknown_times_say_nothing(tmp_path: Path) -> None:
    world = ring([])
    world.seen = [Seen(seen.account, seen.kind, seen.value) for seen in world.seen]
    assert since(world, tmp_path) is None
