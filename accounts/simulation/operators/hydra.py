"""A hydra: many accounts as one tool, work spread over them in shifts so that each looks like a light user."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.operators.ladder import Market, burst_times, equip, habits_of, pivot, settle
from accounts.simulation.toolkit import DAY, HOUR, Array, split
from accounts.simulation.world import World

LEVELS = ("E0", "E2", "E1", "E3", "E0", "E4")


def make(world: World, rows: Array, rng: np.random.Generator, market: Market) -> None:
    """One big hydra with most of the accounts, and smaller ones."""
    rows = rng.permutation(rows)
    for turn, members in enumerate(split(rows, sizes(len(rows), smallest=6, ratio=0.6, most=24))):
        level = world.next_level(LEVELS, turn)
        equip(world, members, level, rng, market, group=4)
        _live(world, members, level, rng)
        _load(world, members, level, rng)
        habits = habits_of(level, handoff=0.05, migration=0.04, stops=3)
        world.add_operator("hydra", members, level=level, abusive=True, habits=habits, coordinated=True)


def sizes(total: int, *, smallest: int, ratio: float, most: int) -> list[int]:
    """A first network of `ratio` of the accounts, a second of `ratio` of the rest, and so on; at most `most`."""
    made: list[int] = []
    left = total
    while left >= 2 * smallest and len(made) < most - 1:
        size = max(smallest, min(round(left * ratio), left - smallest))
        made.append(size)
        left -= size
    return [*made, left] if left else made


def _live(world: World, members: Array, level: str, rng: np.random.Generator) -> None:
    plan, n = world.plan, len(members)
    settle(world, members, burst_times(world, n, level, rng))
    lost = members[: n * 3 // 10]
    at = plan.active_from[lost] + ((0.2 + 0.7 * rng.random(len(lost))) * (world.end - plan.active_from[lost])).astype(
        np.int64
    )
    at = at // 1_000_000 * 1_000_000
    plan.ban(lost, at)
    heirs = members[n - len(lost) :]
    if level != "E4":
        settle(world, heirs, at + (rng.random(len(lost)) * 20 * HOUR).astype(np.int64))
        plan.created_at[heirs] = np.minimum(plan.created_at[heirs], world.end - HOUR)
        plan.active_from[heirs] = plan.created_at[heirs]
    pivot(world, members, level, rng)


def _load(world: World, members: Array, level: str, rng: np.random.Generator) -> None:
    plan, n = world.plan, len(members)
    shifts = np.array((cat.SHIFT_A, cat.SHIFT_B, cat.SHIFT_C))
    plan.rhythm[members] = (
        shifts[rng.permutation(n) % 3] if level != "E4" else rng.choice((cat.FLAT, cat.NIGHT, cat.OFFICE), n)
    )
    plan.zone[members] = 0 if level != "E4" else plan.zone[members]
    days = (plan.active_until[members] - plan.active_from[members]) / DAY
    plan.volume[members] = days * 14 * rng.lognormal(0, 0.25, n)
    plan.per_session[members] = np.clip(rng.lognormal(2.3, 0.3, n), 4, 30)
