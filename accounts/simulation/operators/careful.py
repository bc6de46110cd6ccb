"""A careful one: a handful of old accounts, human hours, human volumes, nothing shared that can be bought apart."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.operators.ladder import Market, equip, habits_of, pivot, settle
from accounts.simulation.toolkit import DAY, Array, group_sizes, split
from accounts.simulation.world import World

LEVELS = ("E2", "E3", "E4")


def make(world: World, rows: Array, rng: np.random.Generator, market: Market) -> None:
    """Small networks high on the ladder."""
    plan = world.plan
    for turn, members in enumerate(split(rng.permutation(rows), group_sizes(len(rows), min(3, len(rows)), 9, rng))):
        level, n = world.next_level(LEVELS, turn), len(members)
        equip(world, members, level, rng, market, group=2)
        settle(world, members, world.start - (rng.exponential(150, n) * DAY).astype(np.int64))
        pivot(world, members, level, rng)
        plan.rhythm[members] = rng.choice((cat.OFFICE, cat.EVENING), n)
        plan.volume[members] = 90 * rng.lognormal(0, 0.5, n)
        plan.p_continue[members] = 0.4
        habits = habits_of(level, handoff=0.02, migration=0.06, stops=1)
        world.add_operator("careful", members, level=level, abusive=True, habits=habits, coordinated=True)
