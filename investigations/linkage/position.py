"""Step 6: what a member is to its cluster, and whose evidence would carry a decision."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from investigations.linkage import types
from investigations.linkage.admit import KIND as MEMBERSHIP
from investigations.linkage.bans import KIND as BANS
from investigations.linkage.gather import Gathered, Ints, SmallInts
from investigations.linkage.kernels import NO_TIME, Array, compiled
from investigations.linkage.occasions import occasions_joined
from investigations.linkage.settings import Settings
from investigations.linkage.signups import KIND as SIGNUPS
from investigations.linkage.units import HOUR

CORE, PERIPHERY, BRIDGE = range(3)
BRIDGE_CUT = 3
"""A bridge's removal cuts at least this many members off from the largest part that is left."""
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Linked:
    """The backbone with its evidence, in unit and value numbers."""

    a: Ints
    b: Ints
    bits: SmallInts
    cluster: Ints  # of both ends, -1 when they differ
    evidence: Ints  # rows of (link, value, bits, raw bits)


def positions(linked: Linked, labels: Ints, settings: Settings) -> tuple[npt.NDArray[np.int8], SmallInts, SmallInts]:
    """Position, strongest millibits and number of links inside the cluster, by unit."""
    inside = linked.cluster >= 0
    a, b, bits = linked.a[inside], linked.b[inside], linked.bits[inside]
    ends = np.concatenate([a, b])
    degree = np.bincount(ends, minlength=labels.size).astype(np.int32)
    best = np.zeros(labels.size, np.int32)
    np.maximum.at(best, ends, np.concatenate([bits, bits]))
    size = np.bincount(labels[labels >= 0], minlength=1)[np.maximum(labels, 0)]
    core = (best >= round(1000 * settings.core_bits)) & ((degree >= 2) | (size == 2))
    graph = csr_array((np.ones(ends.size, np.int8), (ends, np.concatenate([b, a]))), shape=(labels.size, labels.size))
    cut = cut_sizes(graph.indptr.astype(np.int64), graph.indices.astype(np.int64))
    position = np.where(core, CORE, PERIPHERY)
    position[cut >= BRIDGE_CUT] = BRIDGE
    return position.astype(np.int8), best, degree


def actionable_units(
    gathered: Gathered, linked: Linked, labels: Ints, position: npt.NDArray[np.int8], settings: Settings
) -> npt.NDArray[np.bool_]:
    """Units whose own evidence would carry a decision; the rule is in docs/theory/clusters.md.

    A core member of a cluster that is large enough, an account by itself (not a declared group), with reasons in
    two families or ways or, where the data has one family only, in two values neither of whose holders contain the
    other's. A kind that a stranger alone can write to gives no reason, nor one that follows from a finer kind. What
    people come to share at one occasion is one reason (occasions.py); who opened accounts and who pays is one, too.
    """
    units, values, ways = _reasons(gathered, linked, settings)
    ways = occasions_joined(gathered, units, values, ways, settings)
    span = len(types.FAMILIES) + len(gathered.kinds) + 1
    n_ways = np.bincount(np.unique(units * span + ways) // span, minlength=labels.size)
    good = n_ways >= 2
    if _families_in(gathered, settings) < 2:
        good |= _two_independent(gathered, units, values, labels.size)
    accounts = np.zeros(int(labels.max(initial=-1)) + 2, np.int64)
    np.add.at(accounts, labels, gathered.unit_size)
    large = (labels >= 0) & (accounts[labels] >= settings.actionable_min_cluster)
    return np.asarray(good & large & (position == CORE) & (gathered.unit_size == 1))


def _reasons(gathered: Gathered, linked: Linked, settings: Settings) -> tuple[Ints, Ints, Ints]:
    """Distinct (unit, value, way) that count as a reason, from the links inside clusters.

    A way is a family, or a kind that comes about in another way than the rest of its family.
    """
    link, value, bits = linked.evidence[:, 0], linked.evidence[:, 1], linked.evidence[:, 2]
    family = gathered.value_family[value].astype(np.int64)
    good = _can_be_reason(gathered, settings)[value]
    carries = (linked.cluster >= 0) & ~openly_tied(gathered, linked, settings)
    keep = (bits >= round(1000 * settings.actionable_value_bits)) & good & carries[link]
    way = family.copy()
    apart = np.array([kind in settings.apart for kind in gathered.kinds], bool)[gathered.value_kind[value]]
    way[apart] = len(types.FAMILIES) + gathered.value_kind[value][apart]
    link, value, way = link[keep], value[keep], way[keep]
    rows = np.stack(
        [np.concatenate([linked.a[link], linked.b[link]]), np.tile(value, 2), np.tile(way, 2)], axis=1
    ).reshape(-1, 3)
    rows = np.unique(rows, axis=0)
    unit, value, way = rows.T
    opened = seen_at_opening_only(gathered, unit, value, settings)
    return unit, value, np.where(opened, types.FAMILIES.index("payment"), way)


def seen_at_opening_only(gathered: Gathered, units: Ints, values: Ints, settings: Settings) -> npt.NDArray[np.bool_]:
    """Whether each value was seen of the unit within `opening_hours` of its sign-up and never again."""
    hours = round(settings.opening_hours * HOUR)
    at = gathered.place_of(units, values)
    first, last, created = gathered.first_at[at], gathered.last_at[at], gathered.unit_created[units]
    known = (first != NO_TIME) & (last != NO_TIME) & (created != NO_TIME)
    return known & (hours > 0) & (first >= created - hours) & (last <= created + hours)


def openly_tied(gathered: Gathered, linked: Linked, settings: Settings) -> npt.NDArray[np.bool_]:
    """Links whose ends share a value by which they say themselves that they belong together."""
    out = np.zeros(linked.a.size, bool)
    rows = np.repeat(gathered.value_kind, gathered.value_holders)
    for code in [code for code, kind in enumerate(gathered.kinds) if kind in settings.open_kinds]:
        said: dict[int, set[int]] = {}
        for at in np.flatnonzero(rows == code).tolist():
            value = int(np.searchsorted(gathered.holder_ptr, at, side="right")) - 1
            said.setdefault(int(gathered.holders[at]), set()).add(value)
        ends = zip(linked.a.tolist(), linked.b.tolist(), strict=True)
        out |= np.array([not said.get(a, _NONE).isdisjoint(said.get(b, _NONE)) for a, b in ends], bool)
    return out


def _families_in(gathered: Gathered, settings: Settings) -> int:
    """How many families have shared values, or evidence on pairs, that can be reasons."""
    return int(np.unique(gathered.value_family[_can_be_reason(gathered, settings)]).size)


def _can_be_reason(gathered: Gathered, settings: Settings) -> npt.NDArray[np.bool_]:
    """By value whether it is of a kind that carries a decision."""
    barred = {*settings.third_party_kinds, *settings.coarser, MEMBERSHIP, SIGNUPS, BANS}
    return np.array([kind not in barred for kind in gathered.kinds], bool)[gathered.value_kind]


def _two_independent(gathered: Gathered, units: Ints, values: Ints, n: int) -> npt.NDArray[np.bool_]:
    """Units with two values neither of whose holders contain the other's; looks at the six rarest of each."""
    out = np.zeros(n, bool)
    order = np.lexsort((values, gathered.value_holders[values], units))
    units, values = units[order], values[order]
    bounds = np.append(np.flatnonzero(np.diff(units, prepend=-1)), units.size)
    for start, end in pairwise(bounds.tolist()):
        rarest = [_holders(gathered, value) for value in values[start : min(end, start + 6)]]
        out[units[start]] = any(
            np.intersect1d(one, two, assume_unique=True).size < min(one.size, two.size)
            for i, one in enumerate(rarest)
            for two in rarest[i + 1 :]
        )
    return out


def _holders(gathered: Gathered, value: int) -> SmallInts:
    return gathered.holders[gathered.holder_ptr[value] : gathered.holder_ptr[value + 1]]


def cut_sizes(pointers: Ints, neighbours: Ints) -> Ints:
    """For each node of a graph: how many nodes its removal cuts off from the largest part that is left."""
    parts, largest, whole = subtrees(pointers, neighbours)
    rest = whole - 1 - parts
    return np.asarray(parts + rest - np.maximum(largest, rest), np.int64)


@compiled
def subtrees(pointers: Array, neighbours: Array) -> tuple[Array, Array, Array]:
    """For each node: how many nodes hang on it alone, the most that hang on it together, and its component's size.

    Tarjan's search for articulation points, without recursion; linear in nodes and edges.
    """
    n = pointers.size - 1
    order = np.full(n, -1, np.int64)
    low = np.zeros(n, np.int64)
    size = np.ones(n, np.int64)
    parent = np.full(n, -1, np.int64)
    cursor = pointers[:-1].copy()
    root_of = np.full(n, -1, np.int64)
    parts = np.zeros(n, np.int64)  # nodes in subtrees that hang on this node alone
    largest = np.zeros(n, np.int64)  # the largest of those subtrees
    stack = np.empty(n, np.int64)
    clock = 0
    for root in range(n):
        if order[root] >= 0:
            continue
        depth = 0
        stack[0] = root
        order[root] = low[root] = clock
        root_of[root] = root
        clock += 1
        while depth >= 0:
            node = stack[depth]
            if cursor[node] < pointers[node + 1]:
                other = neighbours[cursor[node]]
                cursor[node] += 1
                if order[other] < 0:
                    parent[other] = node
                    order[other] = low[other] = clock
                    root_of[other] = root
                    clock += 1
                    depth += 1
                    stack[depth] = other
                elif other != parent[node]:
                    low[node] = min(low[node], order[other])
                continue
            depth -= 1
            above = parent[node]
            if above >= 0:
                low[above] = min(low[above], low[node])
                size[above] += size[node]
                if low[node] >= order[above]:
                    parts[above] += size[node]
                    largest[above] = max(largest[above], size[node])
    return parts, largest, size[root_of]
