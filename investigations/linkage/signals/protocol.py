"""What a signal is: a named source of values that accounts can share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import duckdb
import pyarrow as pa

from investigations.linkage.prefilter import maybe_shared
from investigations.linkage.types import Inputs

SHARED = pa.schema(
    [
        ("kind", pa.string()),
        ("value", pa.int64()),
        ("account", pa.int64()),
        ("first_at", pa.int64()),  # null when unknown
        ("last_at", pa.int64()),
    ]
)
"""What a signal gives: distinct (kind, value, account), in any order. Nothing in it depends on how often a row
came, so that an exchange delivered twice changes nothing."""


@dataclass(frozen=True)
class Source:
    """What a signal reads: the inputs, and a connection that knows `sightings`."""

    connection: duckdb.DuckDBPyConnection
    inputs: Inputs


class Signal(Protocol):
    """A source of shared values. It only reads, and gives the same rows whatever order its input is in."""

    @property
    def name(self) -> str:
        """A short name, the module's."""
        ...

    def kinds(self, source: Source) -> tuple[str, ...]:
        """The kinds that it can give here."""
        ...

    def query(self, source: Source) -> str | None:
        """A DuckDB query with the columns of SHARED, without values of one account only; None: nothing to read."""
        ...


def shared_column(kind: str, source: Source, column: str) -> str:
    """The query for accounts that share a value of one column of the exchanges."""
    (rows,) = maybe_shared(source.inputs.exchanges, (column,), ("any",))
    source.connection.register(f"maybe_{column}", rows)
    return f"""
        SELECT '{kind}' AS kind, value, account, min("at") AS first_at, max("at") AS last_at
        FROM maybe_{column} SEMI JOIN (
            SELECT value FROM maybe_{column} GROUP BY value HAVING min(account) <> max(account)) AS shared
            USING (value)
        GROUP BY value, account"""


@dataclass(frozen=True)
class ColumnSignal:
    """Equal values in columns of the exchanges."""

    name: str
    columns: tuple[tuple[str, str], ...]
    """Kind and column."""

    def kinds(self, source: Source) -> tuple[str, ...]:
        """One kind a column, when there are exchanges."""
        return tuple(kind for kind, _ in self.columns) if source.inputs.exchanges else ()

    def query(self, source: Source) -> str | None:
        """All columns, one after the other."""
        if not source.inputs.exchanges:
            return None
        return " UNION ALL ".join(shared_column(kind, source, column) for kind, column in self.columns)
