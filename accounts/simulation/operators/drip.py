"""A drip: a few exchanges a day from each account, for weeks, below every limit."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.operators.hydra import sizes
from accounts.simulation.operators.ladder import Market, burst_times, equip, habits_of, pivot, settle
from accounts.simulation.toolkit import DAY, Array, split
from accounts.simulation.world import World

LEVELS = ("E1", "E2", "E0", "E3")


def make(world: World, rows: Array, rng: np.random.Generator, market: Market) -> None:
    """Networks that hardly do anything."""
    for turn, members in enumerate(split(rng.permutation(rows), sizes(len(rows), smallest=4, ratio=0.4, most=60))):
        level = world.next_level(LEVELS, turn)
        equip(world, members, level, rng, market, group=3)
        settle(world, members, burst_times(world, len(members), level, rng, last=0.25))
        pivot(world, members, level, rng)
        plan = world.plan
        days = (plan.active_until[members] - plan.active_from[members]) / DAY
        plan.rhythm[members], plan.zone[members] = cat.FLAT, 0
        plan.volume[members] = days * 2.5
        plan.per_session[members] = 2.5
        plan.p_continue[members] = 0.0
        habits = habits_of(level, handoff=0.01, migration=0.01, stops=2)
        world.add_operator("drip", members, level=level, abusive=True, habits=habits, coordinated=True)
