"""Compiled loops over integer arrays: the only code here that touches single pairs.

Everything is integer arithmetic, so that the same input gives the same bytes on any machine. Compiled code is
cached beside the package or, where that folder is read-only, in the user's cache; without either it is compiled anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

NO_TIME = -(2**63) + 1
"""Stands for a missing time in an int64 array."""
DAMPING_ONE = 1 << 12
"""Damping factors are whole numbers of 1 / DAMPING_ONE."""
PER_LANE = 32
"""Strongest shared values of a lane that count for a pair; damping leaves nothing of later ones."""
STEP, LEVELS = 1000, 16
"""Rarities at which a kind has a weight: every half bit of 1000 x log2(holders); between them it is interpolated."""

Array = npt.NDArray[Any]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code, cached on disk where some folder lets us."""
    try:
        machine_code: Callable[..., Any] = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba: no folder to cache in
        machine_code = njit(nogil=True)(function)
    return machine_code


@compiled
def transpose(pointers: Array, members: Array, n_members: int) -> tuple[Array, Array, Array]:
    """Pointers, groups and positions by member, from groups of members: a counting sort that keeps order."""
    out = np.zeros(n_members + 1, np.int64)
    for member in members:
        out[member + 1] += 1
    for i in range(n_members):
        out[i + 1] += out[i]
    cursor = out[:-1].copy()
    groups = np.empty(members.size, np.int32)
    positions = np.empty(members.size, np.int64)
    for group in range(pointers.size - 1):
        for at in range(pointers[group], pointers[group + 1]):
            slot = cursor[members[at]]
            cursor[members[at]] += 1
            groups[slot] = group
            positions[slot] = at
    return out, groups, positions


@compiled
def holds(unit_values: Array, low: int, high: int, value: int) -> bool:
    """Whether value is in the ascending unit_values[low:high]."""
    while low < high:
        middle = (low + high) >> 1
        found = unit_values[middle]
        if found == value:
            return True
        if found < value:
            low = middle + 1
        else:
            high = middle
    return False


@compiled
def dependence(
    tested: Array,
    holder_ptr: Array,
    holders: Array,
    unit_ptr: Array,
    unit_values: Array,
    value_kind: Array,
    shows: Array,
    sample: int,
    rare: int,
    n_units: int,
) -> tuple[Array, Array, Array]:
    """For each tested value: holders looked at, those tied to another holder, and the sum of chances of that.

    A holder is tied when some other rare value of it is also held by another holder of the tested value, of a kind
    that shows something: shows[kind of the tested value, kind of the other].
    Cost: tested x sample x (values of a holder) x rare.
    """
    looked = np.zeros(tested.size, np.int32)
    tied = np.zeros(tested.size, np.int32)
    chance = np.zeros(tested.size, np.float64)
    for t in range(tested.size):
        value = tested[t]
        low, high = holder_ptr[value], holder_ptr[value + 1]
        degree = high - low
        n = min(degree, sample)
        share = (degree - 1) / max(n_units - 1, 1)
        for s in range(n):
            unit = holders[low + s * degree // n]
            met = 0
            found = False
            for at in range(unit_ptr[unit], unit_ptr[unit + 1]):
                other = unit_values[at]
                size = holder_ptr[other + 1] - holder_ptr[other]
                if other == value or size > rare:
                    continue
                if not shows[value_kind[value], value_kind[other]]:
                    continue
                for slot in range(holder_ptr[other], holder_ptr[other + 1]):
                    peer = holders[slot]
                    if peer == unit:
                        continue
                    met += 1
                    if not found and holds(unit_values, unit_ptr[peer], unit_ptr[peer + 1], value):
                        found = True
            looked[t] += 1
            tied[t] += 1 if found else 0
            chance[t] += 1.0 - (1.0 - share) ** met
    return looked, tied, chance


@compiled
def mixed(number: int) -> Any:
    """A number well mixed into 64 bits (splitmix64), as int64."""
    z = np.uint64(number) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(1))


@compiled
def mark_slots(slots: Array, values: Array, accounts: Array, only_known: Any) -> None:
    """Notes in each value's slot its account, or -2 once a second account came; -1 is an empty slot."""
    for i in range(values.size):
        at = mixed(values[i]) & (slots.size - 1)
        if slots[at] == -1:
            if not only_known:
                slots[at] = accounts[i]
        elif slots[at] != accounts[i]:
            slots[at] = -2


@compiled
def marked_rows(slots: Array, values: Array) -> Array:
    """Positions of the values whose slot more than one account has met."""
    out = np.empty(values.size, np.int64)
    used = 0
    for i in range(values.size):
        if slots[mixed(values[i]) & (slots.size - 1)] == -2:
            out[used] = i
            used += 1
    return out[:used]


@compiled
def follows(one: int, two: int, status: Array, tokens: Array) -> bool:
    """Whether row one comes after row two by status, then tokens."""
    if status[one] != status[two]:
        return bool(status[one] > status[two])
    return bool(tokens[one] > tokens[two])


@compiled
def in_time_order(unit: Array, at: Array, status: Array, tokens: Array, n_units: int) -> tuple[Array, Array]:
    """Pointers by unit and the positions by unit, time, status and tokens, without doubles; linear but for the sort
    inside each unit."""
    starts = np.zeros(n_units + 1, np.int64)
    for u in unit:
        starts[u + 1] += 1
    for u in range(n_units):
        starts[u + 1] += starts[u]
    cursor = starts[:-1].copy()
    order = np.empty(unit.size, np.int64)
    for i in range(unit.size):
        order[cursor[unit[i]]] = i
        cursor[unit[i]] += 1
    pointers = np.zeros(n_units + 1, np.int64)
    used = 0
    for u in range(n_units):
        mine = order[starts[u] : starts[u + 1]].copy()
        times = at[mine]
        if (times[1:] < times[:-1]).any():
            mine = mine[np.argsort(times, kind="mergesort")]
        for i in range(mine.size):
            j = i
            while j > 0 and at[mine[j - 1]] == at[mine[j]] and follows(mine[j - 1], mine[j], status, tokens):
                mine[j - 1], mine[j] = mine[j], mine[j - 1]
                j -= 1
        for i in range(mine.size):
            if i > 0:
                one, two = mine[i - 1], mine[i]
                if at[one] == at[two] and status[one] == status[two] and tokens[one] == tokens[two]:
                    continue
            order[used] = mine[i]
            used += 1
        pointers[u + 1] = used
    return pointers, order[:used]


@compiled
def count_pairs(values: Array, holder_ptr: Array, budget: int) -> int:
    """Room that pairs_of needs for these values."""
    total = 0
    ring = max(budget // 3, 1)
    for value in values:
        degree = holder_ptr[value + 1] - holder_ptr[value]
        if degree - 1 <= 2 * ring * 3:
            total += degree * (degree - 1) // 2
        else:
            total += 3 * ring * degree
    return total


@compiled
def ring_pairs(members: Array, order: Array, ring: int, out: Array, used: int) -> int:
    """Writes each member's pairs with the next `ring` ones in this order, round the end; returns the new length."""
    n = order.size
    for i in range(n):
        for step in range(1, ring + 1):
            a, b = members[order[i]], members[order[(i + step) % n]]
            out[used] = (np.int64(min(a, b)) << 32) | np.int64(max(a, b))
            used += 1
    return used


@compiled
def pairs_of(
    values: Array, holder_ptr: Array, holders: Array, first_at: Array, rarest: Array, budget: int, seed: int, room: int
) -> Array:
    """Candidate pairs a << 32 | b (a < b) of the values, not yet distinct.

    Few holders: all pairs. Many: rings in three orders, by time of first use, by the rarest value that the
    holders have (those who share it stand together) and at random by hash, which ties the whole value together.
    """
    out = np.empty(room, np.int64)
    used = 0
    ring = max(budget // 3, 1)
    for value in values:
        low, high = holder_ptr[value], holder_ptr[value + 1]
        degree = high - low
        members = holders[low:high]
        if degree - 1 <= 2 * ring * 3:
            for i in range(degree):
                for j in range(i + 1, degree):
                    out[used] = (np.int64(members[i]) << 32) | np.int64(members[j])
                    used += 1
            continue
        keys = np.empty(degree, np.int64)
        used = ring_pairs(members, np.argsort(first_at[low:high], kind="mergesort"), ring, out, used)
        for i in range(degree):
            keys[i] = rarest[members[i]]
        used = ring_pairs(members, np.argsort(keys, kind="mergesort"), ring, out, used)
        for i in range(degree):
            keys[i] = mixed(np.int64(members[i]) * 1_000_003 + value * 7_919 + seed)
        used = ring_pairs(members, np.argsort(keys, kind="mergesort"), ring, out, used)
    return out[:used]


@compiled
def count_strangers(
    pairs: Array,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    rarity: Array,
    n_groups: int,
) -> Array:
    """[unit, group]: with how many others, of these pairs, a unit has values of this group of kinds in common alone.

    kinds holds the kind of each value and, by kind, its group, whether it is weak, and whether several values of its
    group are but one fact. Values without weight and weak kinds don't count as anything else.
    """
    unit_ptr, unit_values = units[0], units[1]
    value_kind, group_of, weak, collections = kinds
    out = np.zeros((unit_ptr.size - 1, n_groups), np.int32)
    for p in range(pairs.size):
        a, b = pairs[p] >> 32, pairs[p] & 0xFFFFFFFF
        i, j = unit_ptr[a], unit_ptr[b]
        only, several, weakly = -1, False, -1
        while i < unit_ptr[a + 1] and j < unit_ptr[b + 1]:
            if unit_values[i] < unit_values[j]:
                i += 1
            elif unit_values[i] > unit_values[j]:
                j += 1
            else:
                kind = value_kind[unit_values[i]]
                group = group_of[kind]
                if rarity[unit_values[i]] > 0:
                    if weak[kind]:
                        weakly = group
                    elif only < 0:
                        only = group
                    elif only != group or not collections[kind]:
                        several = True
                i += 1
                j += 1
        if several:
            continue
        group = only if only >= 0 else weakly
        if group >= 0:
            out[a, group] += 1
            out[b, group] += 1
    return out


@compiled
def gap_bits(first_a: int, last_a: int, first_b: int, last_b: int, unit_gap: int) -> int:
    """Millibits lost to the time between two uses: one bit for each doubling of 1 + gap / unit_gap, rounded down."""
    if unit_gap <= 0 or first_a == NO_TIME or first_b == NO_TIME:
        return 0
    gap = max(first_a, first_b) - min(last_a, last_b)
    lost = 0
    steps = gap // unit_gap + 1 if gap > 0 else 1
    while steps > 1:
        steps >>= 1
        lost += 1000
    return lost


@compiled
def implied(bits: Array, kinds: Array, n: int, i: int, finer: Array) -> bool:
    """Whether entry i follows from a stronger entry of a finer kind."""
    for j in range(n):  # noqa: SIM110 (no any() over a generator in compiled code)
        if finer[kinds[i], kinds[j]] and (bits[j] > bits[i] or (bits[j] == bits[i] and j < i)):
            return True
    return False


@compiled
def weight_at(by_kind: Array, kind: int, log_alike: int) -> int:
    """Millibits of a kind's value that counts as having so many holders (1000 x log2): linear between two levels."""
    level = min(log_alike // STEP, LEVELS - 1)
    rest = log_alike - STEP * level
    low = by_kind[kind, level]
    if level == LEVELS - 1:
        return max(low - rest, 0)
    return max(low + (by_kind[kind, level + 1] - low) * min(rest, STEP) // STEP, 0)


@compiled
def shared_values(
    a: int,
    b: int,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    weights: tuple[Array, Array, Array, Array, Array],
    gaps: Array,
    found: tuple[Array, Array, Array, Array, Array],
) -> None:
    """Fills, lane by lane and strongest first, what a and b share; counts holds how many of each lane.

    A value counts as if it had at least as many holders as either end has met strangers through its group of kinds;
    evidence on the pair itself counts what it states.
    """
    by_kind, rarity, strangers, log_of, stated = weights
    unit_ptr, unit_values, unit_first, unit_last = units
    value_kind, lane_of, group_of, _ = kinds
    found_bits, found_values, found_kinds, found_logs, counts = found
    counts[:] = 0
    i, j = unit_ptr[a], unit_ptr[b]
    while i < unit_ptr[a + 1] and j < unit_ptr[b + 1]:
        if unit_values[i] < unit_values[j]:
            i += 1
            continue
        if unit_values[i] > unit_values[j]:
            j += 1
            continue
        value = unit_values[i]
        kind = value_kind[value]
        lane = lane_of[kind]
        bits, log_alike = stated[value], 0
        if bits == 0 and rarity[value] > 0:
            alike = max(rarity[value], strangers[a, group_of[kind]], strangers[b, group_of[kind]])
            log_alike = log_of[min(alike, log_of.size - 1)]
            lost = gap_bits(unit_first[i], unit_last[i], unit_first[j], unit_last[j], gaps[lane])
            bits = max(weight_at(by_kind, kind, log_alike) - lost, 0)
        i += 1
        j += 1
        n = counts[lane]
        if n == PER_LANE:
            if bits <= found_bits[lane, n - 1]:
                continue
            n -= 1
        while n > 0 and found_bits[lane, n - 1] < bits:
            found_bits[lane, n] = found_bits[lane, n - 1]
            found_values[lane, n] = found_values[lane, n - 1]
            found_kinds[lane, n] = found_kinds[lane, n - 1]
            found_logs[lane, n] = found_logs[lane, n - 1]
            n -= 1
        found_bits[lane, n] = bits
        found_values[lane, n] = value
        found_kinds[lane, n] = kind
        found_logs[lane, n] = log_alike
        counts[lane] = min(counts[lane] + 1, PER_LANE)


@compiled
def room_for(n_lanes: int) -> tuple[Array, Array, Array, Array, Array]:
    """What shared_values fills: bits, values, kinds, rarities by lane and rank; how many by lane."""
    return (
        np.zeros((n_lanes, PER_LANE), np.int64),
        np.zeros((n_lanes, PER_LANE), np.int32),
        np.zeros((n_lanes, PER_LANE), np.int16),
        np.zeros((n_lanes, PER_LANE), np.int64),
        np.zeros(n_lanes, np.int64),
    )


@compiled
def score_pairs(
    pairs: Array,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    weights: tuple[Array, Array, Array, Array, Array],
    gaps: Array,
    damping: Array,
    caps: Array,
    cheap: tuple[Array, int],
) -> Array:
    """Millibits of evidence of each pair: damped inside a lane, capped, cheap kinds capped together, summed."""
    n_lanes = damping.shape[0]
    found = room_for(n_lanes)
    found_bits, _, found_kinds, _, counts = found
    is_cheap, cheap_cap = cheap
    finer = kinds[3]
    out = np.zeros(pairs.size, np.int32)
    for p in range(pairs.size):
        a, b = pairs[p] >> 32, pairs[p] & 0xFFFFFFFF
        shared_values(a, b, units, kinds, weights, gaps, found)
        total, cheaply = 0, 0
        for lane in range(n_lanes):
            part, rank = 0, 0
            for i in range(counts[lane]):
                if implied(found_bits[lane], found_kinds[lane], counts[lane], i, finer):
                    continue
                bits = min(found_bits[lane, i] * damping[lane, rank] >> 12, caps[lane] - part)
                part += bits
                rank += 1
                if is_cheap[found_kinds[lane, i]] and bits > 0:
                    cheaply += bits
                else:
                    total += bits
        out[p] = total + min(cheaply, cheap_cap)
    return out


@compiled
def explain_pairs(
    pairs: Array,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    weights: tuple[Array, Array, Array, Array, Array],
    gaps: Array,
    damping: Array,
    caps: Array,
    cheap: tuple[Array, int],
    raw: Array,
    limit: int,
) -> Array:
    """Evidence rows of each pair: pair number, value, bits, raw bits. The bits of a pair sum to its score.

    Rows without bits (hubs, values that follow from a finer one, what damping left nothing of) fill up to `limit`.
    """
    n_lanes = damping.shape[0]
    found = room_for(n_lanes)
    found_bits, found_values, found_kinds, _, counts = found
    is_cheap, cheap_cap = cheap
    finer = kinds[3]
    room = 1024
    out = np.zeros((room, 4), np.int64)
    used = 0
    for p in range(pairs.size):
        a, b = pairs[p] >> 32, pairs[p] & 0xFFFFFFFF
        shared_values(a, b, units, kinds, weights, gaps, found)
        if used + n_lanes * PER_LANE > room:
            grown = np.zeros((room * 2, 4), np.int64)
            grown[:used] = out[:used]
            out = grown
            room *= 2
        start = used
        for zero in range(2):
            cheap_left = cheap_cap
            for lane in range(n_lanes):
                left, rank = caps[lane], 0
                for i in range(counts[lane]):
                    bits = 0
                    if not implied(found_bits[lane], found_kinds[lane], counts[lane], i, finer):
                        bits = min(found_bits[lane, i] * damping[lane, rank] >> 12, left)
                        rank += 1
                    left -= bits
                    if is_cheap[found_kinds[lane, i]] and bits > 0:
                        bits = min(bits, cheap_left)
                        cheap_left -= bits
                    if (bits == 0) != (zero == 1) or (zero == 1 and used - start >= limit):
                        continue
                    value = found_values[lane, i]
                    out[used, 0] = p
                    out[used, 1] = value
                    out[used, 2] = bits
                    out[used, 3] = raw[value]
                    used += 1
    return out[:used]


@compiled
def pair_features(
    pairs: Array,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    weights: tuple[Array, Array, Array, Array, Array],
    gaps: Array,
    n_lanes: int,
) -> tuple[Array, Array, Array, Array]:
    """[pair, lane]: kind and rarity (1000 x log2) of the strongest shared value (-1: none), and how many count.

    The last array holds how many have the pair's rarest value.
    """
    found = room_for(n_lanes)
    found_bits, found_values, found_kinds, found_logs, counts = found
    rarity = weights[1]
    finer = kinds[3]
    least = np.full(pairs.size, 2**31 - 1, np.int32)
    best_kind = np.full((pairs.size, n_lanes), -1, np.int16)
    best_log = np.zeros((pairs.size, n_lanes), np.int32)
    several = np.zeros((pairs.size, n_lanes), np.int16)
    for p in range(pairs.size):
        a, b = pairs[p] >> 32, pairs[p] & 0xFFFFFFFF
        shared_values(a, b, units, kinds, weights, gaps, found)
        for lane in range(n_lanes):
            for i in range(counts[lane]):
                if found_bits[lane, i] <= 0:
                    break
                least[p] = min(least[p], rarity[found_values[lane, i]])
                if implied(found_bits[lane], found_kinds[lane], counts[lane], i, finer):
                    continue
                if several[p, lane] == 0:
                    best_kind[p, lane] = found_kinds[lane, i]
                    best_log[p, lane] = found_logs[lane, i]
                several[p, lane] += 1
    return best_kind, best_log, several, least


@compiled
def cut_sizes(pointers: Array, neighbours: Array) -> Array:
    """For each node of a graph: how many nodes its removal cuts off from the largest part that is left.

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
    cut = np.zeros(n, np.int64)
    for node in range(n):
        rest = size[root_of[node]] - 1 - parts[node]
        cut[node] = parts[node] + rest - max(largest[node], rest)
    return cut
