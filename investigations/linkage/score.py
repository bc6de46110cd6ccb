"""Step 4: bits of evidence for each candidate pair (Fellegi and Sunter's match weight). See docs/theory/score.md.

Every figure is a whole number of millibits, rounded once for each value, so that sums never depend on their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, SmallInts
from investigations.linkage.hubs import Hubs
from investigations.linkage.kernels import DAMPING_ONE, PER_FAMILY, explain_pairs, score_pairs
from investigations.linkage.settings import Settings

CHUNK = 500_000
"""Pairs scored between two reports of progress."""
DAY_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True)
class Scorer:
    """All that a pair's score depends on: the shared values and the weights of a model."""

    gathered: Gathered
    raw: SmallInts
    """Millibits of agreement on each value before hubs, time, damping and caps."""
    weights: SmallInts
    """The same with hubs at 0."""
    is_hub: npt.NDArray[np.bool_]
    line: int
    """Millibits that evidence must reach: threshold less prior."""
    kernel_arguments: tuple[Any, ...]

    def over_the_line(self, pairs: Ints) -> SmallInts:
        """Millibits over the line of each pair a << 32 | b; negative below it."""
        return np.asarray(score_pairs(pairs, *self.kernel_arguments) - np.int32(self.line), dtype=np.int32)

    def evidence(self, pairs: Ints, limit: int) -> Ints:
        """Rows (pair's position, value, bits, raw bits); the bits of a pair sum to its score plus the line."""
        return np.asarray(explain_pairs(pairs, *self.kernel_arguments, self.is_hub, self.raw, limit))


def scorer_from(gathered: Gathered, hubs: Hubs, settings: Settings) -> Scorer:
    """The weights for these values under these settings."""
    raw = value_millibits(gathered, settings)
    weights = np.where(hubs.is_hub, 0, raw).astype(np.int32)
    line = line_millibits(gathered.n_units, settings)
    families = [settings.family(name) for name in types.FAMILIES]
    gaps = np.array([round(family.gap_days * DAY_MICROSECONDS) for family in families], np.int64)
    powers = [[round(DAMPING_ONE * family.damping**i) for i in range(PER_FAMILY)] for family in families]
    caps = np.array([max(round(1000 * family.alone_bits) + line, 0) for family in families], np.int64)
    arguments = (
        gathered.by_unit,
        gathered.value_number,
        (gathered.value_kind, gathered.kind_family),
        weights,
        gaps,
        np.array(powers, np.int64),
        caps,
        finer_matrix(gathered.kinds, settings),
    )
    return Scorer(gathered, raw, weights, hubs.is_hub, line, arguments)


def value_millibits(gathered: Gathered, settings: Settings) -> SmallInts:
    """log2(m / u) of each value in millibits, at least 0; u is the share of units that have it, floored by family."""
    families = [settings.family(name) for name in types.FAMILIES]
    agreement = np.array([family.agreement for family in families])[gathered.value_family]
    floor = np.array([family.floor_holders for family in families])[gathered.value_family]
    holders = np.maximum(gathered.value_holders, floor)
    bits = np.log2(agreement * max(gathered.n_units, 1) / holders) if holders.size else np.empty(0)
    return np.maximum(np.rint(1000 * bits), 0).astype(np.int32)


def prior_millibits(n_units: int, settings: Settings) -> int:
    """log2 of the odds that two accounts taken at random are of one operator, at most even odds."""
    odds = settings.expected_partners / max(n_units - 1, 1)
    return min(round(1000 * math.log2(odds)), 0)


def line_millibits(n_units: int, settings: Settings) -> int:
    """Evidence that a pair needs: what lifts the prior to the threshold."""
    return round(1000 * settings.threshold_bits) - prior_millibits(n_units, settings)


def finer_matrix(kinds: tuple[str, ...], settings: Settings) -> npt.NDArray[np.bool_]:
    """[coarse, fine]: whether a value of the coarse kind follows from one of the fine kind."""
    matrix = np.zeros((len(kinds), len(kinds)), bool)
    for i, coarse in enumerate(kinds):
        for j, fine in enumerate(kinds):
            matrix[i, j] = fine in settings.coarser.get(coarse, ())
    return matrix


def linked_pairs(
    scorer: Scorer, pairs: Ints, settings: Settings, tick: Callable[[int, int], None]
) -> tuple[Ints, SmallInts]:
    """The backbone: pairs on or over the line that are among the strongest of either end, with their millibits."""
    kept: list[Ints] = []
    kept_bits: list[SmallInts] = []
    for start in range(0, pairs.size, CHUNK):
        tick(start, pairs.size)
        chunk = pairs[start : start + CHUNK]
        bits = scorer.over_the_line(chunk)
        kept.append(chunk[bits >= 0])
        kept_bits.append(bits[bits >= 0])
    tick(pairs.size, pairs.size)
    if not kept:
        return np.empty(0, np.int64), np.empty(0, np.int32)
    linked, bits = np.concatenate(kept), np.concatenate(kept_bits)
    chosen = strongest(linked, bits, settings.links_per_account)
    return linked[chosen], bits[chosen]


def strongest(pairs: Ints, bits: SmallInts, count: int) -> npt.NDArray[np.bool_]:
    """Which pairs are among the `count` strongest of one of their ends (ties: the smaller other end)."""
    a, b = pairs >> 32, pairs & 0xFFFFFFFF
    here, there = np.concatenate([a, b]), np.concatenate([b, a])
    both = np.concatenate([bits, bits])
    order = np.lexsort((there, -both, here))
    start = np.searchsorted(here[order], here[order], side="left")
    rank = np.arange(order.size) - start
    chosen = np.zeros(pairs.size, bool)
    chosen[order[rank < count] % max(pairs.size, 1)] = True
    return chosen
