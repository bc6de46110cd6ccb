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
def doubled(rows: Array) -> Array:
    """The rows with as much room again behind them. Number by number: numba compiles a copy of a slice for seconds."""
    out = np.empty((2 * rows.shape[0], rows.shape[1]), np.int64)
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[i, j] = rows[i, j]
    return out


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
def signatures(holder_ptr: Array, holders: Array) -> Array:
    """A number for each value that follows from who holds it, not from how it was numbered; at least 0."""
    out = np.empty(holder_ptr.size - 1, np.int64)
    for value in range(out.size):
        number = np.int64(0)
        for at in range(holder_ptr[value], holder_ptr[value + 1]):
            number = mixed(number ^ (np.int64(holders[at]) + 1))
        out[value] = number
    return out


@compiled
def pairs_of(
    values: Array,
    holder_ptr: Array,
    holders: Array,
    first_at: Array,
    signature: Array,
    rarest: Array,
    budget: int,
    seed: int,
    room: int,
) -> Array:
    """Candidate pairs a << 32 | b (a < b) of the values, not yet distinct. `signature` is by value, `rarest` by unit.

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
        times = first_at[low:high].copy()  # what may be written to, like keys: else a second sort is compiled
        used = ring_pairs(members, np.argsort(times, kind="mergesort"), ring, out, used)
        for i in range(degree):
            keys[i] = rarest[members[i]]
        used = ring_pairs(members, np.argsort(keys, kind="mergesort"), ring, out, used)
        for i in range(degree):
            keys[i] = mixed((np.int64(members[i]) * 1_000_003 + seed) ^ signature[value])
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
