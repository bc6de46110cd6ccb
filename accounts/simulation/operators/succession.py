"""A succession: one account at a time; hours after a ban the next one goes on where it ended."""

from __future__ import annotations

import numpy as np

from accounts.simulation.operators.ladder import Market, equip, habits_of, pivot, settle
from accounts.simulation.toolkit import DAY, HOUR, MINUTE, Array, group_sizes, split
from accounts.simulation.world import World

LEVELS = ("E0", "E1", "E2", "E0", "E3")


def make(world: World, rows: Array, rng: np.random.Generator, market: Market) -> None:
    """Chains of accounts; the last one is still there."""
    for turn, members in enumerate(split(rng.permutation(rows), group_sizes(len(rows), min(4, len(rows)), 12, rng))):
        level = world.next_level(LEVELS, turn)
        equip(world, members, level, rng, market, group=2)
        _follow(world, members, level, rng)
        pivot(world, members, level, rng)
        habits = habits_of(level, handoff=0.0, migration=0.5, stops=0)
        world.add_operator("succession", members, level=level, abusive=True, habits=habits, coordinated=True)


def _follow(world: World, members: Array, level: str, rng: np.random.Generator) -> None:
    plan, n = world.plan, len(members)
    edges = np.linspace(world.start + DAY, world.end, n + 1)[:-1] + rng.random(n) * 6 * HOUR
    begins = edges.astype(np.int64)
    ends = (
        np.append(begins[1:] - (rng.random(n - 1) * 9 + 1).astype(np.int64) * HOUR, world.end) // 1_000_000 * 1_000_000
    )
    registered = begins - (rng.random(n) * 30 * MINUTE).astype(np.int64)
    aged = rng.random(n) < (0.8 if level in ("E3", "E4") else 0.25)
    settle(world, members, np.where(aged, begins - (rng.random(n) * 200 * DAY).astype(np.int64), registered))
    plan.active_from[members] = begins
    plan.active_until[members] = ends
    plan.ban(members[:-1], ends[:-1])
    plan.rhythm[members] = plan.rhythm[members[0]]
    plan.zone[members] = plan.zone[members[0]]
    plan.volume[members] = (ends - begins) / DAY * 18
    plan.per_session[members] = 8
