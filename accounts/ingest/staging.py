"""Where the rows of one file wait until it is read to its end: a scratch DuckDB that spills to disk.

Values of identifiers are numbers there; `idents` has each number's digest and envelope, nothing is in clear.

Nothing here is visible to anyone; the folder goes when the load ends, or at the next load when this one was cut off.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from accounts.ingest.convert import Typed
from accounts.ingest.identify import IDENTIFIERS
from accounts.ingest.kernels.buffers import valid_mask
from accounts.ingest.problems import KEPT_PER_FILE
from accounts.ingest.tables import TABLES, Table, Type

MEMORY = "256MB"
THREADS = 2
STAGED = ("accounts", "sessions", "identifiers", "truth")
_TYPES = {
    Type.TEXT: "VARCHAR",
    Type.TIME: "BIGINT",
    Type.INTEGER: "BIGINT",
    Type.FLAG: "BOOLEAN",
    Type.CHOICE: "VARCHAR",
}
_ADDED = {
    "accounts": {"ip_range": "INTEGER", "organization": "VARCHAR", "is_new": "BOOLEAN", "is_derived": "BOOLEAN"},
    "sessions": {"ip_range": "INTEGER", "asn_number": "BIGINT", "natural_key": "UUID"},
    "identifiers": {},
    "truth": {},
}


@dataclass(frozen=True)
class Doubles:
    """Rows of a file whose natural key came before in it."""

    n_same: int
    n_other: int
    other: list[tuple[int, int]]
    """Line and line of the first row with this key, for the first of those with other content."""


class Staging:
    """The scratch database of one file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "threads": THREADS,
            "temp_directory": str(folder / "spill"),
        }
        self.db = duckdb.connect(":memory:", config=config)
        self.db.execute("SET preserve_insertion_order = false")
        self.db.execute("CREATE TABLE keys (exchange BIGINT, line BIGINT, ordinal BIGINT)")
        self.db.execute("SET arrow_lossless_conversion = true")
        self.db.execute(
            """CREATE TABLE idents
            (number INTEGER, kind VARCHAR, digest UUID, sealed BLOB, data_key BLOB, mask VARCHAR)"""
        )
        for name in STAGED:
            columns = ", ".join(f"{column} {type_}" for column, type_ in staged_columns(TABLES[name]).items())
            self.db.execute(f"CREATE TABLE {name} ({columns})")

    def close(self) -> None:
        """Ends the database and removes its folder."""
        self.db.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, typed: Typed, accounts: np.ndarray, **added: pa.Array) -> None:
        """Adds rows of one table with the numbers of their accounts."""
        if not len(typed):
            return
        arrays = {"line": pa.array(typed.lines), "account": pa.array(accounts), **typed.columns, **added}
        arrays["extra"] = typed.extra
        wanted = staged_columns(typed.table)
        incoming = pa.table({name: arrays.get(name, pa.nulls(len(typed))) for name in wanted})
        self._insert(typed.table.name, incoming, [f"CAST({name} AS {type_})" for name, type_ in wanted.items()])

    def add_identifiers(self, batches: list[pa.RecordBatch]) -> None:
        """Adds sealed identifiers."""
        if batches:
            incoming = pa.Table.from_batches(batches, schema=IDENTIFIERS)
            self._insert("idents", incoming, IDENTIFIERS.names)

    def twins_merge(self) -> None:
        """Leaves one number to values that got several."""
        self.db.execute(
            """CREATE TEMP TABLE twins AS SELECT number, first FROM
            (SELECT number, min(number) OVER (PARTITION BY digest) AS first FROM idents) WHERE number <> first"""
        )
        twins = self.db.execute("SELECT number, first FROM twins").fetchnumpy()
        if not len(twins["number"]):
            return
        firsts = np.arange(1 + self.rows("SELECT max(number) FROM idents")[0][0], dtype=np.int32)
        firsts[twins["number"]] = twins["first"]
        self.db.execute("DELETE FROM idents WHERE number IN (SELECT number FROM twins)")
        for name in ("accounts", "sessions", "identifiers"):
            if self.count(name):
                self._renumber(name, kind_columns(TABLES[name]), firsts)

    def _renumber(self, name: str, columns: list[str], firsts: np.ndarray) -> None:
        """Writes a table anew, some rows at a time: joins and updates of so many would hold memory."""
        self.db.execute(f"ALTER TABLE {name} RENAME TO numbered")
        self.db.execute(f"CREATE TABLE {name} AS SELECT * FROM numbered LIMIT 0")
        with self.db.cursor() as beside:
            for batch in beside.sql("SELECT * FROM numbered").to_arrow_reader(65_536):
                rows = pa.Table.from_batches([batch])
                for column in columns:
                    old, place = batch.column(column), batch.schema.get_field_index(column)
                    new = pa.array(firsts[np.asarray(old.fill_null(0))], mask=~valid_mask(old))
                    rows = rows.set_column(place, column, new)
                self._insert(name, rows, ["*"])
        self.db.execute("DROP TABLE numbered")

    def add_exchange_keys(self, exchanges: pa.Array, lines: np.ndarray, first: int) -> None:
        """Notes the keys of exchanges and their place in the file that is being written."""
        ordinals = np.arange(first, first + len(lines), dtype=np.int64)
        incoming = pa.table({"exchange": exchanges, "line": lines, "ordinal": ordinals})
        incoming = incoming.filter(exchanges.is_valid())
        if len(incoming):
            self._insert("keys", incoming, ["exchange", "line", "ordinal"])

    def doubles_drop(self, table: Table) -> Doubles:
        """Takes out the rows whose natural key came before in the file; says how many had other content."""
        key = ", ".join("account" if name == "account_id" else name for name in _key(table))
        found = f"SELECT 1 FROM {table.name} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
        if not self.rows(found):
            return Doubles(0, 0, [])
        content = [name for name in staged_columns(table) if name not in ("line", "is_new", "is_derived", "account_id")]
        same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM f.{name}" for name in content)
        self.db.execute(
            f"""CREATE OR REPLACE TEMP TABLE doubled AS
            WITH numbered AS (
                SELECT rowid AS r, first_value(rowid) OVER (PARTITION BY {key} ORDER BY line, rowid) AS first_r
                FROM {table.name}
            )
            SELECT n.r, s.line, f.line AS first_line, {same} AS is_same
            FROM numbered n JOIN {table.name} s ON s.rowid = n.r JOIN {table.name} f ON f.rowid = n.first_r
            WHERE n.r <> n.first_r"""
        )
        self.db.execute(f"DELETE FROM {table.name} WHERE rowid IN (SELECT r FROM doubled)")
        return self.doubles_of("doubled")

    def doubles_of(self, table: str) -> Doubles:
        """What a scratch table of (line, first_line, is_same) says."""
        same, other = self.rows(f"SELECT count(*) FILTER (is_same), count(*) FILTER (NOT is_same) FROM {table}")[0]
        shown = f"SELECT line, first_line FROM {table} WHERE NOT is_same ORDER BY line LIMIT {KEPT_PER_FILE}"
        return Doubles(int(same), int(other), self.rows(shown))

    def count(self, table: str) -> int:
        """Rows staged in a table."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The whole result of a small query."""
        return self.db.execute(query).fetchall()

    def batches(self, query: str, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """The result of a query, some rows at a time."""
        yield from self.db.sql(query).to_arrow_reader(rows)

    def _insert(self, table: str, incoming: pa.Table, expressions: list[str]) -> None:
        self.db.register("incoming", incoming)
        self.db.execute(f"INSERT INTO {table} SELECT {', '.join(expressions)} FROM incoming")
        self.db.unregister("incoming")


def staged_columns(table: Table) -> dict[str, str]:
    """Column to DuckDB type of a staged table."""
    columns = {"line": "BIGINT", "account": "BIGINT"}
    for column in table.columns:
        if column.name == "session_id" or (column.name == "account_id" and table.name != "accounts"):
            continue  # the natural key and the account's number stand for them
        is_number = bool(column.kind) or (table.name == "identifiers" and column.name == "value")
        columns[column.name] = "INTEGER" if is_number else _TYPES[column.type]
    return columns | _ADDED[table.name] | {"extra": "VARCHAR"}


def kind_columns(table: Table) -> list[str]:
    """The staged columns of a table that hold numbers of identifiers."""
    if table.name == "identifiers":
        return ["value"]
    names = [column.name for column in table.columns if column.kind]
    return [*names, "ip_range"] if "ip_range" in _ADDED[table.name] else names


def _key(table: Table) -> tuple[str, ...]:
    return ("natural_key",) if table.name == "sessions" else table.key
