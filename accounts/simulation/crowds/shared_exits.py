"""Many unrelated people behind few addresses: carrier NAT, campus, office building, VPN."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.toolkit import Array, group_sizes, split
from accounts.simulation.world import World


def carrier_nat(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Phones behind a carrier's NAT: nearly all sessions come from a handful of addresses."""
    for members in split(rows, group_sizes(len(rows), min(30, len(rows)), 4_000, rng)):
        pool = world.exit_pool(max(1, len(members) // 150), "mobile", rng)
        _behind(world, members, pool, share=0.9)
        world.plan.surface[members] = 1
        world.plan.agent[members] = rng.choice([3, 7, 11, 15], len(members), p=(0.5, 0.3, 0.15, 0.05))
        world.plan.tls[members] = (world.plan.agent[members] * 13 + rng.integers(0, 2, len(members))) % cat.N_STACKS
        world.plan.signup_address[members] = world.pools.draw_from(pool, len(members), rng)


def campus(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Students of one university: its exit, its mail domain, its term rhythm."""
    for members in split(rows, group_sizes(len(rows), min(25, len(rows)), 1_500, rng)):
        pool = world.exit_pool(max(1, len(members) // 200), "campus", rng)
        _behind(world, members, pool, share=0.6)
        world.plan.rhythm[members] = cat.STUDENT
        with_mail = members[rng.random(len(members)) < 0.6]
        world.plan.mail_domain[with_mail] = cat.OWN_DOMAIN + world.fresh(1)[0]
        world.plan.mail_style[with_mail] = 0
        same_country(world, members)


def office(world: World, rows: Array, rng: np.random.Generator) -> None:
    """People of different companies in one building or co-working space."""
    for members in split(rows, group_sizes(len(rows), min(8, len(rows)), 200, rng)):
        _behind(world, members, world.exit_pool(1, "office", rng), share=0.65)
        world.plan.rhythm[members] = cat.OFFICE
        same_country(world, members)


def vpn(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Customers of a VPN: exits all over the world, shared with everyone else who has the same provider."""
    for members in split(rows, group_sizes(len(rows), min(40, len(rows)), 5_000, rng)):
        pool = world.exit_pool(max(2, len(members) // 40), "vpn", rng)
        _behind(world, members, pool, share=0.75)
        behind = members[rng.random(len(members)) < 0.7]
        world.plan.signup_address[behind] = world.pools.draw_from(pool, len(behind), rng)


def same_country(world: World, members: Array) -> None:
    """Puts the members into the first one's country and time zone."""
    world.plan.country[members] = world.plan.country[members[0]]
    world.plan.zone[members] = world.plan.zone[members[0]]


def _behind(world: World, members: Array, pool: int, *, share: float) -> None:
    world.plan.pool[members] = pool
    world.plan.p_pool[members] = share
