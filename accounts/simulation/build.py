"""Makes a world: plan first, then what coordinated operators did, then everyone, some accounts at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accounts.simulation import crowds, operators
from accounts.simulation.coordinate import coordinate, order_by_time
from accounts.simulation.people import ordinary
from accounts.simulation.settings import USUAL_EXCHANGES, WorldSettings
from accounts.simulation.tables import Tables
from accounts.simulation.toolkit import Array
from accounts.simulation.usage import Exchanges, Sessions, Usage
from accounts.simulation.world import World
from accounts.simulation.writer import ExtractWriter

CHUNK = 25_000
"""Accounts made at a time; part of what a seed means, since each chunk has its own random stream."""
_MOST_EXCHANGES = 20_000
_OPERATORS_SHARE = 0.4
"""Operators make at most this share of all exchanges."""


@dataclass(frozen=True)
class Summary:
    """What was made."""

    accounts: int
    sessions: int
    exchanges: int
    abusive_accounts: int
    operators: dict[str, int]
    """Operators by kind."""
    seconds: float


def simulate(
    out: Path,
    settings: WorldSettings,
    *,
    form: str = "parquet",
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Writes the world of the settings into the folder `out`; the same settings give the same bytes.

    Raises SimulationError, and then leaves `out` as it was. About 2 us and 45 bytes of disk an exchange; memory grows
    with accounts (700 bytes each) and with the exchanges of coordinated operators (100 bytes each).
    """
    began = time.monotonic()
    with ExtractWriter(out, form=form, force=force) as writer:
        world = planned(settings)
        n_sessions, n_exchanges = _write(world, writer, progress or (lambda done, total: None))
    kinds = [operator.kind for operator in world.operators]
    return Summary(
        accounts=world.n,
        sessions=n_sessions,
        exchanges=n_exchanges,
        abusive_accounts=sum(len(operator.rows) for operator in world.operators if operator.abusive),
        operators={kind: kinds.count(kind) for kind in sorted(set(kinds))},
        seconds=time.monotonic() - began,
    )


def planned(settings: WorldSettings) -> World:
    """The world before anything happens in it."""
    given = operators.budgets(settings.n_abusive)
    world = World(settings, n_thieves=given["takeover"])
    ordinary(world)
    crowds.gather(world)
    operators.recruit_honest(world)
    operators.recruit_abusive(world, given)
    return world


def _write(world: World, writer: ExtractWriter, progress: Callable[[int, int], None]) -> tuple[int, int]:
    usage, tables = Usage(world), Tables(world)
    counts = _exchange_counts(world)
    order = np.argsort(world.plan.created_at[: world.n], kind="stable")
    rank = np.empty(world.n, dtype=np.int64)
    rank[order] = np.arange(world.n)
    coordinated = _coordinated(world, usage, counts, rank)
    totals = [0, 0]
    for begin in range(0, world.n, CHUNK):
        rows = order[begin : begin + CHUNK]
        free = np.sort(rows[world.plan.operator[rows] < 0])
        parts = [usage.expand(free, counts[free], world.stream("chunk", begin // CHUNK))]
        parts += _slice(world, coordinated, rank, begin, begin + CHUNK)
        sessions, exchanges = order_by_time(world, *_joined(parts), rank)
        writer.write("accounts", tables.accounts(rows))
        writer.write("identifiers", tables.identifiers(rows))
        writer.write("truth", tables.truth(rows))
        table, ids = tables.sessions(sessions, exchanges)
        writer.write("sessions", table)
        writer.write("exchanges", tables.exchanges(sessions, ids, exchanges))
        totals = [totals[0] + len(sessions.actor), totals[1] + len(exchanges.at)]
        progress(min(begin + CHUNK, world.n), world.n)
    return totals[0], totals[1]


def _exchange_counts(world: World) -> Array:
    """How many exchanges each plan row aims at."""
    settings, plan = world.settings, world.plan
    total = settings.accounts * settings.exchanges_per_account
    operated = plan.operator >= 0
    wanted = np.where(operated, plan.volume * settings.exchanges_per_account / USUAL_EXCHANGES, 0.0)
    if wanted.sum() > _OPERATORS_SHARE * total:
        wanted *= _OPERATORS_SHARE * total / wanted.sum()
    lived = np.clip((plan.active_until - plan.active_from) / (world.end - world.start), 0.02, 1.0)
    honest = np.where(operated, 0.0, plan.volume * np.sqrt(lived))
    if honest.sum():
        wanted += honest * ((total - wanted.sum()) / honest.sum())
    wanted = np.minimum(wanted, _MOST_EXCHANGES)
    return np.floor(wanted + world.stream("counts").random(len(wanted))).astype(np.int64)


def _coordinated(world: World, usage: Usage, counts: Array, rank: Array) -> tuple[Sessions, Exchanges] | None:
    """What all coordinated operators did, sorted by the rank of the account."""
    parts = []
    for operator in world.operators:
        if operator.coordinated:
            rng = world.stream("operator", operator.number)
            rows = np.sort(operator.rows)
            sessions, exchanges = usage.expand(rows, counts[rows], rng)
            parts.append(coordinate(world, operator, usage, sessions, exchanges, rng))
    return order_by_time(world, *_joined(parts), rank) if parts else None


def _slice(
    world: World, coordinated: tuple[Sessions, Exchanges] | None, rank: Array, begin: int, end: int
) -> list[tuple[Sessions, Exchanges]]:
    if coordinated is None:
        return []
    sessions, exchanges = coordinated
    place = rank[world.plan.account[sessions.actor]]
    low, high = np.searchsorted(place, (begin, end))
    first, last = np.searchsorted(exchanges.session, (low, high))
    cut = exchanges.take(np.arange(first, last))
    cut.session = cut.session - np.int32(low)
    return [(sessions.take(np.arange(low, high)), cut)]


def _joined(parts: list[tuple[Sessions, Exchanges]]) -> tuple[Sessions, Exchanges]:
    shift = 0
    for sessions, exchanges in parts:
        exchanges.session = exchanges.session + np.int32(shift)
        shift += len(sessions.actor)
    return Sessions.join([part[0] for part in parts]), Exchanges.join([part[1] for part in parts])
