"""A relay: a pool of accounts resold as one service, so that honest end users' traffic runs in all of them."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.operators.hydra import sizes
from accounts.simulation.operators.ladder import Market, burst_times, equip, habits_of, pivot, settle
from accounts.simulation.people import N_TEMPLATES
from accounts.simulation.toolkit import DAY, Array, split
from accounts.simulation.world import World

LEVELS = ("E0", "E2", "E1", "E3")


def make(world: World, rows: Array, rng: np.random.Generator, market: Market) -> None:
    """Pools: wide in topics and hours, with conversations that wander from account to account."""
    plan = world.plan
    for turn, members in enumerate(split(rng.permutation(rows), sizes(len(rows), smallest=5, ratio=0.5, most=40))):
        level, n = world.next_level(LEVELS, turn), len(members)
        equip(world, members, level, rng, market, group=3)
        settle(world, members, burst_times(world, n, level, rng))
        pivot(world, members, level, rng)
        days = (plan.active_until[members] - plan.active_from[members]) / DAY
        plan.rhythm[members], plan.volume[members] = cat.FLAT, days * 20 * rng.lognormal(0, 0.3, n)
        plan.p_continue[members] = 0.6
        plan.end_users[members] = min(40 + n * 12, 8_000)
        plan.end_user_base[members] = world.fresh(n) if level == "E4" else world.fresh(1)[0]
        plan.host[members] = -1 if level in ("E3", "E4") else world.fresh(1)[0]
        if level != "E4":
            plan.p_popular[members] = 0.1
            plan.system[members] = np.where(rng.random(n) < 0.5, rng.integers(0, N_TEMPLATES, n), plan.system[members])
        habits = habits_of(level, handoff=0.04, migration=0.25, stops=2)
        world.add_operator("relay", members, level=level, abusive=True, habits=habits, coordinated=True)
