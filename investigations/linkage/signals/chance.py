"""What chance explains: odds that a meeting is none, measured against the same data with what accounts share removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from investigations.linkage.signals.protocol import Ints
from investigations.linkage.units import MILLION

NEVER = -(1 << 40)
"""Log2 odds, in millibits, of what chance explains."""
MOST_EVENTS = 4
"""Events of a pair that count, the least likely first."""
LEVELS = 60
"""Levels of surprise that are told apart, of one bit each."""
ENOUGH = 64
"""Pairs, or one by chance, from which levels are judged by themselves."""


@dataclass(frozen=True)
class Surprises:
    """By pair, ascending: how unlikely its events are together."""

    pair: Ints
    bits: Ints
    """Millibits: the sum of -log2 of the chances of its least likely events."""
    count: Ints
    expected: Ints
    """How many such events chance brings about, in millionths."""
    crowded: npt.NDArray[np.float64]
    """How many times more than usual happened at the moment of the least likely one, at least 1."""

    @property
    def level(self) -> Ints:
        """Whole bits, at most LEVELS - 1."""
        return np.minimum(self.bits // 1000, LEVELS - 1)

    @property
    def by_level(self) -> npt.NDArray[np.float64]:
        """How many pairs there are of each level; those of a crowded moment are one chance together."""
        return np.bincount(self.level, 1 / self.crowded, LEVELS).astype(np.float64)


def surprises(pair: Ints, chance: npt.NDArray[np.float64], crowded: npt.NDArray[np.float64]) -> Surprises:
    """Of each pair the events together. `chance` is how many such events the pair's own rates bring about; what they
    bring about once or more is no surprise. Bits are summed as whole millibits, so that order does not matter.
    """
    bits = np.rint(-1000 * np.log2(np.clip(chance, 1e-12, 1.0))).astype(np.int64)
    order = np.lexsort((crowded, -bits, pair))
    pair, bits, chance = pair[order], bits[order], chance[order]
    distinct, start, count = np.unique(pair, return_index=True, return_counts=True)
    rank = np.arange(pair.size) - np.repeat(start, count)
    total = np.zeros(distinct.size, np.int64)
    np.add.at(total, np.repeat(np.arange(distinct.size), count)[rank < MOST_EVENTS], bits[rank < MOST_EVENTS])
    expected = np.rint(np.minimum(chance[start + count - 1], 1e6) * MILLION).astype(np.int64) if pair.size else start
    return Surprises(distinct, total, count, expected, crowded[order][start] if pair.size else crowded)


def odds_millibits(met: npt.NDArray[np.float64], by_chance: npt.NDArray[np.float64]) -> Ints:
    """1000 x log2 of the odds that a meeting is not chance, NEVER where chance explains them all.

    Odds are the meetings beyond chance, less two standard errors, to those by chance, of which there is never less
    than one: a local false discovery rate (Efron 2001).
    """
    chance = np.maximum(by_chance, 1.0)
    odds = (met - chance - 2 * np.sqrt(chance)) / chance
    bits = np.rint(1000 * np.log2(np.maximum(odds, 1e-9))).astype(np.int64)
    return np.where(odds > 0, bits, NEVER)


def odds_by_level(met: npt.NDArray[np.float64], by_chance: npt.NDArray[np.float64]) -> Ints:
    """odds_millibits of each level of surprise: neighbours are judged together, from the top, until there are ENOUGH
    of them, and a lower level never counts more than a higher one."""
    out = np.full(met.size, NEVER, np.int64)
    top = met.size
    for level in range(met.size - 1, -1, -1):
        together, chance = met[level:top].sum(), by_chance[level:top].sum()
        if together >= ENOUGH or chance >= 1 or level == 0:
            out[level:top] = odds_millibits(np.array([together]), np.array([chance]))[0]
            top = level
    return np.minimum.accumulate(out[::-1])[::-1]
