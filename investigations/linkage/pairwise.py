"""Evidence on pairs that need not share a value: what pair signals say, as values that the two units alone have.

A row of a signal becomes a value of its kind with two holders and stated millibits, so that damping and caps of its
family, explanations and tables treat it like any other. Kinds of pair signals come after all kinds of values.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, SmallInts, column_ints
from investigations.linkage.hubs import Hubs
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.learn import prior_assumed
from investigations.linkage.settings import Settings
from investigations.linkage.signals import PAIR_SIGNALS, PairEvidence, PairRows, PairSignal, PairSource
from investigations.linkage.signals.protocol import rows_taken

Looked = list[tuple[PairSignal, PairEvidence]]


def looked(inputs: types.Inputs, gathered: Gathered, settings: Settings) -> Looked:
    """Every pair signal whose data is there and of whose kinds the settings leave one."""
    prior = prior_assumed(gathered.n_units, settings)
    source = PairSource(inputs, gathered.accounts, gathered.unit_of, gathered.n_units, prior)
    wanted = [signal for signal in PAIR_SIGNALS if set(signal.kinds) - set(settings.ignore_kinds)]
    found = ((signal, signal.look(source)) for signal in wanted)
    return [(signal, evidence) for signal, evidence in found if evidence is not None]


def with_proposals(pairs: Ints, found: Looked) -> Ints:
    """The pairs, and those that a signal proposes: distinct, ascending."""
    return np.unique(np.concatenate([pairs, *(evidence.proposed() for _, evidence in found)]))


def pair_table(pairs: Ints, found: Looked, settings: Settings) -> pa.Table:
    """What all signals say of these pairs: kind, pair, bits, seen, expected, by kind and pair. Families by kind are
    in the metadata of the schema."""
    families: dict[str, str] = {}
    parts: list[tuple[str, PairRows]] = []
    for signal, evidence in found:
        families.update({kind: family for kind, family in signal.kinds.items() if kind not in settings.ignore_kinds})
        rows = evidence.weighed(pairs)
        parts += [(kind, rows_taken(rows, rows.kind == code)) for code, kind in enumerate(signal.kinds)]
    parts = sorted((part for part in parts if part[0] in families), key=lambda part: part[0])
    kinds = sorted(families)
    code = [np.full(rows.pair.size, kinds.index(kind), np.int16) for kind, rows in parts]
    table = pa.table(
        {
            "kind": np.concatenate([np.empty(0, np.int16), *code]),
            "pair": np.concatenate([np.empty(0, np.int64), *(rows.pair for _, rows in parts)]),
            "bits": np.concatenate([np.empty(0, np.int32), *(rows.bits for _, rows in parts)]),
            "seen": np.concatenate([np.empty(0, np.int32), *(rows.seen for _, rows in parts)]),
            "expected": np.concatenate([np.empty(0, np.int64), *(rows.expected for _, rows in parts)]),
        }
    )
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
    )


def strangers_with_pairs(strangers: SmallInts, gathered: Gathered) -> SmallInts:
    """Strangers met by group of kinds, for gathered values and pairs: evidence on a pair has its own chance."""
    more = len(gathered.kinds) - strangers.shape[1]
    return np.pad(strangers, ((0, 0), (0, more)))


def _joined(first: npt.NDArray[Any], more: Ints) -> npt.NDArray[Any]:
    return np.append(first, more.astype(first.dtype))
