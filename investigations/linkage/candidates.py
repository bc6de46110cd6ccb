"""Step 3: which pairs to score. A value with d holders makes at most d x budget of them; hubs make none."""

from __future__ import annotations

import numpy as np

from investigations.linkage.gather import Gathered, Ints, SmallInts
from investigations.linkage.kernels import count_pairs, pairs_of, signatures
from investigations.linkage.settings import Settings

ROOM = 8_000_000
"""Pairs made between two rounds of removing doubles: bounds the memory."""


def candidate_pairs(gathered: Gathered, weights: SmallInts, settings: Settings) -> Ints:
    """Distinct pairs of units as a << 32 | b with a < b, ascending, that share a value of any weight."""
    usable = np.flatnonzero(weights > 0)
    signature = signatures(gathered.holder_ptr, gathered.holders)
    rarest = rarest_signature(gathered, weights, signature)
    found = np.empty(0, np.int64)
    for chunk in _chunks(usable, gathered, settings.budget):
        room = count_pairs(chunk, gathered.holder_ptr, settings.budget)
        made = pairs_of(
            chunk,
            gathered.holder_ptr,
            gathered.holders,
            gathered.first_at,
            signature,
            rarest,
            settings.budget,
            settings.seed & 0x7FFFFFFF,
            room,
        )
        found = sorted_unique(np.concatenate([found, made]))
    return found


def sorted_unique(numbers: Ints) -> Ints:
    """The distinct numbers, ascending; sorts in place, which is faster than hashing that many."""
    numbers.sort()
    return numbers[np.append(True, numbers[1:] != numbers[:-1])] if numbers.size else numbers


def rarest_signature(gathered: Gathered, weights: SmallInts, signature: Ints) -> Ints:
    """For each unit the signature of the value of weight that fewest units have (ties: the smallest), -1 without any."""
    rows = np.repeat(np.arange(gathered.n_values), gathered.value_holders)
    rows_weight = weights[rows] > 0
    rows, units = rows[rows_weight], gathered.holders[rows_weight]
    order = np.lexsort((signature[rows], gathered.value_holders[rows], units))
    rows, units = rows[order], units[order]
    first = np.ones(units.size, bool)
    first[1:] = units[1:] != units[:-1]
    rarest = np.full(gathered.n_units, -1, np.int64)
    rarest[units[first]] = signature[rows[first]]
    return rarest


def _chunks(values: Ints, gathered: Gathered, budget: int) -> list[Ints]:
    """The values in runs that make about ROOM pairs each."""
    degrees = gathered.value_holders[values].astype(np.int64)
    cost = np.cumsum(np.minimum(degrees * (degrees - 1) // 2, degrees * budget))
    if not cost.size:
        return []
    cuts = np.searchsorted(cost, np.arange(ROOM, int(cost[-1]), ROOM))
    return [chunk for chunk in np.split(values, cuts) if chunk.size]
