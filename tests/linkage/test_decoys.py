"""What chance alone brings about, where the data teach nothing else: values dealt anew, and the line that follows."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from investigations.linkage import Inputs, Result, Settings, run
from investigations.linkage.decoys import LEVELS, all_holdings, dealt, lift_over
from investigations.linkage.gather import Gathered, gather, gathered_from
from tests.linkage import worlds
from tests.linkage.worlds import World

SIZE = 3000


def gathered_of(inputs: Inputs, scratch: Path) -> Gathered:
    """What accounts of the inputs share."""
    table, kinds = gather(inputs, Settings(), scratch=scratch)
    return gathered_from(inputs, table, kinds)


def busy(seed: int, *, operators: int) -> World:
    """Two kinds of value, of which everybody has many that a few random others have, too; and operators of four."""
    chance = random.Random(seed)
    world = World(list(range(SIZE)))
    for value in range(9000):
        world.share("note", 10_000 + value, chance.sample(range(SIZE), 3))
        world.share("device_id", 20_000 + value, chance.sample(range(SIZE), 4))
    for operator in range(operators):
        accounts = range(4 * operator, 4 * operator + 4)
        for value in range(3):
            world.share("note", 30_000 + 3 * operator + value, accounts)
            world.share("device_id", 50_000 + 3 * operator + value, accounts)
    return world


def linked(world: World, workdir: Path) -> Result:
    return run(worlds.inputs(world), Settings(), workdir=workdir)


def test_dealing_keeps_who_holds_much_and_how_many_hold_a_value(tmp_path: Path) -> None:
    world = busy(1, operators=0)
    for value in range(2000):
        world.share("note", 90_000 + value, [value % 100])
    inputs = worlds.inputs(world)
    was = gathered_of(inputs, tmp_path)
    every = all_holdings(inputs, was)
    assert [held.size for held in every] == [36_000, 29_000]
    now = dealt(was, every, [1, 0])
    value = np.repeat(np.arange(now.n_values), now.value_holders)
    assert (now.value_holders <= was.value_holders).all()
    assert now.holders.size >= 0.99 * was.holders.size
    assert (np.diff(now.holders)[np.diff(value) == 0] > 0).all()
    notes = now.holders[now.value_kind[value] == now.kinds.index("note")]
    assert (notes < 100).mean() == pytest.approx((every[1] < 100).mean(), rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_what_chance_brings_about_links_nobody(tmp_path: Path, seed: int) -> None:
    result = linked(busy(seed, operators=0), tmp_path)
    decoys = result.model["weights"]["decoys"]
    assert decoys["links"] > 100
    assert decoys["lift"] > 0
    assert result.members.num_rows <= SIZE // 1000


@pytest.mark.parametrize("seed", range(2))
def test_networks_stand_out_from_chance(tmp_path: Path, seed: int) -> None:
    result = linked(busy(seed, operators=40), tmp_path)
    found = set(result.members["account"].to_pylist())
    assert len(found & set(range(160))) >= 150
    assert len(found - set(range(160))) <= SIZE // 100


def test_learned_weights_need_no_decoys(tmp_path: Path) -> None:
    world = worlds.planted(3)
    weights = linked(world, tmp_path).model["weights"]
    assert "classes" in weights
    assert "decoys" not in weights


def levels(**counts: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How many there are by level: `l3=5` five at level 3."""
    out = np.zeros(LEVELS)
    for name, count in counts.items():
        out[int(name[1:])] = count
    return out


@pytest.mark.parametrize(
    ("found", "by_chance", "lift"),
    [
        (levels(l0=3), levels(), 0),  # chance never does: believed
        (levels(l0=100, l5=100), levels(l0=1), 0),
        (levels(l0=100, l5=100), levels(l0=90, l5=1), 5),
        (levels(l0=100, l2=110, l5=100), levels(l0=90, l2=1, l5=0.3), 2),
        (levels(l0=100, l5=30), levels(l0=90, l5=28), LEVELS),
        (levels(l2=270, l3=67), levels(l2=50, l3=22), 0),  # a level between that is a little worse goes with the next
        (levels(), levels(), 0),
    ],
)
def test_the_line_goes_where_links_outnumber_chance(
    found: np.ndarray[tuple[int], np.dtype[np.float64]],
    by_chance: np.ndarray[tuple[int], np.dtype[np.float64]],
    lift: int,
) -> None:
    assert lift_over(found, by_chance, 1.0) == lift
