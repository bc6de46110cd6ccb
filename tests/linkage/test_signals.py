"""What every signal promises."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from investigations.linkage.signals import SHARED, SIGNALS, Signal, Source
from tests.linkage import worlds
from tests.linkage.worlds import World

COLUMNS = ("content", "system", "tools", "parameters", "output", "prefix", "end_user", "api_key")


def rows_of(signal: Signal, world: World, files: tuple[str, ...]) -> set[tuple[object, ...]]:
    connection = duckdb.connect()
    given = worlds.inputs(world, exchanges=files)
    connection.register("sightings", given.sightings)
    query = signal.query(Source(connection, given))
    if query is None:
        return set()
    table = connection.sql(query).to_arrow_table()
    assert table.schema.names == SHARED.names
    rows = [tuple(row.values()) for row in table.to_pylist()]
    assert len(rows) == len({row[:3] for row in rows}), "distinct (kind, value, account)"
    return set(rows)


def a_world(seed: int) -> tuple[World, list[dict[str, int]]]:
    chance = random.Random(seed)
    world = World(list(range(20)))
    for value in range(30):
        world.share(chance.choice(["ip", "note"]), value, chance.sample(world.accounts, chance.randrange(1, 4)))
    rows = [
        {
            "account": chance.randrange(20),
            "at": chance.randrange(100),
            **{name: chance.randrange(60) for name in COLUMNS},
        }
        for _ in range(150)
    ]
    return world, rows


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
class TestEverySignal:
    def test_it_gives_only_values_that_two_accounts_share(self, signal: Signal, seed: int, tmp_path: Path) -> None:
        world, rows = a_world(seed)
        found = rows_of(signal, world, (worlds.exchanges(tmp_path / "e.parquet", rows),))
        holders: dict[object, set[object]] = {}
        for kind, value, account, *_ in found:
            holders.setdefault((kind, value), set()).add(account)
        assert holders
        assert all(len(accounts) > 1 for accounts in holders.values())

    def test_order_files_and_doubles_change_nothing(self, signal: Signal, seed: int, tmp_path: Path) -> None:
        world, rows = a_world(seed)
        once = rows_of(signal, world, (worlds.exchanges(tmp_path / "once.parquet", rows),))
        mixed = rows + rows[:40]
        random.Random(seed).shuffle(mixed)
        random.Random(seed).shuffle(world.seen)
        files = (
            worlds.exchanges(tmp_path / "a.parquet", mixed[:70]),
            worlds.exchanges(tmp_path / "b.parquet", mixed[70:]),
        )
        assert rows_of(signal, world, files) == once

    def test_it_gives_nothing_for_nothing(self, signal: Signal, seed: int, tmp_path: Path) -> None:
        assert rows_of(signal, World([]), ()) == set()
        assert rows_of(signal, World([]), (worlds.exchanges(tmp_path / "none.parquet", []),)) == set()

    def test_it_says_the_kinds_that_it_gives(self, signal: Signal, seed: int, tmp_path: Path) -> None:
        world, rows = a_world(seed)
        files = (worlds.exchanges(tmp_path / "e.parquet", rows),)
        given = worlds.inputs(world, exchanges=files)
        connection = duckdb.connect()
        connection.register("sightings", given.sightings)
        kinds = signal.kinds(Source(connection, given))
        assert {str(row[0]) for row in rows_of(signal, world, files)} <= set(kinds)


@pytest.mark.parametrize("seed", range(4))
def test_equal_content_is_what_brute_force_finds(seed: int, tmp_path: Path) -> None:
    _, rows = a_world(seed)
    content = next(signal for signal in SIGNALS if signal.name == "content")
    found = rows_of(content, World([]), (worlds.exchanges(tmp_path / "e.parquet", rows),))
    holders: dict[int, set[int]] = {}
    for row in rows:
        holders.setdefault(row["tools"], set()).add(row["account"])
    wanted = {(value, account) for value, held in holders.items() if len(held) > 1 for account in held}
    assert {(row[1], row[2]) for row in found if row[0] == "tools_fingerprint"} == wanted


def test_an_answer_given_to_two_accounts_ties_neither_to_who_continues_it(tmp_path: Path) -> None:
    migration = next(signal for signal in SIGNALS if signal.name == "migration")
    rows = [
        {"account": 1, "at": 1, "output": 5},
        {"account": 2, "at": 1, "output": 5},
        {"account": 3, "at": 2, "prefix": 5},
    ]
    assert rows_of(migration, World([]), (worlds.exchanges(tmp_path / "a.parquet", rows),)) == set()
    one = [rows[0], rows[2]]
    found = rows_of(migration, World([]), (worlds.exchanges(tmp_path / "b.parquet", one),))
    assert {row[2] for row in found} == {1, 3}
