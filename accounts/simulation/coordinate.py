"""What the accounts of one operator do together: rest, hand work over after a limit, carry conversations on."""

from __future__ import annotations

import numpy as np

from accounts.simulation.toolkit import DAY, HOUR, SECOND, Array
from accounts.simulation.usage import OK, RATE_LIMITED, Exchanges, Sessions, Usage, prune
from accounts.simulation.world import Operator, World


def coordinate(
    world: World,
    operator: Operator,
    usage: Usage,
    sessions: Sessions,
    exchanges: Exchanges,
    rng: np.random.Generator,
) -> tuple[Sessions, Exchanges]:
    """The operator's use with its habits put in; still sorted by controller and time."""
    habits = operator.habits
    if not len(sessions.actor):
        return sessions, exchanges
    if habits.stops:
        sessions, exchanges = prune(sessions, exchanges.take(_working(world, habits.stops, exchanges.at, rng)))
    if habits.migration:
        _carry_on(world, habits.migration, sessions, exchanges, rng)
    if habits.handoff:
        sessions, exchanges = _hand_over(world, operator, usage, sessions, exchanges, rng)
    return sessions, exchanges


def order_by_time(world: World, sessions: Sessions, exchanges: Exchanges, rank: Array) -> tuple[Sessions, Exchanges]:
    """Sorts sessions by the rank of their account and start, exchanges along with them; `rank` is per account."""
    order = np.lexsort((sessions.start, rank[world.plan.account[sessions.actor]]))
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    exchanges.session = place[exchanges.session]
    return sessions.take(order), exchanges.take(np.argsort(exchanges.session, kind="stable"))


def _working(world: World, stops: int, at: Array, rng: np.random.Generator) -> Array:
    working = np.ones(len(at), dtype=bool)
    for _ in range(stops):
        begin = world.start + int(rng.random() * (world.end - world.start))
        working &= (at < begin) | (at >= begin + int((3 + 9 * rng.random()) * HOUR))
    return working


def _edges(sessions: Sessions, exchanges: Exchanges) -> tuple[Array, Array]:
    """First and last exchange of each session."""
    counts = np.bincount(exchanges.session, minlength=len(sessions.actor))
    ends = np.cumsum(counts)
    return ends - counts, ends - 1


def _carry_on(world: World, share: float, sessions: Sessions, exchanges: Exchanges, rng: np.random.Generator) -> None:
    """Lets the next session of another account begin with the last answer of this one."""
    first, last = _edges(sessions, exchanges)
    order = np.argsort(sessions.start, kind="stable")
    starts = sessions.start[order]
    chosen = np.flatnonzero(rng.random(len(starts)) < share)
    if share >= 0.5:  # a chain carries on at each change of account
        ends_life = np.append(sessions.actor[1:] != sessions.actor[:-1], True)
        chosen = np.union1d(chosen, np.flatnonzero(ends_life))
    place = np.searchsorted(starts, exchanges.at[last[chosen]], side="right")
    chosen, place = chosen[place < len(order)], place[place < len(order)]
    following = order[place]
    other = world.plan.account[sessions.actor[following]] != world.plan.account[sessions.actor[chosen]]
    soon = sessions.start[following] - exchanges.at[last[chosen]] < 2 * DAY
    answer = exchanges.output[last[chosen]]
    good = other & soon & (answer != 0)
    exchanges.prefix[first[following[good]]] = answer[good]


def _hand_over(
    world: World,
    operator: Operator,
    usage: Usage,
    sessions: Sessions,
    exchanges: Exchanges,
    rng: np.random.Generator,
) -> tuple[Sessions, Exchanges]:
    """Ends some sessions at a rate limit; seconds later another account retries, and gets the answer."""
    plan = world.plan
    _, last = _edges(sessions, exchanges)
    chosen = np.flatnonzero((rng.random(len(last)) < operator.habits.handoff) & (exchanges.status[last] == OK))
    limited = last[chosen]
    at = exchanges.at[limited] + ((1.5 + 20 * rng.random(len(chosen))) * SECOND).astype(np.int64)
    model = rng.integers(0, len(sessions.actor), len(chosen))
    actor = sessions.actor[model]
    able = (plan.active_from[actor] <= at) & (at + 180 * SECOND < plan.active_until[actor])
    able &= (plan.account[actor] != plan.account[sessions.actor[chosen]]) & ~usage.is_down(at)
    limited, at, model, actor = limited[able], at[able], model[able], actor[able]
    exchanges.status[limited], exchanges.output[limited], exchanges.output_tokens[limited] = (
        RATE_LIMITED,
        0,
        0,
    )
    opened = sessions.take(model)
    opened.start = at
    retry = _retries(operator, usage, exchanges.take(limited), at, len(sessions.actor), rng)
    retry.system, retry.tools, retry.parameters = (
        plan.system[actor],
        plan.tools[actor],
        plan.parameters[actor],
    )
    sessions, exchanges = Sessions.join([sessions, opened]), Exchanges.join([exchanges, retry])
    rank = np.empty(world.n, dtype=np.int64)
    rank[plan.account[operator.rows]] = plan.account[operator.rows]
    return order_by_time(world, sessions, exchanges, rank)


def _retries(
    operator: Operator, usage: Usage, limited: Exchanges, at: Array, n_sessions: int, rng: np.random.Generator
) -> Exchanges:
    retry = limited
    retry.session = np.arange(n_sessions, n_sessions + len(at), dtype=np.int32)
    retry.at = at
    retry.status = np.zeros(len(at), dtype=np.int8)
    retry.output = usage.new_outputs(len(at))
    retry.output_tokens = np.exp(rng.standard_normal(len(at)) + 5.6).clip(1, 16_000).astype(np.int32)
    if not operator.habits.same_content:
        retry.content = rng.integers(1, 2**64, len(at), dtype=np.uint64)
        retry.prefix = np.zeros(len(at), dtype=np.uint64)
    return retry
