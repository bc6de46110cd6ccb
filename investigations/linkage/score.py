"""Step 4: bits of evidence for each candidate pair (Fellegi and Sunter's match weight). See docs/theory/score.md.

Every figure is a whole number of millibits, rounded once for each value, so that sums never depend on their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, SmallInts
from investigations.linkage.hubs import Hubs, finer_matrix, kind_groups
from investigations.linkage.kernels import DAMPING_ONE, PER_FAMILY, count_strangers, explain_pairs, score_pairs
from investigations.linkage.settings import Settings

CHUNK = 500_000
"""Pairs scored between two reports of progress."""
DAY_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True)
class Scorer:
    """All that a pair's score depends on: the shared values and the weights of a model."""

    gathered: Gathered
    raw: SmallInts
    """Millibits of agreement on each value before hubs, strangers, time, damping and caps."""
    rarity: SmallInts
    """Holders that each value counts as having, floored by family; 0 for hubs, which weigh nothing."""
    is_hub: npt.NDArray[np.bool_]
    line: int
    """Millibits that evidence must reach: threshold less prior."""
    kernel_arguments: tuple[Any, ...]

    @property
    def weights(self) -> SmallInts:
        """Millibits of agreement on each value, hubs at 0."""
        weights = self.raw.copy()
        weights[self.is_hub] = 0
        return weights

    def over_the_line(self, pairs: Ints) -> SmallInts:
        """Millibits over the line of each pair a << 32 | b; negative below it."""
        total: SmallInts = score_pairs(pairs, *self.kernel_arguments)
        return (total - np.int32(self.line)).astype(np.int32)

    def evidence(self, pairs: Ints, limit: int) -> Ints:
        """Rows (pair's position, value, bits, raw bits); the bits of a pair sum to its score plus the line."""
        rows: Ints = explain_pairs(pairs, *self.kernel_arguments, self.raw, limit)
        return np.asarray(rows, dtype=np.int64)


def scorer_from(gathered: Gathered, hubs: Hubs, strangers: SmallInts, settings: Settings) -> Scorer:
    """The weights for these values under these settings; strangers as strangers_met gives them."""
    raw = np.where(gathered.stated != 0, gathered.stated, value_millibits(gathered, settings)).astype(np.int32)
    rarity = rarity_of(gathered, hubs, raw, settings)
    arguments = kernel_arguments(gathered, rarity, strangers, gathered.n_units, settings)
    return Scorer(gathered, raw, rarity, hubs.is_hub, line_millibits(gathered.n_units, settings), arguments)


class Shared(Protocol):
    """What the kernels read of the values that units share; Gathered is one."""

    @property
    def by_unit(self) -> tuple[Ints, SmallInts, Ints, Ints]:
        """Pointers, values (ascending), first and last times, by unit."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of kinds, by number."""
        ...

    @property
    def kind_family(self) -> npt.NDArray[np.int8]:
        """Family number of each kind."""
        ...

    @property
    def value_kind(self) -> npt.NDArray[np.int16]:
        """Kind number of each value."""
        ...

    @property
    def value_number(self) -> Ints:
        """Number of each value."""
        ...

    @property
    def stated(self) -> SmallInts:
        """Millibits that evidence on a pair states; 0 for values, which weigh by their rarity."""
        ...


def kernel_arguments(
    shared: Shared, rarity: SmallInts, strangers: SmallInts, n_units: int, settings: Settings
) -> tuple[Any, ...]:
    """What the kernels take beside pairs, for values shared in a dataset of `n_units`."""
    line = line_millibits(n_units, settings)
    families = [settings.family(name) for name in types.FAMILIES]
    gaps = np.array([round(family.gap_days * DAY_MICROSECONDS) for family in families], np.int64)
    powers = [[round(DAMPING_ONE * family.damping**i) for i in range(PER_FAMILY)] for family in families]
    caps = np.array([max(round(1000 * family.alone_bits) + line, 0) for family in families], np.int64)
    most = min(max(int(rarity.max(initial=1)), int(strangers.max(initial=1))), max(n_units, 1))
    return (
        shared.by_unit,
        shared.value_number,
        (shared.value_kind, shared.kind_family, kind_groups(shared.kinds, shared.kind_family, settings)),
        (base_millibits(n_units, settings), rarity, strangers, log_millibits(most), shared.stated),
        gaps,
        np.array(powers, np.int64),
        caps,
        finer_matrix(shared.kinds, settings),
    )


def base_millibits(n_units: int, settings: Settings) -> Ints:
    """log2(m x units) by family: what agreement on a value is worth that one unit has."""
    agreement = np.array([settings.family(name).agreement for name in types.FAMILIES])
    return np.asarray(np.rint(1000 * np.log2(agreement * max(n_units, 1))), dtype=np.int64)


def log_millibits(largest: int) -> Ints:
    """1000 x log2 of 1 to `largest`, by position; 0 at 0."""
    return np.asarray(np.rint(1000 * np.log2(np.maximum(np.arange(largest + 1), 1))), dtype=np.int64)


def floored(holders: SmallInts, family: npt.NDArray[np.int8], settings: Settings) -> SmallInts:
    """Holders of each value, but never fewer than its family's floor."""
    floor = np.array([settings.family(name).floor_holders for name in types.FAMILIES])
    return np.asarray(np.maximum(holders, floor[family]), dtype=np.int32)


def agreement_millibits(
    holders: SmallInts, family: npt.NDArray[np.int8], n_units: int, settings: Settings
) -> SmallInts:
    """log2(m / u) in millibits, at least 0, of values of these families that so many of all units have."""
    counted = np.minimum(floored(holders, family, settings), n_units)
    logs = log_millibits(int(counted.max(initial=1)))[counted]
    return np.asarray(np.maximum(base_millibits(n_units, settings)[family] - logs, 0), dtype=np.int32)


def value_millibits(gathered: Gathered, settings: Settings) -> SmallInts:
    """log2(m / u) of each value in millibits, at least 0; u is the share of units that have it, floored by family."""
    return agreement_millibits(gathered.value_holders, gathered.value_family, gathered.n_units, settings)


def rarity_of(gathered: Gathered, hubs: Hubs, raw: SmallInts, settings: Settings) -> SmallInts:
    """Holders that a value counts as having; 0 when it weighs nothing."""
    counted = floored(gathered.value_holders, gathered.value_family, settings)
    return np.where(hubs.is_hub | (raw <= 0), 0, counted).astype(np.int32)


def strangers_met(gathered: Gathered, hubs: Hubs, pairs: Ints, settings: Settings) -> SmallInts:
    """[unit, group of kinds]: others that a unit shares values of this group with, and nothing else.

    Who meets many strangers in one way proves little by it, whatever the single value's rarity: the chance of one
    more such meeting is what u has to be. Clients, and kinds that follow from finer ones, explain nobody.
    """
    names = [types.FAMILIES[number] for number in gathered.kind_family]
    weak = [name == "client" or kind in settings.coarser for name, kind in zip(names, gathered.kinds, strict=True)]
    together = [settings.family(name).collections for name in names]
    groups = kind_groups(gathered.kinds, gathered.kind_family, settings)
    rarity = rarity_of(gathered, hubs, value_millibits(gathered, settings), settings)
    kinds = (gathered.value_kind, groups, np.array(weak, bool), np.array(together, bool))
    counts: SmallInts = count_strangers(pairs, gathered.by_unit, kinds, rarity, len(gathered.kinds))
    return counts


def prior_millibits(n_units: int, settings: Settings) -> int:
    """log2 of the odds that two accounts taken at random are of one operator, at most even odds."""
    odds = settings.expected_partners / max(n_units - 1, 1)
    return min(round(1000 * math.log2(odds)), 0)


def line_millibits(n_units: int, settings: Settings) -> int:
    """Evidence that a pair needs: what lifts the prior to the threshold."""
    return round(1000 * settings.threshold_bits) - prior_millibits(n_units, settings)


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
