"""The result tables of a run, sorted by their first columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, SmallInts, column_ints
from investigations.linkage.hubs import Hubs
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.position import Linked
from investigations.linkage.score import Scorer
from investigations.linkage.settings import Settings

N_FAMILIES = len(types.FAMILIES)
FAMILY_BITS = 1 << np.arange(N_FAMILIES)


def family_bits(gathered: Gathered, linked: Linked) -> Ints:
    """[link, family]: millibits of evidence."""
    out = np.zeros((linked.a.size, N_FAMILIES), np.int64)
    link, value, bits = linked.evidence[:, 0], linked.evidence[:, 1], linked.evidence[:, 2]
    np.add.at(out, (link, gathered.value_family[value]), bits)
    return out


def masks(by_family: Ints) -> npt.NDArray[np.int16]:
    """The families with evidence for, as bits."""
    return np.asarray(((by_family > 0) * FAMILY_BITS).sum(axis=1), dtype=np.int16)


def links_table(gathered: Gathered, linked: Linked, by_family: Ints) -> pa.Table:
    """LINKS, by a and b."""
    counted = np.bincount(linked.evidence[linked.evidence[:, 2] != 0, 0], minlength=linked.a.size)
    return pa.table(
        {
            "a": gathered.unit_account[linked.a],
            "b": gathered.unit_account[linked.b],
            "bits": linked.bits,
            "families": masks(by_family),
            "n_evidence": counted.astype(np.int16),
            "cluster": linked.cluster,
        },
        schema=types.LINKS,
    )


def near_table(gathered: Gathered, near: pa.Table) -> pa.Table:
    """NEAR, by a and b, from what the link step weighed."""
    pair = column_ints(near, "pair")
    ends = {name: gathered.unit_account[units] for name, units in (("a", pair >> 32), ("b", pair & 0xFFFFFFFF))}
    return pa.table({**ends, "bits": near["bits"], "families": near["families"]}, schema=types.NEAR)


def evidence_table(gathered: Gathered, hubs: Hubs, linked: Linked) -> pa.Table:
    """EVIDENCE: by a, b, family in its fixed order, bits descending, then kind and value."""
    link, value, bits, raw = linked.evidence.T
    order = np.lexsort((value, -bits, gathered.value_family[value], link))
    link, value, bits, raw = link[order], value[order], bits[order], raw[order]
    return pa.table(
        {
            "a": gathered.unit_account[linked.a[link]],
            "b": gathered.unit_account[linked.b[link]],
            "family": _family_names(gathered.value_family[value]),
            "kind": _names(gathered.kinds, gathered.value_kind[value]),
            "value": pa.array(gathered.value_number[value], mask=gathered.stated[value] != 0),
            "bits": bits.astype(np.int32),
            "raw_bits": raw.astype(np.int32),
            "holders": gathered.value_holders[value],
            "hub": hubs.is_hub[value],
            "seen": pa.array(gathered.seen[value], mask=gathered.stated[value] == 0),
            "expected": pa.array(gathered.expected[value], mask=gathered.stated[value] == 0),
        },
        schema=types.EVIDENCE,
    )


def members_table(
    gathered: Gathered,
    labels: Ints,
    placed: tuple[npt.NDArray[np.int8], SmallInts, SmallInts],
    actionable: npt.NDArray[np.bool_],
    unit_masks: npt.NDArray[np.int16],
    since: Ints,
) -> pa.Table:
    """MEMBERS, by cluster and account. Of a declared group all accounts are members, with the group's figures."""
    position, best, degree = placed
    account = np.flatnonzero(labels[gathered.unit_of] >= 0)
    account = account[np.lexsort((account, labels[gathered.unit_of[account]]))]
    unit = gathered.unit_of[account]
    return pa.table(
        {
            "cluster": labels[unit],
            "account": gathered.accounts[account],
            "position": _names(types.POSITIONS, position[unit]),
            "actionable": actionable[unit],
            "bits": best[unit],
            "degree": degree[unit],
            "families": unit_masks[unit],
            "since": pa.array(since[unit], mask=since[unit] == NO_TIME),
        },
        schema=types.MEMBERS,
    )


def unit_family_masks(linked: Linked, by_family: Ints, n_units: int) -> npt.NDArray[np.int16]:
    """The families in a unit's links inside its cluster, as bits."""
    inside = linked.cluster >= 0
    out = np.zeros(n_units, np.int16)
    for end in (linked.a, linked.b):
        np.bitwise_or.at(out, end[inside], masks(by_family)[inside])
    return out


def clusters_table(
    gathered: Gathered,
    linked: Linked,
    labels: Ints,
    best: SmallInts,
    actionable: npt.NDArray[np.bool_],
    by_family: Ints,
    settings: Settings,
) -> pa.Table:
    """CLUSTERS, by number."""
    n = int(labels.max(initial=-1)) + 1
    units = np.flatnonzero(labels >= 0)
    inside = linked.cluster >= 0
    n_links = np.bincount(linked.cluster[inside], minlength=n)[:n]
    size = np.bincount(labels[units], minlength=n)[:n].astype(np.int64)
    possible = np.minimum(size * (size - 1) / 2, size * settings.links_per_account / 2)
    families = np.zeros(n, np.int16)
    np.bitwise_or.at(families, linked.cluster[inside], masks(by_family)[inside])
    return pa.table(
        {
            "cluster": np.arange(n, dtype=np.int64),
            "n_accounts": _summed(labels[units], gathered.unit_size[units], n),
            "n_actionable": _summed(labels[units], actionable[units].astype(np.int32), n),
            "bits": group_median(labels[units], best[units], n),
            "families": families,
            "cohesion": np.minimum(n_links / np.maximum(possible, 1), 1.0),
            "n_links": n_links.astype(np.int32),
        },
        schema=types.CLUSTERS,
    )


def group_median(groups: Ints, values: npt.NDArray[np.integer[Any]], n: int) -> SmallInts:
    """The lower median of each group's values, 0 for an empty group."""
    order = np.lexsort((values, groups))
    counts = np.bincount(groups, minlength=n)[:n]
    starts = np.cumsum(counts) - counts
    out = np.zeros(n, np.int32)
    full = counts > 0
    out[full] = values[order][starts[full] + (counts[full] - 1) // 2]
    return out


def cluster_families_table(linked: Linked, labels: Ints, by_family: Ints) -> pa.Table:
    """CLUSTER_FAMILIES: by cluster and family in its fixed order, for families with evidence in the cluster."""
    inside = linked.cluster >= 0
    a, b, bits = linked.a[inside], linked.b[inside], linked.bits[inside]
    cluster, by_family = linked.cluster[inside], by_family[inside]
    n = int(labels.max(initial=-1)) + 1
    rows: list[tuple[Ints, int, SmallInts, SmallInts, Ints, Ints]] = []
    for family in range(N_FAMILIES):
        mine, against = by_family[:, family] > 0, by_family[:, family] < 0
        n_links = np.bincount(cluster[mine], minlength=n)[:n]
        shown = np.flatnonzero(n_links + np.bincount(cluster[against], minlength=n)[:n])
        if not shown.size:
            continue
        left = bits - by_family[:, family] >= 0
        parts = parts_of(a[left], b[left], labels, n)
        bits_for = group_median(cluster[mine], by_family[mine, family], n)
        bits_against = group_median(cluster[against], by_family[against, family], n)
        rows.append((shown, family, bits_for[shown], bits_against[shown], n_links[shown], parts[shown]))
    return _stack_families(rows)


def parts_of(a: Ints, b: Ints, labels: Ints, n: int) -> Ints:
    """How many parts each cluster's members fall into with these links only."""
    graph = coo_array((np.ones(a.size, np.int8), (a, b)), shape=(labels.size, labels.size))
    _, part = connected_components(graph, directed=False)
    units = np.flatnonzero(labels >= 0)
    distinct = np.unique(np.stack([labels[units], part[units].astype(np.int64)], axis=1), axis=0)
    return np.bincount(distinct[:, 0], minlength=n)[:n]


def cluster_values_table(
    gathered: Gathered, scorer: Scorer, linked: Linked, labels: Ints, settings: Settings
) -> pa.Table:
    """CLUSTER_VALUES: each cluster's values with evidence, those that most members' bits rest on first.

    Hubs come after everything that weighs.
    """
    link, value = linked.evidence[:, 0], linked.evidence[:, 1]
    inside = (linked.cluster[link] >= 0) & (gathered.stated[value] == 0)
    wanted = np.unique(np.stack([linked.cluster[link[inside]], value[inside]], axis=1), axis=0)
    members = _members_with(gathered, labels, wanted)
    cluster, value = wanted[:, 0], wanted[:, 1]
    bits = scorer.weights[value].astype(np.int64)
    order = np.lexsort((value, -members, -(bits * members), cluster))
    start = np.searchsorted(cluster[order], cluster[order], side="left")
    order = order[np.arange(order.size) - start < settings.values_per_cluster]
    cluster, value, members = cluster[order], value[order], members[order]
    return pa.table(
        {
            "cluster": cluster,
            "family": _family_names(gathered.value_family[value]),
            "kind": _names(gathered.kinds, gathered.value_kind[value]),
            "value": gathered.value_number[value],
            "members": members.astype(np.int32),
            "holders": gathered.value_holders[value],
            "bits": scorer.weights[value],
            "hub": scorer.is_hub[value],
        },
        schema=types.CLUSTER_VALUES,
    )


def _members_with(gathered: Gathered, labels: Ints, wanted: Ints) -> Ints:
    """How many units of each wanted (cluster, value) have the value."""
    rows = np.repeat(np.arange(gathered.n_values), gathered.value_holders)
    holder_label = labels[gathered.holders]
    span = gathered.n_values
    keys = np.sort((holder_label * span + rows)[holder_label >= 0])
    asked = wanted[:, 0] * span + wanted[:, 1]
    return np.searchsorted(keys, asked, side="right") - np.searchsorted(keys, asked, side="left")


def _stack_families(rows: list[tuple[Ints, int, SmallInts, SmallInts, Ints, Ints]]) -> pa.Table:
    if not rows:
        return types.CLUSTER_FAMILIES.empty_table()
    cluster = np.concatenate([row[0] for row in rows])
    family = np.concatenate([np.full(row[0].size, row[1]) for row in rows])
    order = np.lexsort((family, cluster))
    figures = [np.concatenate([row[i] for row in rows])[order].astype(np.int32) for i in range(2, 6)]
    return pa.table(
        {
            "cluster": cluster[order],
            "family": _family_names(family[order]),
            "bits_for": figures[0],
            "bits_against": figures[1],
            "n_links": figures[2],
            "parts_without": figures[3],
        },
        schema=types.CLUSTER_FAMILIES,
    )


def _summed(groups: Ints, amounts: SmallInts, n: int) -> SmallInts:
    out = np.zeros(n, np.int32)
    np.add.at(out, groups, amounts)
    return out


def _family_names(families: npt.NDArray[np.integer[Any]]) -> pa.Array:
    return _names(types.FAMILIES, families)


def _names(names: tuple[str, ...], codes: npt.NDArray[np.integer[Any]]) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).cast(pa.string())
