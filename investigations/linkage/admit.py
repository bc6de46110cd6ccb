"""Step 7: accounts without a link strong enough, whose values hardly anybody but one cluster's accounts holds.

Two accounts that share a template and a range of addresses are not linked by that: such evidence is cheap. But who
holds a template that 28 of its 30 holders, and a range that 50 of its 52, in one cluster have, stands with that
cluster, or chance has brought together what it never does. Those join at the edge, never in the core.
See docs/theory/clusters.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from investigations.linkage.cluster import groups_of, numbered
from investigations.linkage.gather import Gathered, Ints, SmallInts
from investigations.linkage.hubs import Hubs
from investigations.linkage.lanes import lanes_of
from investigations.linkage.pairwise import pair_rows
from investigations.linkage.score import Scorer
from investigations.linkage.settings import Settings
from investigations.linkage.units import MILLION

KIND, FAMILY = "membership", "relation"
FEWEST = 3
"""A cluster's accounts that hold a value, and the cluster's accounts: fewer show nothing."""
LANES = 2
"""Ways in which an account's values have to point at the cluster."""
LEAST_BITS = 2.0
"""What a value has to say for membership to count as one of them."""
PARTNERS, LOOKED = 2, 32
"""Links made for each account that joins, and holders of its best value that are looked at."""


@dataclass(frozen=True)
class _Said:
    """By account and cluster: what its values say together."""

    unit: Ints
    cluster: Ints
    bits: npt.NDArray[np.float64]
    best: Ints
    """The value that says most."""
    held: Ints
    """Of the cluster's accounts, how many hold that value."""
    by_chance: npt.NDArray[np.float64]
    """How many of them would hold it if they were anybody."""


def admissions(gathered: Gathered, hubs: Hubs, scorer: Scorer, labels: Ints, settings: Settings) -> pa.Table:
    """Rows (pairwise.py) of the links by which accounts without a cluster join one."""
    said = _said(gathered, hubs, labels, settings)
    if not said.unit.size or KIND in settings.ignore_kinds:
        return pair_rows({}, [])
    unit, other = _partners(gathered, labels, said)
    pairs = (np.minimum(unit, other) << 32) | np.maximum(unit, other)
    place = np.searchsorted(said.unit, unit)
    over = scorer.over_the_line(pairs)
    kept = np.flatnonzero(strongest_of(unit, pairs, over) & (over < 0))
    kept = kept[np.argsort(pairs[kept])]
    bits = round(1000 * settings.admit_bits) - over[kept].astype(np.int64)
    expected = np.rint(np.minimum(said.by_chance * MILLION, 1e15)).astype(np.int64)
    return pair_rows(
        {KIND: FAMILY} if kept.size else {}, [(KIND, pairs[kept], bits, said.held[place[kept]], expected[place[kept]])]
    )


def labels_with(labels: Ints, pairs: Ints, unit_account: Ints, unit_size: SmallInts) -> Ints:
    """The clusters after these pairs, each of one account in a cluster and one in none, have joined the latter."""
    a, b = pairs >> 32, pairs & 0xFFFFFFFF
    out = labels.copy()
    joins = labels[a] < 0
    out[np.where(joins, a, b)] = np.where(joins, labels[b], labels[a])
    inside = np.flatnonzero(out >= 0)
    return numbered([inside[part] for part in groups_of(out[inside])], unit_account, unit_size)


def _said(gathered: Gathered, hubs: Hubs, labels: Ints, settings: Settings) -> _Said:
    """Each account's best cluster, where what its values say reaches `admit_odds_bits`; by account."""
    lanes = lanes_of(gathered.kinds, gathered.kind_family, settings)
    n, size = gathered.n_units, np.bincount(labels[labels >= 0], minlength=1)
    value, cluster, held = _concentrated(gathered, hubs, labels, settings)
    strangers = gathered.value_holders[value].astype(np.int64) - held
    bits = np.log2((held / size[cluster]) / (np.maximum(strangers, 1) / n))
    good = (strangers > 0) & (held >= FEWEST) & (size[cluster] >= FEWEST) & (bits >= LEAST_BITS)
    value, cluster, held, bits = value[good], cluster[good], held[good], bits[good]
    row, unit = _outsiders(gathered, labels, value)
    order = np.lexsort((value[row], -bits[row], lanes.of_kind[gathered.value_kind[value[row]]], cluster[row], unit))
    row, unit = row[order], unit[order]
    lane = lanes.of_kind[gathered.value_kind[value[row]]]
    first = _changes(unit, cluster[row], lane)
    row, unit = row[first], unit[first]
    start = np.flatnonzero(_changes(unit, cluster[row]))
    if not start.size:
        none = np.empty(0, np.int64)
        return _Said(none, none, none.astype(np.float64), none, none, none.astype(np.float64))
    total = np.add.reduceat(bits[row], start) + np.log2(size[cluster[row[start]]] / n)
    several = np.diff(np.append(start, row.size)) >= LANES
    best = _first_best(row, start, bits)
    kept = np.flatnonzero(several & (total >= settings.admit_odds_bits))
    kept = kept[np.lexsort((cluster[row[start[kept]]], -total[kept], unit[start[kept]]))]
    kept = kept[_changes(unit[start[kept]])]
    at = best[kept]
    chance = size[cluster[at]] * gathered.value_holders[value[at]] / n
    return _Said(unit[start[kept]], cluster[at], total[kept], value[at], held[at], chance)


def _concentrated(gathered: Gathered, hubs: Hubs, labels: Ints, settings: Settings) -> tuple[Ints, Ints, Ints]:
    """(value, cluster, how many of its accounts hold the value), without hubs and what a third party can give."""
    barred = {*settings.third_party_kinds, *settings.open_kinds}
    good = np.array([kind not in barred for kind in gathered.kinds], bool)[gathered.value_kind]
    good &= ~hubs.is_hub & (gathered.stated == 0)
    value = np.repeat(np.arange(gathered.n_values), gathered.value_holders)
    kept = good[value] & (labels[gathered.holders] >= 0)
    span = int(labels.max(initial=0)) + 1
    found, held = np.unique(value[kept] * span + labels[gathered.holders[kept]], return_counts=True)
    return found // span, found % span, held.astype(np.int64)


def _outsiders(gathered: Gathered, labels: Ints, values: Ints) -> tuple[Ints, Ints]:
    """(position in values, unit) of every holder without a cluster."""
    count = gathered.value_holders[values].astype(np.int64)
    row = np.repeat(np.arange(values.size), count)
    step = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    unit = gathered.holders[gathered.holder_ptr[values][row] + step].astype(np.int64)
    outside = labels[unit] < 0
    return row[outside], unit[outside]


def _changes(*keys: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Where sorted rows begin with another key."""
    new = np.ones(keys[0].size, bool)
    if new.size:
        new[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return new


def _first_best(row: Ints, start: Ints, bits: npt.NDArray[np.float64]) -> Ints:
    """Of each run of rows the one with most bits, the first of equals."""
    run = np.repeat(np.arange(start.size), np.diff(np.append(start, row.size)))
    order = np.lexsort((np.arange(row.size), -bits[row], run))
    return row[order[_changes(run[order])]]


def _partners(gathered: Gathered, labels: Ints, said: _Said) -> tuple[Ints, Ints]:
    """(account that joins, account of the cluster) for the first LOOKED holders of its best value there."""
    units, others = [], []
    for unit, cluster, value in zip(said.unit.tolist(), said.cluster.tolist(), said.best.tolist(), strict=True):
        holders = gathered.holders[gathered.holder_ptr[value] : gathered.holder_ptr[value + 1]]
        inside = holders[labels[holders] == cluster][:LOOKED].astype(np.int64)
        others.append(inside)
        units.append(np.full(inside.size, unit, np.int64))
    return np.concatenate(units), np.concatenate(others)


def strongest_of(unit: Ints, pairs: Ints, bits: SmallInts) -> npt.NDArray[np.bool_]:
    """Which rows are among the PARTNERS strongest of their unit (ties: the smaller pair)."""
    order = np.lexsort((pairs, -bits, unit))
    start = np.flatnonzero(_changes(unit[order]))
    rank = np.arange(unit.size) - np.repeat(start, np.diff(np.append(start, unit.size)))
    out = np.zeros(unit.size, bool)
    out[order[rank < PARTNERS]] = True
    return out
