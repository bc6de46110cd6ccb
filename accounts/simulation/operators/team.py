"""A team: honest staff of one company, with an office, a domain and half a company card. It counts neither way."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.crowds.shared_exits import same_country
from accounts.simulation.toolkit import DAY, HOUR, SECOND, Array, group_sizes, split
from accounts.simulation.world import World


def make(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Companies of four to eighty: the main false positive of every linker."""
    plan = world.plan
    for members in split(rows, group_sizes(len(rows), min(4, len(rows)), 80, rng)):
        n = len(members)
        office = world.exit_pool(1 + n // 40, "office", rng)
        plan.pool[members], plan.p_pool[members] = office, 0.7
        plan.mail_domain[members], plan.mail_style[members] = cat.OWN_DOMAIN + world.fresh(1)[0], 0
        company_card = rng.random(n) < 0.5
        plan.payment[members[company_card]] = world.fresh(1)[0]
        plan.plan[members[company_card]] = cat.TEAM
        plan.organization[members] = world.fresh(1)[0]
        plan.rhythm[members] = cat.OFFICE
        developers = members[plan.surface[members] == 0]
        plan.system[developers] = world.fresh(1)[0]
        plan.signup_address[members] = world.pools.draw_from(office, n, rng)
        _join(world, members, rng)
        same_country(world, members)
        world.add_operator("team", members, abusive=False)


def _join(world: World, members: Array, rng: np.random.Generator) -> None:
    """Half of a team joins on the morning when the company decides for the platform."""
    plan = world.plan
    clean = members[(plan.status[members] == cat.ACTIVE) & (rng.random(len(members)) < 0.5)]
    morning = int(rng.integers(world.start - 60 * DAY, world.start + 10 * DAY)) // DAY * DAY + 8 * HOUR
    plan.created_at[clean] = (morning + rng.integers(0, 2 * HOUR, len(clean))) // SECOND * SECOND
    plan.active_from[clean] = np.maximum(plan.created_at[clean], world.start)
