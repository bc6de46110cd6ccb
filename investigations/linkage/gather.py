"""Step 1: who shares what. Distinct (unit, kind, value) of everything that at least two units have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from investigations.linkage import types
from investigations.linkage.kernels import NO_TIME, transpose
from investigations.linkage.settings import Settings
from investigations.linkage.signals import SIGNALS, Source

Ints = npt.NDArray[np.int64]
SmallInts = npt.NDArray[np.int32]

ENGINE_FAMILIES = {
    "content_fingerprint": "content",
    "system_fingerprint": "content",
    "tools_fingerprint": "content",
    "parameters_fingerprint": "content",
    "prefix_fingerprint": "content",
    "end_user_id": "relation",
    "api_key_id": "relation",
}
"""Families of the kinds that the engine makes of exchanges, where the inputs do not say."""


@dataclass(frozen=True)
class Gathered:
    """Units (accounts, those under one declared owner taken together) and the values that they share.

    Rows are sorted by value, then unit; values are sorted by kind (kinds by family, then name), then number.
    """

    accounts: Ints  # ascending
    unit_of: SmallInts  # unit of each account
    unit_account: Ints  # smallest account of each unit, ascending
    unit_size: SmallInts
    unit_created: Ints  # sign-up of the unit's smallest account, NO_TIME when unknown
    kinds: tuple[str, ...]
    kind_family: npt.NDArray[np.int8]
    value_kind: npt.NDArray[np.int16]
    value_number: Ints
    holder_ptr: Ints
    holders: SmallInts  # units
    first_at: Ints
    last_at: Ints
    stated: SmallInts
    """Millibits of evidence on a pair, which stands here as a value that the two units alone have; 0: a real value."""
    seen: SmallInts
    """How often what the evidence names was seen; 0 for values."""
    expected: Ints
    """How often chance brings it about, in millionths; 0 for values."""

    @property
    def n_units(self) -> int:
        """How many units there are."""
        return int(self.unit_account.size)

    @property
    def n_values(self) -> int:
        """How many shared values there are."""
        return int(self.value_number.size)

    def place_of(self, units: Ints, values: Ints) -> Ints:
        """Positions among all holders, of units that hold these values."""
        held = np.repeat(np.arange(self.n_values), self.value_holders) * max(self.n_units, 1) + self.holders
        return np.asarray(np.searchsorted(held, values * max(self.n_units, 1) + units), np.int64)

    @cached_property
    def value_holders(self) -> SmallInts:
        """Units that have each value."""
        return np.diff(self.holder_ptr).astype(np.int32)

    @cached_property
    def value_family(self) -> npt.NDArray[np.int8]:
        """Family number of each value."""
        return self.kind_family[self.value_kind]

    @cached_property
    def by_unit(self) -> tuple[Ints, SmallInts, Ints, Ints]:
        """Pointers, values (ascending), first and last times, by unit."""
        pointers, values, positions = transpose(self.holder_ptr, self.holders, self.n_units)
        return pointers, values, self.first_at[positions], self.last_at[positions]


def kind_families(kinds: tuple[str, ...], families: dict[str, str]) -> npt.NDArray[np.int8]:
    """The family number of each kind; unknown kinds and families are `other`."""
    other = types.FAMILIES.index("other")
    names = [families.get(kind, ENGINE_FAMILIES.get(kind, "other")) for kind in kinds]
    numbers = [types.FAMILIES.index(name) if name in types.FAMILIES else other for name in names]
    return np.array(numbers, dtype=np.int8)


def units_from(accounts: pa.Table, declared: pa.Table) -> tuple[Ints, SmallInts]:
    """Distinct accounts ascending, and the unit of each: declared groups that share an account are one unit."""
    numbers = np.unique(column_ints(accounts, "account"))
    members, groups = column_ints(declared, "account"), column_ints(declared, "group")
    known = np.isin(members, numbers)
    members, groups = members[known], groups[known]
    parent = np.arange(numbers.size, dtype=np.int64)

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = int(parent[node])
        return node

    first_of: dict[int, int] = {}
    order = np.lexsort((members, groups))
    for account, group in zip(np.searchsorted(numbers, members[order]), groups[order], strict=True):
        first = root(first_of.setdefault(int(group), int(account)))
        second = root(int(account))
        parent[max(first, second)] = min(first, second)
    roots = parent.copy()
    for node in np.flatnonzero(parent != np.arange(numbers.size)):
        roots[node] = root(int(node))
    _, unit_of = np.unique(roots, return_inverse=True)
    return numbers, unit_of.astype(np.int32)


def gather(inputs: types.Inputs, settings: Settings, *, scratch: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Rows (kind number, value, unit, first_at, last_at) of values that two units share, and the kinds' names.

    Times are NO_TIME when unknown. Cost: two passes over each exchange column that a signal reads, and grouping of
    the rows that may be shared.
    """
    numbers, unit_of = units_from(inputs.accounts, inputs.declared)
    connection = duckdb.connect(config={"temp_directory": str(scratch / "duckdb"), "preserve_insertion_order": False})
    try:
        connection.register("sightings", inputs.sightings)
        connection.register("units", pa.table({"account": numbers, "unit": unit_of}))
        source = Source(connection, inputs)
        kinds = _kinds(source, settings)
        connection.register("kinds", pa.table({"kind": pa.array(kinds, pa.string()), "code": _codes(len(kinds))}))
        queries = [query for query in (signal.query(source) for signal in SIGNALS) if query]
        union = " UNION ALL ".join(f"({query})" for query in queries)
        return connection.sql(_SHARED_ROWS.format(union=union)).to_arrow_table(), kinds
    finally:
        connection.close()


_SHARED_ROWS = """
    WITH rows AS (
        SELECT code, value, unit, min(coalesce(first_at, last_at)) AS first_at,
            max(coalesce(last_at, first_at)) AS last_at
        FROM ({union}) JOIN kinds USING (kind) JOIN units USING (account)
        GROUP BY code, value, unit)
    SELECT code, value, unit, coalesce(first_at, -9223372036854775807) AS first_at,
        coalesce(last_at, -9223372036854775807) AS last_at
    FROM rows SEMI JOIN (
        SELECT code, value FROM rows GROUP BY code, value HAVING count(*) > 1) AS shared USING (code, value)
    ORDER BY code, value, unit"""


def gathered_from(inputs: types.Inputs, rows: pa.Table, kinds: tuple[str, ...]) -> Gathered:
    """The sorted rows as pointers and arrays."""
    numbers, unit_of = units_from(inputs.accounts, inputs.declared)
    unit_account = np.full(int(unit_of.max(initial=-1)) + 1, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(unit_account, unit_of, numbers)
    codes, values = column_ints(rows, "code"), column_ints(rows, "value")
    starts = np.ones(codes.size, bool)
    starts[1:] = (codes[1:] != codes[:-1]) | (values[1:] != values[:-1])
    at = np.flatnonzero(starts)
    return Gathered(
        accounts=numbers,
        unit_of=unit_of,
        unit_account=unit_account,
        unit_size=np.bincount(unit_of, minlength=unit_account.size).astype(np.int32),
        unit_created=_created(inputs.accounts, unit_account),
        kinds=kinds,
        kind_family=kind_families(kinds, inputs.families),
        value_kind=codes[at].astype(np.int16),
        value_number=values[at],
        holder_ptr=np.append(at, codes.size).astype(np.int64),
        holders=column_ints(rows, "unit").astype(np.int32),
        first_at=column_ints(rows, "first_at"),
        last_at=column_ints(rows, "last_at"),
        stated=np.zeros(at.size, np.int32),
        seen=np.zeros(at.size, np.int32),
        expected=np.zeros(at.size, np.int64),
    )


def _created(accounts: pa.Table, wanted: Ints) -> Ints:
    """Sign-up of each wanted account."""
    numbers, created = column_ints(accounts, "account"), column_ints(accounts, "created_at")
    order = np.lexsort((created, numbers))
    return created[order[np.searchsorted(numbers[order], wanted)]] if wanted.size else np.empty(0, np.int64)


def column_ints(table: pa.Table, name: str) -> Ints:
    """A column as int64 numbers; nulls become NO_TIME."""
    column = table[name].cast(pa.int64()).combine_chunks()
    if column.null_count:
        column = column.fill_null(NO_TIME)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def _kinds(source: Source, settings: Settings) -> tuple[str, ...]:
    """Every kind that a signal can give and settings do not leave out, by family, then name."""
    names = {kind for signal in SIGNALS for kind in signal.kinds(source)} - set(settings.ignore_kinds)
    ordered = tuple(sorted(names))
    family = dict(zip(ordered, kind_families(ordered, source.inputs.families).tolist(), strict=True))
    return tuple(sorted(ordered, key=lambda kind: (family[kind], kind)))


def _codes(n: int) -> Any:
    return pa.array(range(n), pa.int16())
