"""Since when an account is its cluster's: the owner of a stolen account is not its thief.

A change of hands shows in what an account is used with: within hours a new device, a new client and a new network begin,
where the account had others before. What ties the account to its cluster begins then, too, or later. An account whose
evidence lies after such a change is accused from the change on, not before.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, column_ints
from investigations.linkage.kernels import NO_TIME, Array, compiled
from investigations.linkage.position import Linked
from investigations.linkage.units import HOUR

TOGETHER = 6 * HOUR
"""What begins within this time begins together."""
BEFORE = 24 * HOUR
"""How long before a change the account had others."""
RUN = 72 * HOUR
"""Changes this close to each other are one hand's."""
MOST_BEFORE = 2
"""Whose device, client and network changed more often before was always used so."""
OWN_LIFE = 5 * 24 * HOUR
"""How long the account was used before the change."""
WAYS = ("device", "client", "network")
NEEDED = 2
"""In so many of WAYS something new begins at a change, where there was something else before."""
NO_EPISODE = NO_TIME


def since_of(inputs: types.Inputs, gathered: Gathered, linked: Linked, labels: Ints) -> Ints:
    """By unit the start of the accused part, in microseconds; NO_EPISODE: all of its life, or nothing to tell."""
    evidence = _evidence_begins(linked, gathered)
    known = np.flatnonzero((labels >= 0) & (gathered.unit_size == 1) & (evidence != NO_TIME))
    out = np.full(gathered.n_units, NO_EPISODE, np.int64)
    for unit, begun, changes in _changes_of_hands(inputs, gathered, known):
        out[unit] = _taken_over(changes[changes <= evidence[unit] + TOGETHER], begun)
    return out


def _taken_over(changes: Ints, begun: int) -> int:
    """When the last change of hands before the evidence began; NO_EPISODE if there is none, or if changes are what
    the account has always been used with."""
    if not changes.size:
        return NO_EPISODE
    place = changes.size - 1
    while place and changes[place] - changes[place - 1] <= RUN:
        place -= 1
    if place > MOST_BEFORE or changes[place] - begun < OWN_LIFE:
        return NO_EPISODE
    return int(changes[-1])


def _evidence_begins(linked: Linked, gathered: Gathered) -> Ints:
    """By unit when the value that ties it most to its cluster was first seen of it; NO_TIME when unknown."""
    row, value, bits = linked.evidence[:, 0], linked.evidence[:, 1], linked.evidence[:, 2]
    counts = (bits > 0) & (linked.cluster[row] >= 0) & (gathered.stated[value] == 0)
    units = np.concatenate([linked.a[row[counts]], linked.b[row[counts]]])
    values, bits = np.tile(value[counts], 2), np.tile(bits[counts], 2)
    first = gathered.first_at[gathered.place_of(units, values)]
    timed = first != NO_TIME
    units, bits, first = units[timed], bits[timed], first[timed]
    order = np.lexsort((first, -bits, units))
    units, at = np.unique(units[order], return_index=True)
    out = np.full(gathered.n_units, NO_TIME, np.int64)
    out[units] = first[order][at]
    return out


def _changes_of_hands(inputs: types.Inputs, gathered: Gathered, units: Ints) -> list[tuple[int, int, Ints]]:
    """Units with when they began and the times at which something new begins in NEEDED ways at once."""
    unit, way, at = _begun(inputs, gathered, units)
    changes = begins_together(unit, way, at, len(WAYS), BEFORE, TOGETHER) >= NEEDED
    parts = np.split(np.arange(unit.size), np.flatnonzero(np.diff(unit)) + 1)
    return [
        (int(unit[mine[0]]), int(at[mine].min()), np.unique(at[mine[changes[mine]]]))
        for mine in parts
        if changes[mine].any()
    ]


@compiled
def begins_together(unit: Array, way: Array, at: Array, n_ways: int, before: int, together: int) -> Array:
    """For each row (sorted by unit) in how many ways something begins within `together` from it on, that began at least
    `before` after the first thing of its way; 0 where its own did not."""
    out = np.zeros(unit.size, np.int64)
    first = np.zeros(n_ways, np.int64)
    new = np.zeros(n_ways, np.bool_)
    start = 0
    while start < unit.size:
        end = start
        first[:] = np.iinfo(np.int64).max
        while end < unit.size and unit[end] == unit[start]:
            first[way[end]] = min(first[way[end]], at[end])
            end += 1
        for i in range(start, end):
            if at[i] - first[way[i]] < before:
                continue
            new[:] = False
            for j in range(start, end):
                if at[i] <= at[j] <= at[i] + together and at[j] - first[way[j]] >= before:
                    new[way[j]] = True
            out[i] = new.sum()
        start = end
    return out


def _begun(inputs: types.Inputs, gathered: Gathered, units: Ints) -> tuple[Ints, Ints, Ints]:
    """(unit, way, when first seen) of every value of WAYS of these units, by unit."""
    account = gathered.unit_account[units]
    kinds = [kind for kind, family in inputs.families.items() if family in WAYS]
    table = inputs.sightings
    chosen = pc.and_(
        pc.is_in(table["account"], pa.array(np.sort(account))), pc.is_in(table["kind"], pa.array(kinds, pa.string()))
    )
    table = table.filter(pc.and_(chosen, pc.is_valid(table["first_at"])))
    order = np.argsort(account)
    unit = units[order][np.searchsorted(account[order], column_ints(table, "account"))]
    place = np.asarray(pc.index_in(table["kind"], pa.array(kinds, pa.string())).to_numpy(), np.int64)
    way = np.array([WAYS.index(inputs.families[kind]) for kind in kinds], np.int64)[place]
    at = column_ints(table, "first_at")
    order = np.lexsort((at, way, unit))
    return unit[order], way[order], at[order]
