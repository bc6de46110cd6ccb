"""The evasion ladder: what the accounts of an operator share at each level, and the proxies they buy.

| level | cards | devices | addresses | templates | contents | together in time |
|---|---|---|---|---|---|---|
| E0 | a few accounts each | shared machines | rotating pools | shared | retried as they are | yes |
| E1 | own | shared machines | rotating pools | shared | retried as they are | yes |
| E2 | own | own | own | shared | retried as they are | yes |
| E3 | own | own, stacks change | own | own | paraphrased | yes |
| E4 | own | own | own | own | own | no |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.toolkit import DAY, HOUR, NEVER, SECOND, Array
from accounts.simulation.world import Habits, World


@dataclass(frozen=True)
class Market:
    """Pools that proxy sellers rent out, to anyone: residential exits (honest homes among them) and data centres."""

    residential: tuple[int, ...]
    hosting: tuple[int, ...]


def proxy_market(world: World) -> Market:
    """The sellers of this world."""
    rng = world.stream("market")
    exits = np.flatnonzero(world.crowd[: world.n] == _crowd_number(world, "residential_exit"))
    homes = world.plan.home[exits]
    size = max(40, world.settings.n_abusive // 2)
    residential = []
    for _ in range(3):
        real = rng.choice(homes, min(len(homes), size), replace=False) if len(homes) else homes
        residential.append(world.pools.add(np.concatenate([real, world.new_addresses(size, "isp", rng)])))
    hosting = tuple(world.exit_pool(max(10, size // 5), "hosting", rng) for _ in range(2))
    return Market(tuple(residential), hosting)


def equip(world: World, rows: Array, level: str, rng: np.random.Generator, market: Market, *, group: int) -> None:
    """Gives the rows cards, mailboxes, machines, addresses and templates by level; `group` accounts share a card."""
    _identity(world, rows, level, rng, group)
    if level in ("E0", "E1"):
        _shared_machines(world, rows, level, rng, market)
    else:
        _own_machines(world, rows, rng)
    _work(world, rows, level, rng)


def habits_of(level: str, *, handoff: float, migration: float, stops: int) -> Habits:
    """What the level lets the accounts do together."""
    if level == "E4":
        return Habits()
    if level == "E3":
        return Habits(handoff=handoff, stops=stops)
    return Habits(handoff=handoff, migration=migration, same_content=True, stops=stops)


def settle(world: World, rows: Array, created_at: Array, *, until: Array | None = None) -> None:
    """Lets the rows live from `created_at` to the end, or to `until`, with a clean record."""
    plan = world.plan
    plan.created_at[rows] = created_at // SECOND * SECOND
    plan.active_from[rows] = np.maximum(plan.created_at[rows], world.start)
    plan.active_until[rows] = world.end if until is None else until
    plan.status[rows], plan.status_at[rows] = cat.ACTIVE, -1


def pivot(world: World, rows: Array, level: str, rng: np.random.Generator) -> None:
    """Moves the rows to the new model within a day of its release; at E4 whenever they like."""
    spread = 20 * HOUR if level != "E4" else 12 * DAY
    world.plan.pivot_at[rows] = world.released_at + (rng.random(len(rows)) * spread).astype(np.int64)


def burst_times(world: World, n: int, level: str, rng: np.random.Generator, *, last: float = 0.5) -> Array:
    """Sign-up times in the window's first part: in bursts of an hour, at E4 spread out and mostly before the window."""
    span = int((world.end - world.start) * last)
    if level == "E4":
        return world.start + span - (rng.exponential(120, n) * DAY).astype(np.int64) - rng.integers(0, span, n)
    n_bursts = max(1, n // 25)
    bursts = world.start - 10 * DAY + rng.integers(0, span + 10 * DAY, n_bursts)
    return bursts[rng.integers(0, n_bursts, n)] + rng.integers(0, HOUR, n)


def _crowd_number(world: World, crowd: str) -> int:
    return world.crowds.index(crowd) if crowd in world.crowds else -1


def _identity(world: World, rows: Array, level: str, rng: np.random.Generator, group: int) -> None:
    plan, n = world.plan, len(rows)
    plan.plan[rows], plan.surface[rows], plan.entry[rows] = cat.API, 0, 2
    plan.organization[rows], plan.referral[rows], plan.pool[rows], plan.pool_b[rows] = -1, -1, -1, -1
    plan.p_pool[rows], plan.p_pool_b[rows], plan.p_other[rows] = 0.0, 0.0, 0.0
    plan.payment[rows], plan.mail[rows] = world.fresh(n), world.fresh(n)
    for optional, share in ((plan.phone, 0.6), (plan.cookie, 0.5), (plan.recovery, 0.1)):
        optional[rows] = np.where(rng.random(n) < share, world.fresh(n), -1)
    plan.mail_domain[rows] = rng.choice(4, n, p=(0.6, 0.2, 0.12, 0.08))
    plan.mail_style[rows], plan.host[rows], plan.end_users[rows] = 0, -1, 0
    if level != "E0":
        return
    groups = rng.permutation(n) // group
    plan.payment[rows] = world.fresh(int(groups.max()) + 1)[groups]
    places = rng.permutation(n)
    mailboxes = places // (group * 2)
    plan.mail_variant[rows] = places % (group * 2)
    aliases = rng.random(n) < 0.4
    plan.mail[rows[aliases]] = world.fresh(int(mailboxes.max()) + 1)[mailboxes][aliases]
    plan.mail_domain[rows[aliases]] = 0
    plan.mail_style[rows[aliases]] = rng.choice((1, 2), int(aliases.sum()))
    rest = rows[~aliases]
    catch_all = cat.OWN_DOMAIN + world.fresh(2)
    disposable = len(cat.PUBLIC_MAIL) + rng.integers(0, len(cat.DISPOSABLE_MAIL), len(rest))
    plan.mail_domain[rest] = np.where(rng.random(len(rest)) < 0.3, disposable, rng.choice(catch_all, len(rest)))
    plan.phone[rows[rng.random(n) < 0.5]] = -1


def _shared_machines(world: World, rows: Array, level: str, rng: np.random.Generator, market: Market) -> None:
    plan, n = world.plan, len(rows)
    plan.pool[rows] = rng.choice(market.residential)
    plan.pool_b[rows] = rng.choice(market.hosting)
    plan.p_pool[rows], plan.p_pool_b[rows] = 0.65, 0.3
    plan.home[rows] = plan.second[rows] = world.new_addresses(max(1, n // 12), "hosting", rng)[
        rng.permutation(n) * max(1, n // 12) // n
    ]
    plan.p_second[rows] = 0.0
    plan.signup_address[rows] = world.pools.draw(plan.pool[rows], rng)
    machines = world.fresh(max(1, n // 6))
    plan.device[rows] = machines[rng.integers(0, len(machines), n)]
    plan.other_device[rows] = machines[rng.integers(0, len(machines), n)]
    plan.p_other[rows] = 0.25 if level == "E0" else 0.1
    image = len(cat.BROWSERS) + int(rng.integers(0, len(cat.TOOLS)))
    stack = int(rng.integers(120, cat.N_STACKS))
    plan.agent[rows] = plan.other_agent[rows] = image
    plan.tls[rows] = plan.other_tls[rows] = stack
    if level == "E0":
        plan.cookie[rows] = plan.device[rows] + world.n * 64


def _own_machines(world: World, rows: Array, rng: np.random.Generator) -> None:
    plan, n = world.plan, len(rows)
    plan.home[rows] = world.new_addresses(n, "isp", rng, v6=0.2)
    plan.second[rows] = world.new_addresses(n, "hosting", rng)
    plan.p_second[rows], plan.signup_address[rows] = 0.3, plan.home[rows]
    plan.device[rows] = world.fresh(n)
    plan.other_device[rows] = -1
    agents = len(cat.BROWSERS) + (rng.pareto(1.0, n) * 3).astype(np.int64) % len(cat.TOOLS)
    plan.agent[rows] = plan.other_agent[rows] = agents
    plan.tls[rows] = plan.other_tls[rows] = (agents * 13 + rng.integers(0, 3, n)) % cat.N_STACKS


def _work(world: World, rows: Array, level: str, rng: np.random.Generator) -> None:
    plan, n = world.plan, len(rows)
    own = level in ("E3", "E4")
    templates = world.fresh(n if own else max(1, min(4, n // 8)))
    plan.system[rows] = templates if own else templates[rng.integers(0, len(templates), n)]
    plan.tools[rows] = world.fresh(n) if own else world.fresh(1)[0]
    plan.parameters[rows] = 320 + rng.integers(0, 40, n) if own else world.fresh(1)[0]
    plan.p_popular[rows], plan.p_continue[rows], plan.p_bench[rows] = 0.0, 0.15, 0.0
    plan.bench[rows] = -1
    plan.work[rows] = int(world.fresh(1)[0] % 2**31)
    plan.work_size[rows] = max(200, n * 400)
    plan.p_work[rows] = 0.0 if level == "E4" else 0.12
    plan.flips[rows] = 5 if level == "E3" else 0
    plan.random_stack[rows] = level == "E3"
    plan.pivot_at[rows] = NEVER
    plan.model[rows] = 0
