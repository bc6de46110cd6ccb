"""What a signal is: a named source of values that accounts can share, or of evidence on pairs that share nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from investigations.linkage.prefilter import maybe_shared
from investigations.linkage.signals.activity import Activity, activity_read
from investigations.linkage.threads import each
from investigations.linkage.types import Inputs

Ints = npt.NDArray[np.int64]
SmallInts = npt.NDArray[np.int32]

COLUMNS_AT_ONCE = 2
"""Columns of the exchanges that are looked through beside each other: each holds a table of slots."""

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


def shared_column(kind: str, column: str) -> str:
    """The query for accounts that share a value of one column of the exchanges, of the rows in maybe_<column>."""
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
        names = [column for _, column in self.columns]
        found = each(lambda name: maybe_shared(source.inputs.exchanges, (name,), ("any",)), names, COLUMNS_AT_ONCE)
        for name, (rows,) in zip(names, found, strict=True):
            source.connection.register(f"maybe_{name}", rows)
        return " UNION ALL ".join(shared_column(kind, column) for kind, column in self.columns)


@dataclass(frozen=True)
class PairRows:
    """Evidence on pairs of units, distinct by kind and pair, in this order."""

    kind: npt.NDArray[np.int16]
    """Position among the signal's kinds."""
    pair: Ints
    """a << 32 | b with a < b."""
    bits: SmallInts
    """Millibits for a link, or against one, as if the pair had nothing else."""
    seen: SmallInts
    """How often what the kind names was seen."""
    expected: Ints
    """How often chance alone brings it about, in millionths."""


NO_ROWS = PairRows(
    np.empty(0, np.int16), np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64)
)


@dataclass(frozen=True)
class PairSource:
    """What a pair signal reads. Units are numbered from 0; `unit_of` is by position in `accounts`, which ascend."""

    inputs: Inputs
    accounts: Ints
    unit_of: SmallInts
    n_units: int
    learned_prior: Callable[[], int]
    """Waits for `prior`, which the run may still be learning."""
    contents: Ints | None = None
    """The contents that two units brought, as the gather step found them; None where it did not look."""

    @cached_property
    def prior(self) -> int:
        """Millibits of the odds that two units taken at random are of one hand, as the run has learned it; negative.
        To be asked for last, when all that does not need it is done."""
        return self.learned_prior()

    @cached_property
    def activity(self) -> Activity:
        """Every unit's exchanges in order of time, read when a signal first asks."""
        return activity_read(self.inputs.exchanges, self.accounts, self.unit_of, self.n_units)


class PairSignal(Protocol):
    """Evidence on two accounts that need not share a value. It only reads; rows' order and doubles change nothing."""

    @property
    def name(self) -> str:
        """A short name, the module's."""
        ...

    @property
    def kinds(self) -> Mapping[str, str]:
        """Kind of evidence to its family."""
        ...

    def look(self, source: PairSource) -> PairRows | None:
        """Its evidence, on about linearly many pairs; None when the data lacks what it needs: not available, which is
        never evidence."""
        ...
