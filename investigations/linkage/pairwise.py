"""Evidence on pairs that need not share a value: what pair signals say, as values that the two units alone have.

A row of a signal becomes a value of its kind with two holders and stated millibits, so that damping and caps of its
family, explanations and tables treat it like any other. Kinds of pair signals come after all kinds of values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, SmallInts, column_ints
from investigations.linkage.hubs import Hubs
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.settings import Settings
from investigations.linkage.signals import PAIR_SIGNALS, PairSource
from investigations.linkage.threads import each

COLUMNS = (("pair", np.int64), ("bits", np.int32), ("seen", np.int32), ("expected", np.int64))
Part = tuple[str, Ints, Ints | SmallInts, Ints | SmallInts, Ints]
"""A kind and its COLUMNS."""


def pair_table(inputs: types.Inputs, gathered: Gathered, prior: Callable[[], int], settings: Settings) -> pa.Table:
    """What all signals say: kind, pair, bits, seen, expected, by kind and pair. Families by kind are in the metadata
    of the schema. `prior` waits for what the run has learned, in millibits."""
    contents = _numbers_of(gathered, "content_fingerprint")
    source = PairSource(inputs, gathered.accounts, gathered.unit_of, gathered.n_units, prior, contents)
    families: dict[str, str] = {}
    parts: list[Part] = []
    signals = [signal for signal in PAIR_SIGNALS if not set(signal.kinds) <= set(settings.ignore_kinds)]
    for signal, rows in zip(signals, each(lambda signal: signal.look(source), signals), strict=True):
        if rows is not None:
            families.update({k: family for k, family in signal.kinds.items() if k not in settings.ignore_kinds})
            for code, kind in enumerate(signal.kinds):
                mine = rows.kind == code
                parts.append((kind, rows.pair[mine], rows.bits[mine], rows.seen[mine], rows.expected[mine]))
    return pair_rows(families, parts)


def _numbers_of(gathered: Gathered, kind: str) -> Ints | None:
    """The shared values of a kind; None when the kind was not gathered."""
    if kind not in gathered.kinds:
        return None
    return gathered.value_number[gathered.value_kind == gathered.kinds.index(kind)]


def pair_rows(families: dict[str, str], parts: list[Part]) -> pa.Table:
    """The table of these parts, each sorted by pair; kinds that have no family are left out."""
    kinds = sorted(families)
    parts = sorted((part for part in parts if part[0] in families), key=lambda part: part[0])
    code = [np.full(part[1].size, kinds.index(part[0]), np.int16) for part in parts]
    columns = {"kind": np.concatenate([np.empty(0, np.int16), *code])}
    for place, (name, kind) in enumerate(COLUMNS, 1):
        columns[name] = np.concatenate([np.empty(0, kind), *(np.asarray(part[place], kind) for part in parts)])
    table = pa.table(columns)
    table = table.filter(pa.array(column_ints(table, "bits") != 0))
    return table.replace_schema_metadata({kind: families[kind] for kind in kinds})


def with_pairs(gathered: Gathered, table: pa.Table) -> Gathered:
    """The gathered values, then a value for each row of pair_table."""
    metadata = table.schema.metadata or {}
    kinds = tuple(sorted(kind.decode() for kind in metadata))
    families = [types.FAMILIES.index(metadata[kind.encode()].decode()) for kind in kinds]
    pair, n = column_ints(table, "pair"), table.num_rows
    unknown = np.full(2 * n, NO_TIME, np.int64)
    ends = np.stack([pair >> 32, pair & 0xFFFFFFFF], axis=1).reshape(-1)
    last = int(gathered.holder_ptr[-1])
    return replace(
        gathered,
        kinds=(*gathered.kinds, *kinds),
        kind_family=np.append(gathered.kind_family, np.array(families, np.int8)).astype(np.int8),
        value_kind=_joined(gathered.value_kind, column_ints(table, "kind") + len(gathered.kinds)),
        value_number=np.append(gathered.value_number, np.arange(n, dtype=np.int64)),
        holder_ptr=np.append(gathered.holder_ptr, last + 2 * np.arange(1, n + 1, dtype=np.int64)),
        holders=_joined(gathered.holders, ends),
        first_at=np.append(gathered.first_at, unknown),
        last_at=np.append(gathered.last_at, unknown),
        stated=_joined(gathered.stated, column_ints(table, "bits")),
        seen=_joined(gathered.seen, column_ints(table, "seen")),
        expected=np.append(gathered.expected, column_ints(table, "expected")),
    )


def hubs_with_pairs(hubs: Hubs, gathered: Gathered) -> Hubs:
    """The hubs of values, for gathered values and pairs: evidence on a pair is none."""
    more = gathered.n_values - hubs.is_hub.size
    return Hubs(
        np.append(hubs.is_hub, np.zeros(more, bool)),
        np.append(hubs.independence, np.full(more, -1, np.int32)).astype(np.int32),
        np.append(hubs.is_marked, np.zeros(more, bool)),
    )


def strangers_with_pairs(strangers: SmallInts, gathered: Gathered) -> SmallInts:
    """Strangers met by group of kinds, for gathered values and pairs: evidence on a pair has its own chance."""
    more = len(gathered.kinds) - strangers.shape[1]
    return np.pad(strangers, ((0, 0), (0, more)))


def _joined(first: npt.NDArray[Any], more: Ints) -> npt.NDArray[Any]:
    return np.append(first, more.astype(first.dtype))
