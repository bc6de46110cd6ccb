"""Stolen accounts: an honest owner's life, then the thief's; some owners come back, some go on beside the thief."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.operators.ladder import Market, equip, habits_of, pivot
from accounts.simulation.toolkit import DAY, HOUR, SECOND, Array, group_sizes, split
from accounts.simulation.world import World

LEVELS = ("E1", "E0", "E2", "E3")
_ACCOUNT_FACTS = (
    "created_at", "country", "plan", "entry", "referrer", "organization", "payment", "mail", "mail_domain",
    "mail_style", "mail_variant", "phone", "signup_address", "referral", "recovery",
)  # fmt: skip


def make(world: World, rows: Array, rng: np.random.Generator, market: Market) -> None:
    """Thieves with a few to some dozens of accounts each; the truth says since when, and until when."""
    for turn, victims in enumerate(split(rng.permutation(rows), group_sizes(len(rows), min(3, len(rows)), 40, rng))):
        level = world.next_level(LEVELS, turn)
        thieves = world.take_thieves(victims)
        equip(world, thieves, level, rng, market, group=3)
        _keep_owner(world, victims, thieves)
        _steal(world, victims, thieves, level, rng)
        habits = habits_of(level, handoff=0.05, migration=0.05, stops=1)
        world.add_operator("takeover", thieves, level=level, abusive=True, habits=habits, coordinated=True)


def _keep_owner(world: World, victims: Array, thieves: Array) -> None:
    for name in _ACCOUNT_FACTS:
        column = getattr(world.plan, name)
        column[thieves] = column[victims]


def _steal(world: World, victims: Array, thieves: Array, level: str, rng: np.random.Generator) -> None:
    plan, n = world.plan, len(victims)
    span = world.end - world.start
    plan.created_at[victims] = plan.created_at[thieves] = (
        np.minimum(plan.created_at[victims], world.start - (rng.random(n) * 300 * DAY).astype(np.int64))
        // SECOND
        * SECOND
    )
    plan.active_from[victims], plan.active_until[victims] = world.start, world.end
    plan.status[victims], plan.status_at[victims] = cat.ACTIVE, -1
    wave = world.start + int(span * (0.35 + 0.2 * rng.random()))
    spread = 3 * HOUR if level != "E4" else 15 * DAY
    since = (wave + (rng.random(n) * spread).astype(np.int64)) // SECOND * SECOND
    until = np.minimum(since + ((4 + 14 * rng.random(n)) * DAY).astype(np.int64), world.end) // SECOND * SECOND
    gone = rng.random(n) < 0.5
    plan.active_until[victims[gone]] = since[gone]
    caught = rng.random(n) < 0.4
    plan.status[victims[caught]], plan.status_at[victims[caught]] = cat.SUSPENDED, until[caught]
    plan.active_until[victims[caught]] = np.minimum(plan.active_until[victims[caught]], until[caught])
    plan.active_from[thieves], plan.active_until[thieves] = since, until
    pivot(world, thieves, level, rng)
    plan.rhythm[thieves], plan.zone[thieves] = cat.FLAT, 0
    plan.volume[thieves] = (until - since) / DAY * 25
    plan.volume[victims] = np.maximum(plan.volume[victims], 1.0)
    world.since[victims], world.until[victims] = since, until
