"""Ordinary accounts: everyone begins as one, and crowds and operators change what sets them apart."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.toolkit import DAY, Array, draw, zipf_table
from accounts.simulation.world import World

N_TEMPLATES = 200
"""Popular system templates; tool sets and parameter sets are numbered after them."""
N_TOOLSETS = 120
N_PARAMETERS = 300
N_POPULAR_PROMPTS = 4_000


def ordinary(world: World) -> None:
    """Fills every account's row as an ordinary person's."""
    plan, n, rng = world.plan, world.n, world.stream("people")
    rows = np.arange(n)
    plan.country[:n] = rng.choice(len(cat.COUNTRIES), n, p=cat.COUNTRY_WEIGHTS)
    plan.zone[:n] = np.array([country.zone_hours for country in cat.COUNTRIES])[plan.country[:n]]
    _lives(world, rng)
    _contacts(world, rng)
    client(world, rows, rng)
    _use(world, rng)
    _places(world, rng)


def client(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Gives the rows devices and stacks of their own choice: popular ones are popular."""
    plan, n = world.plan, len(rows)
    plan.device[rows] = rows * 8
    plan.other_device[rows] = rows * 8 + 1
    plan.p_other[rows] = np.where(rng.random(n) < 0.35, 0.3, 0.0)
    plan.cookie[rows] = np.where(rng.random(n) < 0.5, rows * 8 + 2, -1)
    for tls, agent in (("tls", "agent"), ("other_tls", "other_agent")):
        web = plan.surface[rows] != 0
        agents = np.where(web, _browser(n, rng), len(cat.BROWSERS) + _tool(n, rng))
        getattr(plan, agent)[rows] = agents
        getattr(plan, tls)[rows] = (agents * 13 + draw(_STACK, n, rng)) % cat.N_STACKS


_BROWSER = zipf_table(len(cat.BROWSERS), 1.0)
_TOOL = zipf_table(len(cat.TOOLS), 0.9)
_STACK = zipf_table(12, 2.2)


def _browser(n: int, rng: np.random.Generator) -> Array:
    return draw(_BROWSER, n, rng)


def _tool(n: int, rng: np.random.Generator) -> Array:
    return (draw(_TOOL, n, rng) * 37) % len(cat.TOOLS)


def _lives(world: World, rng: np.random.Generator) -> None:
    plan, n = world.plan, world.n
    older = rng.random(n) < 0.72
    before = world.start - (rng.exponential(220, n) * DAY).astype(np.int64)
    inside = world.start + (rng.random(n) * (world.end - world.start) * 0.97).astype(np.int64)
    plan.created_at[:n] = np.where(older, before, inside) // 1_000_000 * 1_000_000
    plan.active_from[:n] = np.maximum(plan.created_at[:n], world.start)
    plan.active_until[:n] = world.end
    left = rng.random(n)
    ended_at = plan.active_from[:n] + (rng.random(n) * (world.end - plan.active_from[:n])).astype(np.int64)
    for status, low, high in (
        (cat.BANNED, 0.0, 0.004),
        (cat.SUSPENDED, 0.004, 0.008),
        (cat.CLOSED, 0.008, 0.025),
    ):
        rows = np.flatnonzero((left >= low) & (left < high))
        plan.status[rows], plan.status_at[rows] = status, ended_at[rows] // 1_000_000 * 1_000_000
        plan.active_until[rows] = plan.status_at[rows]


def _contacts(world: World, rng: np.random.Generator) -> None:
    plan, n = world.plan, world.n
    rows = np.arange(n, dtype=np.int64)
    plan.plan[:n] = rng.choice(4, n, p=(0.62, 0.2, 0.03, 0.15))
    plan.surface[:n] = np.where(plan.plan[:n] == cat.API, 0, np.where(rng.random(n) < 0.06, 2, 1))
    plan.payment[:n] = np.where(plan.plan[:n] == cat.FREE, -1, rows * 8)
    plan.mail[:n] = rows * 8
    shares = np.array([0.48, 0.14, 0.1, 0.08, 0.06, 0.04, 0.03, 0.02, 0.004, 0.003, 0.002, 0.001])
    domains = rng.choice(len(shares), n, p=shares / shares.sum())
    own = rng.random(n) < 0.05
    plan.mail_domain[:n] = np.where(own, cat.OWN_DOMAIN + rows, domains)
    plan.mail_style[:n] = np.where(domains == 0, rng.choice(3, n, p=(0.86, 0.09, 0.05)), 0)
    plan.mail_variant[:n] = rng.integers(0, 60, n)
    plan.phone[:n] = np.where(rng.random(n) < 0.6, rows * 8, -1)
    plan.recovery[:n] = np.where(rng.random(n) < 0.1, rows * 8 + 3, -1)
    plan.entry[:n] = np.where(plan.surface[:n] == 0, 2, rng.choice(4, n, p=(0.62, 0.3, 0.0, 0.08)))
    plan.referrer[:n] = rng.choice(7, n, p=(0.5, 0.2, 0.08, 0.09, 0.09, 0.02, 0.02))
    plan.referral[:n] = np.where(rng.random(n) < 0.01, draw(zipf_table(400, 0.8), n, rng), -1)


def _use(world: World, rng: np.random.Generator) -> None:
    plan, n = world.plan, world.n
    plan.rhythm[:n] = rng.choice((cat.EVENING, cat.OFFICE, cat.NIGHT, cat.STUDENT), n, p=(0.42, 0.38, 0.06, 0.14))
    plan.volume[:n] = rng.lognormal(0.0, 1.5, n)
    plan.per_session[:n] = np.clip(rng.lognormal(2.33, 0.5, n), 2, 45)
    plan.model[:n] = rng.choice(3, n, p=(0.5, 0.35, 0.15))
    late = world.released_at + (rng.exponential(9, n) * DAY).astype(np.int64)
    plan.pivot_at[:n] = np.where(rng.random(n) < 0.7, late, plan.pivot_at[:n])
    kind = rng.random(n)
    developer = plan.surface[:n] != 1
    popular = draw(zipf_table(N_TEMPLATES, 1.1), n, rng)
    rows = np.arange(n, dtype=np.int64)
    plan.system[:n] = np.where(
        developer, np.where(kind < 0.4, popular, rows * 8 + 4), np.where(kind < 0.12, popular, -1)
    )
    tools = N_TEMPLATES + draw(zipf_table(N_TOOLSETS, 1.1), n, rng)
    plan.tools[:n] = np.where(developer & (kind % 0.5 < 0.2), tools, -1)
    plan.parameters[:n] = np.where(
        developer, N_TEMPLATES + N_TOOLSETS + draw(zipf_table(N_PARAMETERS, 1.2), n, rng), -1
    )
    plan.p_continue[:n] = np.where(developer, rng.choice((0.0, 0.2, 0.6), n), 0.65)
    plan.p_popular[:n] = rng.choice((0.0, 0.03, 0.12), n, p=(0.5, 0.35, 0.15))
    app = developer & (rng.random(n) < 0.3)
    plan.end_users[:n] = np.where(app, 3 + (rng.pareto(1.1, n) * 10).clip(0, 5_000), 0)
    plan.end_user_base[:n] = rows
    plan.host[:n] = np.where(app, rows * 8 + 5, -1)


def _places(world: World, rng: np.random.Generator) -> None:
    plan, n = world.plan, world.n
    isps = len(cat.COUNTRIES) * 2
    network = plan.country[:n].astype(np.int64) * 2 + (rng.random(n) < 0.4)
    plan.home[:n] = world.addresses.take(network, 0.3, rng)
    moved = np.flatnonzero(rng.random(n) < 0.45)
    plan.second[moved] = world.addresses.take(network[moved], 0.3, rng)
    plan.p_second[moved] = rng.choice((0.15, 0.5), len(moved))
    plan.signup_address[:n] = plan.home[:n]
    per_carrier = max(4, min(256, n // 4_000))
    carriers = [
        world.pools.add(world.addresses.take(np.full(per_carrier, isps + country), 0.0, rng))
        for country in range(len(cat.COUNTRIES))
    ]
    phone = np.flatnonzero((plan.surface[:n] == 1) & (rng.random(n) < 0.35))
    plan.pool[phone] = np.array(carriers, dtype=np.int32)[plan.country[phone]]
    plan.p_pool[phone] = 0.2
