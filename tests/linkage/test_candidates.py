"""Which pairs are looked at: near-linearly many, and the same ones however accounts came to have their values."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from investigations.linkage import Settings
from investigations.linkage.candidates import candidate_pairs
from investigations.linkage.gather import Ints, gather, gathered_from
from tests.linkage import worlds
from tests.linkage.worlds import World

HOLDERS = 40


def pairs_of(world: World, folder: Path) -> Ints:
    """The candidate pairs of a world in which every value weighs something."""
    inputs = worlds.inputs(world)
    table, kinds = gather(inputs, Settings(), scratch=folder)
    gathered = gathered_from(inputs, table, kinds)
    return candidate_pairs(gathered, np.ones(gathered.n_values, np.int32), Settings())


def crowded() -> World:
    """Values with so many holders that not all of their pairs are made."""
    chance = random.Random(5)
    world = World(list(range(600)))
    for value in range(40):
        world.share("device_id", 1_000 + value, chance.sample(range(600), HOLDERS))
        world.share("payment_fingerprint", 2_000 + value, chance.sample(range(600), HOLDERS))
    return world


def test_a_value_makes_no_more_pairs_than_the_budget_for_each_holder(tmp_path: Path) -> None:
    pairs = pairs_of(crowded(), tmp_path)
    assert 80 * HOLDERS <= pairs.size <= 80 * HOLDERS * Settings().budget
    assert pairs.size < 0.9 * 80 * HOLDERS * (HOLDERS - 1) / 2


def test_how_values_were_numbered_changes_no_pair(tmp_path: Path) -> None:
    """A load that was cut off and repeated numbers the same values in another order."""
    world = crowded()
    numbers = sorted({seen.value for seen in world.seen})
    renumbered = dict(zip(numbers, random.Random(6).sample(range(5_000, 6_000), len(numbers)), strict=True))
    other = replace(world, seen=[replace(seen, value=renumbered[seen.value]) for seen in world.seen])
    assert pairs_of(world, tmp_path).tolist() == pairs_of(other, tmp_path).tolist()
