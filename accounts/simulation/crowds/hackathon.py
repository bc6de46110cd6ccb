"""A hackathon hour: strangers sign up together, at one place, with one promotion and one starter kit."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.crowds.shared_exits import same_country
from accounts.simulation.toolkit import DAY, HOUR, SECOND, Array, group_sizes, split
from accounts.simulation.world import World


def hackathon(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Events of 12 to 200 people: sign-up within the hour, two days behind one exit, then home."""
    plan = world.plan
    for members in split(rows, group_sizes(len(rows), min(12, len(rows)), 200, rng)):
        at = int(rng.integers(world.start, world.end - 3 * DAY)) // HOUR * HOUR
        plan.created_at[members] = (at + rng.integers(0, HOUR, len(members))) // SECOND * SECOND
        plan.active_from[members] = plan.created_at[members]
        stays = rng.random(len(members)) < 0.3
        plan.active_until[members] = np.where(stays, world.end, at + 2 * DAY)
        plan.status[members], plan.status_at[members] = cat.ACTIVE, -1
        venue = world.exit_pool(2, "office", rng)
        plan.pool[members], plan.p_pool[members] = venue, 0.8
        plan.signup_address[members] = world.pools.draw_from(venue, len(members), rng)
        plan.entry[members], plan.referrer[members] = 4, 5
        plan.referral[members] = world.fresh(1)[0]
        plan.surface[members], plan.plan[members] = 0, cat.API
        plan.payment[members] = np.where(plan.payment[members] >= 0, plan.payment[members], -1)
        plan.system[members], plan.tools[members], plan.parameters[members] = world.fresh(3)
        plan.agent[members] = len(cat.BROWSERS) + rng.integers(0, 2, len(members))
        same_country(world, members)
