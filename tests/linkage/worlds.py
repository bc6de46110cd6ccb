"""Small worlds for the engine's tests: rows of sightings and exchanges in, Inputs out."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from investigations.linkage import Inputs, Result, types
from investigations.linkage.results import TABLES

FAMILIES = {
    "payment_fingerprint": "payment",
    "email": "contact",
    "device_id": "device",
    "ip": "network",
    "ip_range": "network",
    "tls_fingerprint": "client",
    "note": "other",
}


@dataclass(frozen=True)
class Seen:
    """One sighting."""

    account: int
    kind: str
    value: int
    first_at: int | None = None
    last_at: int | None = None


@dataclass
class World:
    """Accounts, and what was seen of them."""

    accounts: list[int]
    seen: list[Seen] = field(default_factory=list)
    declared: list[tuple[int, int]] = field(default_factory=list)
    truth: dict[int, str] = field(default_factory=dict)
    created: dict[int, int | None] = field(default_factory=dict)
    banned: dict[int, int] = field(default_factory=dict)

    def share(self, kind: str, value: int, accounts: Iterable[int]) -> None:
        """All these accounts have the value."""
        self.seen.extend(Seen(account, kind, value) for account in accounts)


def sightings(rows: Iterable[Seen]) -> pa.Table:
    """SIGHTINGS from rows, in their order."""
    listed = list(rows)
    return pa.table(
        {
            "account": [row.account for row in listed],
            "kind": [row.kind for row in listed],
            "value": [row.value for row in listed],
            "first_at": [row.first_at for row in listed],
            "last_at": [row.last_at for row in listed],
            "count": [1 for _ in listed],
        },
        schema=types.SIGHTINGS,
    )


def accounts(numbers: Iterable[int], created: dict[int, int | None], banned: dict[int, int] | None = None) -> pa.Table:
    """ACCOUNTS with these numbers, active since their creation, by default the beginning, and banned at these times."""
    listed, ended = list(numbers), banned or {}
    n = len(listed)
    return pa.table(
        {
            "account": listed,
            "created_at": [created.get(account, 0) for account in listed],
            "status": ["banned" if account in ended else "active" for account in listed],
            "status_changed_at": pa.array([ended.get(account) for account in listed], pa.int64()),
            "plan": pa.nulls(n, pa.string()),
        },
        schema=types.ACCOUNTS,
    )


def inputs(world: World, *, exchanges: tuple[str, ...] = (), shuffle: int | None = None) -> Inputs:
    """The world's inputs; with `shuffle`, their rows in an order of that seed."""
    numbers, seen, declared = list(world.accounts), list(world.seen), list(world.declared)
    if shuffle is not None:
        chance = random.Random(shuffle)
        for rows in (numbers, seen, declared):
            chance.shuffle(rows)  # type: ignore[arg-type]
    groups = pa.table(
        {"account": [account for account, _ in declared], "group": [group for _, group in declared]},
        schema=types.DECLARED,
    )
    return Inputs(accounts(numbers, world.created, world.banned), sightings(seen), groups, exchanges, FAMILIES)


def exchanges(path: Path, rows: list[dict[str, int]]) -> str:
    """A Parquet file of EXCHANGES with these rows; what a row leaves out is null."""
    columns = {name: [row.get(name) for row in rows] for name in types.EXCHANGES.names if name != "model"}
    columns["model"] = ["m"] * len(rows)  # type: ignore[list-item]
    pq.write_table(pa.table(columns, schema=types.EXCHANGES), path)
    return str(path)


def as_bytes(result: Result) -> dict[str, bytes]:
    """Every table of a result as bytes, for comparing runs."""
    out = {}
    for name in TABLES:
        sink = pa.BufferOutputStream()
        table = getattr(result, name).combine_chunks()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        out[name] = sink.getvalue().to_pybytes()
    return out


def planted(seed: int, *, honest: int = 400, operators: int = 4, size: int = 12) -> World:
    """Operators that share cards and devices in threes, and proxies at random, among honest accounts with hubs."""
    chance = random.Random(seed)
    world = World(list(range(honest + operators * size)))
    for account in world.accounts:
        world.share("ip", 10_000 + account, [account])
        world.share("tls_fingerprint", 1 + chance.randrange(3), [account])
        world.share("payment_fingerprint", 20_000 + account, [account])
    for carrier in range(5):
        world.share("ip", 100 + carrier, chance.sample(range(honest), honest // 5))
    for operator in range(operators):
        mine = list(range(honest + operator * size, honest + (operator + 1) * size))
        world.truth.update(dict.fromkeys(mine, f"op{operator}"))
        for start in range(0, size, 3):
            world.share("payment_fingerprint", 30_000 + operator * 100 + start, mine[start : start + 3])
            world.share("device_id", 50_000 + operator * 100 + start, [mine[start - 2], mine[start - 1], mine[start]])
        for first in range(size // 2):
            pair = [mine[first], mine[first + size // 2]]
            world.share("device_id", 60_000 + operator * 100 + first, pair)
            world.share("email", 70_000 + operator * 100 + first, pair)
        for proxy in range(size):
            world.share("ip", 40_000 + operator * 100 + proxy, chance.sample(mine, 4))
    return world


def truth_table(world: World) -> pa.Table:
    """TRUTH rows of the planted operators; all other accounts are of the crowd `plain`."""
    numbers = world.accounts
    return pa.table(
        {
            "account": numbers,
            "operator": [world.truth.get(account) for account in numbers],
            "kind": ["hydra" if account in world.truth else "plain" for account in numbers],
            "abusive": [account in world.truth for account in numbers],
            "since": pa.nulls(len(numbers), pa.int64()),
            "until": pa.nulls(len(numbers), pa.int64()),
        }
    )
