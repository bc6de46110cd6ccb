"""A household: a few people with one address, often one card, sometimes one tablet. One operator, no abuse."""

from __future__ import annotations

import numpy as np

from accounts.simulation.crowds.shared_exits import same_country
from accounts.simulation.toolkit import Array, group_sizes, split
from accounts.simulation.world import World


def make(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Families of two to five."""
    plan = world.plan
    for members in split(rows, group_sizes(len(rows), min(2, len(rows)), 5, rng)):
        first = members[0]
        plan.home[members], plan.signup_address[members] = plan.home[first], plan.home[first]
        if rng.random() < 0.6:
            plan.payment[members] = np.where(plan.payment[members] >= 0, world.fresh(1)[0], -1)
        if rng.random() < 0.4:
            plan.other_device[members], plan.p_other[members] = world.fresh(1)[0], 0.3
        if rng.random() < 0.2:
            plan.phone[members] = world.fresh(1)[0]
        same_country(world, members)
        world.add_operator("household", members, abusive=False)
