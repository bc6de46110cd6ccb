"""Any one pair after the run: its explanation from what the run kept, by the kernel that scored all the others.

A run keeps for each unit the shared values that it holds with all that their weight depends on, sorted by unit, so
that reading two units touches two row groups of the file. See docs/theory/score.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from investigations.linkage import types
from investigations.linkage.explain import Explanation, explain
from investigations.linkage.gather import Gathered, Ints, SmallInts, column_ints
from investigations.linkage.hubs import kind_groups
from investigations.linkage.model import model_weights
from investigations.linkage.pair_kernels import explain_pairs
from investigations.linkage.runs import ENGINE_VERSION
from investigations.linkage.score import Scorer, kernel_arguments, raw_millibits
from investigations.linkage.settings import Settings

HOLDINGS = pa.schema(
    [
        ("unit", pa.int64()),  # the unit's smallest account, ascending
        ("kind", pa.int16()),  # number in the model's "kinds"; ascending in each unit
        ("value", pa.int64()),  # ascending in each kind
        ("first_at", pa.int64()),
        ("last_at", pa.int64()),
        ("holders", pa.int32()),
        ("counts_as", pa.int32()),  # holders that the value's weight goes by; 0: it weighs nothing
        ("hub", pa.bool_()),
        ("strangers", pa.int32()),  # met by the unit in this kind's way and no other
        ("stated", pa.int32()),  # millibits of evidence on a pair, which both its units hold; 0 for values
        ("seen", pa.int32()),  # of such evidence: how often it was seen, and expected by chance, in millionths
        ("expected", pa.int64()),
    ]
)
GROUPED = pa.schema([("account", pa.int64()), ("unit", pa.int64())])
"""Accounts of declared groups and their unit; any other account is a unit by itself."""
ROW_GROUP = 1 << 15


@dataclass(frozen=True)
class Holdings:
    """A unit and its rows of HOLDINGS."""

    unit: int
    rows: pa.Table


def holdings_table(gathered: Gathered, scorer: Scorer, strangers: SmallInts, settings: Settings) -> pa.Table:
    """HOLDINGS of every unit that shares a value."""
    pointers, values, first_at, last_at = gathered.by_unit
    units = np.repeat(np.arange(gathered.n_units), np.diff(pointers))
    kind = gathered.value_kind[values]
    groups = kind_groups(gathered.kinds, gathered.kind_family, settings)
    met = strangers[units, groups[kind]] if values.size else np.empty(0, np.int32)
    return pa.table(
        {
            "unit": gathered.unit_account[units],
            "kind": kind,
            "value": gathered.value_number[values],
            "first_at": first_at,
            "last_at": last_at,
            "holders": gathered.value_holders[values],
            "counts_as": scorer.rarity[values],
            "hub": scorer.is_hub[values],
            "strangers": met,
            "stated": gathered.stated[values],
            "seen": gathered.seen[values],
            "expected": gathered.expected[values],
        },
        schema=HOLDINGS,
    )


def grouped_table(gathered: Gathered) -> pa.Table:
    """GROUPED, by account."""
    grouped = gathered.unit_size[gathered.unit_of] > 1
    units = gathered.unit_account[gathered.unit_of[grouped]]
    return pa.table({"account": gathered.accounts[grouped], "unit": units}, schema=GROUPED)


def holdings_write(folder: Path, holdings: pa.Table, grouped: pa.Table) -> None:
    """Writes both tables whole, the holdings last: where they are, so are the groups."""
    for name, table in (("grouped", grouped), ("holdings", holdings)):
        temporary = folder / f"{name}.tmp"
        pq.write_table(table, temporary, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)
        temporary.replace(folder / f"{name}.parquet")


def holdings_read(
    folder: Path, accounts: tuple[int, int], model: Mapping[str, Any]
) -> tuple[Holdings, Holdings] | None:
    """What a run kept of two accounts; None when it is gone or of another engine, which would weigh it otherwise."""
    if model.get("engine") != ENGINE_VERSION:
        return None
    try:
        grouped = pq.read_table(folder / "grouped.parquet", filters=[("account", "in", accounts)])
        unit_of = dict(zip(grouped["account"].to_pylist(), grouped["unit"].to_pylist(), strict=True))
        first, second = (unit_of.get(account, account) for account in accounts)
        rows = pq.read_table(folder / "holdings.parquet", filters=[("unit", "in", (first, second))])
    except (FileNotFoundError, pa.ArrowInvalid):
        return None
    return _of_unit(rows, first), _of_unit(rows, second)


def explain_pair(a: Holdings, b: Holdings, model: Mapping[str, Any]) -> Explanation:
    """The pair's explanation in the run's own millibits, whether or not the run linked it.

    Two accounts of one declared group are one unit, which nothing is weighed against.
    """
    if a.unit == b.unit:
        return explain(a.unit, b.unit, [], model)
    settings = Settings.from_dict(model["settings"])
    shared = _shared(a.rows, b.rows, model)
    weights = model_weights(model, settings)
    by_rarity = raw_millibits(shared.value_kind, shared.holders, weights)
    raw = np.where(shared.stated != 0, shared.stated, by_rarity).astype(np.int32)
    groups = kind_groups(shared.kinds, shared.kind_family, settings)
    strangers = np.zeros((2, max(len(shared.kinds), 1)), np.int32)
    strangers[0, groups[shared.value_kind]], strangers[1, groups[shared.value_kind]] = shared.strangers
    arguments = kernel_arguments(shared, shared.counts_as, strangers, weights, model["units"], settings)
    rows = explain_pairs(np.array([1], np.int64), *arguments, raw, settings.evidence_per_link)
    evidence = [shared.evidence(value, bits, was) for _, value, bits, was in rows.tolist()]
    return explain(a.unit, b.unit, evidence, model)


@dataclass(frozen=True)
class _SharedByTwo:
    """The values that two units share, as the kernels read them: unit 0 and unit 1 hold them all."""

    kinds: tuple[str, ...]
    kind_family: npt.NDArray[np.int8]
    value_kind: npt.NDArray[np.int16]
    value_number: Ints
    holders: SmallInts
    counts_as: SmallInts
    hub: npt.NDArray[np.bool_]
    strangers: tuple[SmallInts, SmallInts]
    stated: SmallInts
    seen: SmallInts
    expected: Ints
    by_unit: tuple[Ints, SmallInts, Ints, Ints]

    @property
    def value_family(self) -> npt.NDArray[np.int8]:
        """Family number of each value."""
        return self.kind_family[self.value_kind]

    def evidence(self, value: int, bits: int, raw_bits: int) -> dict[str, Any]:
        """A row of EVIDENCE."""
        return {
            "family": types.FAMILIES[self.value_family[value]],
            "kind": self.kinds[self.value_kind[value]],
            "value": None if self.stated[value] else int(self.value_number[value]),
            "bits": bits,
            "raw_bits": raw_bits,
            "holders": int(self.holders[value]),
            "hub": bool(self.hub[value]),
            "seen": int(self.seen[value]) if self.stated[value] else None,
            "expected": int(self.expected[value]) if self.stated[value] else None,
        }


def _shared(a: pa.Table, b: pa.Table, model: Mapping[str, Any]) -> _SharedByTwo:
    keys_a, keys_b = _keys(a), _keys(b)
    at_b = {key: row for row, key in enumerate(keys_b)}
    both = [(row, at_b[key]) for row, key in enumerate(keys_a) if key in at_b]
    one, two = (table.take(pa.array([pair[i] for pair in both], pa.int64())) for i, table in enumerate((a, b)))
    n = len(both)
    times = [np.concatenate([column_ints(one, name), column_ints(two, name)]) for name in ("first_at", "last_at")]
    met = (_small(one, "strangers"), _small(two, "strangers"))
    return _SharedByTwo(
        kinds=tuple(kind["kind"] for kind in model["kinds"]),
        kind_family=np.array([types.FAMILIES.index(kind["family"]) for kind in model["kinds"]], np.int8),
        value_kind=column_ints(one, "kind").astype(np.int16),
        value_number=column_ints(one, "value").copy(),
        holders=_small(one, "holders"),
        counts_as=_small(one, "counts_as"),
        hub=np.array(one["hub"].to_pylist(), bool),
        strangers=met,
        stated=_small(one, "stated"),
        seen=_small(one, "seen"),
        expected=column_ints(one, "expected"),
        by_unit=(np.array([0, n, 2 * n], np.int64), np.tile(np.arange(n, dtype=np.int32), 2), times[0], times[1]),
    )


def _keys(rows: pa.Table) -> list[tuple[int, int]]:
    return list(zip(rows["kind"].to_pylist(), rows["value"].to_pylist(), strict=True))


def _small(rows: pa.Table, name: str) -> SmallInts:
    return column_ints(rows, name).astype(np.int32)


def _of_unit(rows: pa.Table, unit: int) -> Holdings:
    return Holdings(unit, rows.filter(pc.equal(rows["unit"], unit)))
