"""From a plan to what happened: sessions and exchanges as plain arrays, sorted by controller and time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.people import N_POPULAR_PROMPTS
from accounts.simulation.settings import USUAL_EXCHANGES
from accounts.simulation.toolkit import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    WEEK,
    Array,
    draw,
    mix64,
    salt_of,
    zipf_table,
)
from accounts.simulation.world import World

OK, RATE_LIMITED, REFUSED, ERROR = range(4)
_MONDAY = 4 * DAY
"""The first Monday after 1970 began."""


class _Columns:
    """Arrays of one length that are cut and joined together."""

    def take(self, index: Array) -> Self:
        """The entries at the index, or where the mask is true."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})  # type: ignore[arg-type]

    @classmethod
    def join(cls, parts: list[Self]) -> Self:
        """All parts one after the other."""
        if len(parts) == 1:
            return parts[0]
        joined = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**joined)


@dataclass
class Sessions(_Columns):
    """`actor` is a plan row; `suffix` the interface half of an IPv6 address."""

    actor: Array
    start: Array
    address: Array
    suffix: Array
    device: Array
    tls: Array
    agent: Array


@dataclass
class Exchanges(_Columns):
    """`session` is an index into Sessions; 0 in content, output, prefix and end_user and -1 elsewhere mean none."""

    session: Array
    at: Array
    status: Array
    surface: Array
    model: Array
    content: Array
    system: Array
    tools: Array
    parameters: Array
    output: Array
    prefix: Array
    end_user: Array
    input_tokens: Array
    output_tokens: Array


class Usage:
    """Draws the use of any plan rows of one world; tables that every draw needs are made once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._rhythms = cat.rhythm_quantiles()
        seed = world.settings.seed
        self._shorter = min(1.0, (world.settings.exchanges_per_account / USUAL_EXCHANGES) ** 0.5)
        self._output_salt, self._content_salt = salt_of(seed, "output"), salt_of(seed, "content")
        self._end_user_salt = salt_of(seed, "end_user")
        self._popular = zipf_table(N_POPULAR_PROMPTS, 1.05)
        self._outages = world.outages()
        self._outputs = 0

    def expand(self, rows: Array, counts: Array, rng: np.random.Generator) -> tuple[Sessions, Exchanges]:
        """What the rows (ascending) did, with about `counts` exchanges each; empty sessions are left out."""
        sessions, n_exchanges = self._sessions(rows, counts, rng)
        exchanges = self._exchanges(sessions, n_exchanges, rng)
        exchanges = exchanges.take(self._possible(sessions, exchanges, rng))
        return prune(sessions, exchanges)

    def new_outputs(self, n: int) -> Array:
        """n fingerprints of answers that nobody got before."""
        numbers = np.arange(self._outputs, self._outputs + n)
        self._outputs += n
        return mix64(numbers, self._output_salt)

    def is_down(self, at: Array) -> Array:
        """Where the platform was down."""
        down = np.zeros(len(at), dtype=bool)
        for begin, end in self._outages:
            down |= (at >= begin) & (at < end)
        return down

    def _sessions(self, rows: Array, counts: Array, rng: np.random.Generator) -> tuple[Sessions, Array]:
        plan = self.world.plan
        rows, counts = rows[counts > 0], counts[counts > 0]
        n_sessions = np.maximum(1, np.rint(counts / (plan.per_session[rows] * self._shorter))).astype(np.int64)
        firsts = np.cumsum(n_sessions) - n_sessions
        within = rng.random(int(counts.sum())) * np.repeat(n_sessions, counts)
        picks = np.repeat(firsts, counts) + within.astype(np.int64)
        n_exchanges = np.bincount(picks, minlength=int(n_sessions.sum()))
        actor = np.repeat(rows, n_sessions)
        start = self._starts(actor, rng)
        order = np.lexsort((start, actor))
        order = order[n_exchanges[order] > 0]
        actor, start = actor[order], start[order]
        return self._clients(actor, start, rng), n_exchanges[order]

    def _starts(self, actor: Array, rng: np.random.Generator) -> Array:
        plan, n = self.world.plan, len(actor)
        begin, end = plan.active_from[actor], plan.active_until[actor]
        base = begin + (rng.random(n) * (end - begin)).astype(np.int64)
        hour = self._rhythms[plan.rhythm[actor], rng.integers(0, self._rhythms.shape[1], n)].astype(np.int64)
        minute = (rng.random(n) * HOUR).astype(np.int64)
        cron = plan.cron_minute[actor].astype(np.int64)
        minute = np.where(cron >= 0, cron * MINUTE + (minute % (8 * SECOND)), minute)
        at: Array = (base - _MONDAY) // WEEK * WEEK + _MONDAY + (hour - plan.zone[actor]) * HOUR + minute
        at += np.where(at < begin, WEEK, 0)
        at -= np.where(at >= end, WEEK, 0)
        outside = (at < begin) | (at >= end)
        at[outside] = base[outside]
        return at

    def _clients(self, actor: Array, start: Array, rng: np.random.Generator) -> Sessions:
        plan, n = self.world.plan, len(actor)
        where = rng.random(n)
        address = np.where(where > 1 - plan.p_second[actor], plan.second[actor], plan.home[actor])
        for pool, low, high in (
            (plan.pool[actor], 0.0, plan.p_pool[actor]),
            (plan.pool_b[actor], plan.p_pool[actor], plan.p_pool[actor] + plan.p_pool_b[actor]),
        ):
            inside = np.flatnonzero((pool >= 0) & (where >= low) & (where < high))
            address[inside] = self.world.pools.draw(pool[inside], rng)
        other = rng.random(n) < plan.p_other[actor]
        device = np.where(other, plan.other_device[actor], plan.device[actor])
        tls = np.where(other, plan.other_tls[actor], plan.tls[actor])
        agent = np.where(other, plan.other_agent[actor], plan.agent[actor])
        changing = np.flatnonzero(plan.random_stack[actor])
        agent[changing] = len(cat.BROWSERS) + rng.integers(0, len(cat.TOOLS), len(changing))
        tls[changing] = (agent[changing] * 13 + rng.integers(0, 3, len(changing))) % cat.N_STACKS
        device[(plan.surface[actor] == 0) & (rng.random(n) < 0.3)] = -1
        suffix = rng.integers(0, 2**64, n, dtype=np.uint64)
        return Sessions(actor, start, address.astype(np.int32), suffix, device, tls, agent)

    def _exchanges(self, sessions: Sessions, n_exchanges: Array, rng: np.random.Generator) -> Exchanges:
        plan = self.world.plan
        session = np.repeat(np.arange(len(n_exchanges), dtype=np.int32), n_exchanges)
        actor, n = sessions.actor[session], int(n_exchanges.sum())
        first = np.zeros(n, dtype=bool)
        first[np.cumsum(n_exchanges) - n_exchanges] = True
        gaps = np.exp(rng.standard_normal(n, dtype=np.float32) * 1.1 + 3.6)
        elapsed = np.cumsum(np.where(first, np.float32(0), gaps), dtype=np.float64)
        elapsed -= np.repeat(elapsed[first], n_exchanges)
        at = sessions.start[session] + (elapsed * SECOND).astype(np.int64)
        status = np.searchsorted((0.972, 0.982, 0.992), rng.random(n)).astype(np.int8)
        answered = (status == OK) | (status == REFUSED)
        output = np.where(answered, self.new_outputs(n), np.uint64(0))
        before = np.concatenate([np.zeros(min(n, 1), dtype=np.uint64), output[:-1]])
        goes_on = ~first & (rng.random(n, dtype=np.float32) < plan.p_continue[actor]) & (before != 0)
        tokens = np.exp(
            rng.standard_normal((2, n), dtype=np.float32) * np.float32(1.0) + np.array([[6.3], [5.6]], np.float32)
        )
        return Exchanges(
            session=session, at=at, status=status, surface=plan.surface[actor], model=self._models(actor, at),
            content=self._contents(actor, goes_on, rng), system=plan.system[actor], tools=plan.tools[actor],
            parameters=plan.parameters[actor], output=output, prefix=np.where(goes_on, before, np.uint64(0)),
            end_user=self._end_users(actor, session, rng),
            input_tokens=np.clip(tokens[0], 3, 190_000).astype(np.int32),
            output_tokens=np.where(answered, np.clip(tokens[1], 1, 16_000), 0).astype(np.int32),
        )  # fmt: skip

    def _models(self, actor: Array, at: Array) -> Array:
        plan = self.world.plan
        models: Array = plan.model[actor]
        models[at >= np.maximum(plan.pivot_at[actor], self.world.released_at)] = cat.NEW_MODEL
        return models

    def _contents(self, actor: Array, goes_on: Array, rng: np.random.Generator) -> Array:
        plan, n = self.world.plan, len(actor)
        content = rng.integers(1, 2**64, n, dtype=np.uint64)
        kind = rng.random(n, dtype=np.float32)
        fresh = ~goes_on
        popular = np.flatnonzero(fresh & (kind < plan.p_popular[actor]))
        content[popular] = mix64(draw(self._popular, len(popular), rng), self._content_salt)
        bench = np.flatnonzero(fresh & (kind > 1 - plan.p_bench[actor]))
        question = plan.bench[actor[bench]].astype(np.int64) * 10_000 + rng.integers(0, 250, len(bench))
        content[bench] = mix64(question + (1 << 33), self._content_salt)
        work = np.flatnonzero(fresh & (kind > 1 - plan.p_work[actor]))
        worker = actor[work]
        item = (rng.random(len(work)) * plan.work_size[worker]).astype(np.int64)
        item += plan.work[worker].astype(np.int64) * (1 << 28) + (1 << 62)
        content[work] = mix64(item, self._content_salt) ^ _flips(plan.flips[worker], rng)
        return content

    def _end_users(self, actor: Array, session: Array, rng: np.random.Generator) -> Array:
        plan = self.world.plan
        end_user = np.zeros(len(actor), dtype=np.uint64)
        app = np.flatnonzero(plan.end_users[actor])
        number = (rng.random(len(app)) ** 2 * plan.end_users[actor[app]]).astype(np.int64)
        base = plan.end_user_base[actor[app]].astype(np.int64) * 8_192
        end_user[app] = mix64(base + number, self._end_user_salt)
        return end_user

    def _possible(self, sessions: Sessions, exchanges: Exchanges, rng: np.random.Generator) -> Array:
        """Where the controller was still there and the platform was up; its outages begin with errors."""
        keep = exchanges.at < self.world.plan.active_until[sessions.actor[exchanges.session]]
        for begin, end in self._outages:
            down = np.flatnonzero((exchanges.at >= begin) & (exchanges.at < end))
            failed = down[(exchanges.at[down] < begin + 3 * MINUTE) & (rng.random(len(down)) < 0.7)]
            exchanges.status[failed], exchanges.output[failed], exchanges.output_tokens[failed] = ERROR, 0, 0
            keep[down] = False
            keep[failed] = True
        return keep


def prune(sessions: Sessions, exchanges: Exchanges) -> tuple[Sessions, Exchanges]:
    """Leaves out sessions without an exchange and renumbers; exchanges sorted by session stay so."""
    used = np.zeros(len(sessions.actor), dtype=bool)
    used[exchanges.session] = True
    exchanges.session = (np.cumsum(used) - 1).astype(np.int32)[exchanges.session]
    return sessions.take(used), exchanges


def _flips(n_bits: Array, rng: np.random.Generator) -> Array:
    """Masks with at most n_bits bits set each: a paraphrase moves a similarity hash by a few bits."""
    masks = np.zeros(len(n_bits), dtype=np.uint64)
    for bit in range(int(n_bits.max()) if len(n_bits) else 0):
        places = np.left_shift(np.uint64(1), rng.integers(0, 64, len(n_bits), dtype=np.uint64))
        masks |= np.where(n_bits > bit, places, np.uint64(0))
    return masks
