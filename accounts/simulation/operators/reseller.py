"""A reseller: one company opens and pays accounts for customers who then use them from wherever they are. No abuse."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.toolkit import Array, group_sizes, split
from accounts.simulation.world import World


def make(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Resellers with four to sixty customers: one card, referral and sign-up office; use as different as people are."""
    plan = world.plan
    for members in split(rows, group_sizes(len(rows), min(4, len(rows)), 60, rng)):
        cards = world.fresh(max(1, len(members) // 20))
        plan.payment[members] = cards[rng.integers(0, len(cards), len(members))]
        plan.plan[members], plan.referrer[members], plan.entry[members] = cat.TEAM, 6, 5
        plan.signup_address[members] = world.new_addresses(1, "office", rng)[0]
        plan.referral[members] = world.fresh(1)[0]
        domain = cat.OWN_DOMAIN + world.fresh(1)[0]
        plan.mail_domain[members] = np.where(rng.random(len(members)) < 0.3, domain, plan.mail_domain[members])
        plan.mail_style[members] = np.where(plan.mail_domain[members] == 0, plan.mail_style[members], 0)
        world.add_operator("reseller", members, abusive=False)
