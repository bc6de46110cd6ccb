"""Step 4: bits of evidence for each candidate pair (Fellegi and Sunter's match weight). See docs/theory/score.md.

Every figure is a whole number of millibits, rounded once for each value, so that sums never depend on their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, SmallInts
from investigations.linkage.hubs import Hubs, finer_matrix, kind_groups
from investigations.linkage.kernels import count_strangers
from investigations.linkage.lanes import lanes_of
from investigations.linkage.learn import Weights, assumed, learn, seen_in
from investigations.linkage.pair_kernels import LEVELS, STEP, explain_pairs, score_pairs
from investigations.linkage.settings import Settings
from investigations.linkage.signups import KIND as SIGNUPS
from investigations.linkage.threads import each
from investigations.linkage.units import DAY

CHUNK = 500_000
"""Pairs scored between two reports of progress."""
PIECES = 8
"""Parts of those that are scored beside each other."""
NEAR = 8000
"""Millibits below the line from which a pair supports the links of its ends."""


@dataclass(frozen=True)
class Scorer:
    """All that a pair's score depends on: the shared values and the weights of a model."""

    gathered: Gathered
    raw: SmallInts
    """Millibits of agreement on each value before hubs, strangers, time, damping and caps."""
    rarity: SmallInts
    """Holders that each value counts as having, floored by family; 0 for hubs, which weigh nothing."""
    is_hub: npt.NDArray[np.bool_]
    learned: Weights
    line: int
    """Millibits that evidence must reach: threshold less prior."""
    lane_families: tuple[str, ...]
    kernel_arguments: tuple[Any, ...]

    @property
    def weights(self) -> SmallInts:
        """Millibits of agreement on each value, hubs at 0."""
        weights = self.raw.copy()
        weights[self.is_hub] = 0
        return weights

    def over_the_line(self, pairs: Ints) -> SmallInts:
        """Millibits over the line of each pair a << 32 | b; negative below it."""
        return self.weighed(pairs)[0]

    def weighed(self, pairs: Ints) -> tuple[SmallInts, npt.NDArray[np.int16]]:
        """Millibits over the line of each pair, and a bit mask of the families with evidence for."""
        total, lanes = score_pairs(pairs, *self.kernel_arguments)
        families = np.zeros(pairs.size, np.int16)
        for lane, name in enumerate(self.lane_families):
            families |= ((lanes >> lane & 1) << types.FAMILIES.index(name)).astype(np.int16)
        return (total - np.int32(self.line)).astype(np.int32), families

    def evidence(self, pairs: Ints, limit: int) -> Ints:
        """Rows (pair's position, value, bits, raw bits); the bits of a pair sum to its score plus the line."""
        rows: Ints = explain_pairs(pairs, *self.kernel_arguments, self.raw, limit)
        return np.asarray(rows, dtype=np.int64)


def scorer_from(gathered: Gathered, hubs: Hubs, strangers: SmallInts, weights: Weights, settings: Settings) -> Scorer:
    """The scorer for these values with these weights; strangers as strangers_met gives them."""
    by_rarity = raw_millibits(gathered.value_kind, gathered.value_holders, weights)
    raw = np.where(gathered.stated != 0, gathered.stated, by_rarity).astype(np.int32)
    rarity = rarity_of(gathered, hubs, settings)
    arguments = kernel_arguments(gathered, rarity, strangers, weights, gathered.n_units, settings)
    families = lanes_of(gathered.kinds, gathered.kind_family, settings).families
    line = line_millibits(weights, settings)
    return Scorer(gathered, raw, rarity, hubs.is_hub, weights, line, families, arguments)


def learned_weights(gathered: Gathered, hubs: Hubs, strangers: SmallInts, pairs: Ints, settings: Settings) -> Weights:
    """The weights that these candidate pairs teach."""
    lanes = lanes_of(gathered.kinds, gathered.kind_family, settings)
    start = assumed_weights(gathered.kinds, gathered.kind_family, gathered.n_units, settings)
    rarity = rarity_of(gathered, hubs, settings)
    arguments = kernel_arguments(gathered, rarity, strangers, start, gathered.n_units, settings)
    return learn(seen_in(pairs, arguments, lanes, settings.budget), start, lanes, gathered.n_units, settings)


def weights_for(weights: Weights, gathered: Gathered, settings: Settings) -> Weights:
    """The weights with rows for kinds of evidence on pairs, which come after the others, and for their lanes: such
    evidence states its own bits and was not learned from."""
    every = assumed_weights(gathered.kinds, gathered.kind_family, gathered.n_units, settings)
    known = weights.by_kind.shape[0]
    before = lanes_of(gathered.kinds[:known], gathered.kind_family[:known], settings).names
    after = lanes_of(gathered.kinds, gathered.kind_family, settings).names
    by_kind, damping = every.by_kind.copy(), every.damping.copy()
    by_kind[:known] = weights.by_kind
    damping[[after.index(name) for name in before]] = weights.damping
    return replace(weights, by_kind=by_kind, damping=damping)


def assumed_weights(
    kinds: tuple[str, ...], kind_family: npt.NDArray[np.int8], n_units: int, settings: Settings
) -> Weights:
    """Weights before the data have spoken."""
    families = [types.FAMILIES[number] for number in kind_family]
    return assumed(n_units, families, lanes_of(kinds, kind_family, settings), settings)


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
    shared: Shared, rarity: SmallInts, strangers: SmallInts, weights: Weights, n_units: int, settings: Settings
) -> tuple[Any, ...]:
    """What the kernels take beside pairs, for values shared in a dataset of `n_units`."""
    line = line_millibits(weights, settings)
    lanes = lanes_of(shared.kinds, shared.kind_family, settings)
    families = lanes.settings(settings)
    gaps = np.array([round(family.gap_days * DAY) for family in families], np.int64)
    caps = np.array([max(round(1000 * family.alone_bits) + line, 0) for family in families], np.int64)
    most = min(max(int(rarity.max(initial=1)), int(strangers.max(initial=1))), max(n_units, 1))
    groups = kind_groups(shared.kinds, shared.kind_family, settings)
    return (
        shared.by_unit,
        (shared.value_kind, lanes.of_kind, groups, finer_matrix(shared.kinds, settings)),
        (weights.by_kind, rarity, strangers, log_millibits(most), shared.stated),
        gaps,
        weights.damping,
        caps,
        (lanes.cheap, max(line + round(1000 * settings.cheap_bits), 0)),
    )


def log_millibits(largest: int) -> Ints:
    """1000 x log2 of 1 to `largest`, by position; 0 at 0."""
    return np.asarray(np.rint(1000 * np.log2(np.maximum(np.arange(largest + 1), 1))), dtype=np.int64)


def raw_millibits(value_kind: npt.NDArray[np.int16], holders: SmallInts, weights: Weights) -> SmallInts:
    """Millibits of agreement on each value by its own holders alone, at least 0."""
    logs = log_millibits(int(holders.max(initial=1)))[holders]
    level = np.minimum(logs // STEP, LEVELS - 1)
    low = weights.by_kind[value_kind, level]
    high = weights.by_kind[value_kind, np.minimum(level + 1, LEVELS - 1)]
    rest = logs - STEP * level
    between = low + (high - low) * np.minimum(rest, STEP) // STEP
    return np.asarray(np.maximum(np.where(level == LEVELS - 1, low - rest, between), 0), dtype=np.int32)


def value_millibits(gathered: Gathered, settings: Settings) -> SmallInts:
    """What each value would weigh before the data have spoken: log2(m / u), at least 0."""
    weights = assumed_weights(gathered.kinds, gathered.kind_family, gathered.n_units, settings)
    return raw_millibits(gathered.value_kind, gathered.value_holders, weights)


def usable_millibits(gathered: Gathered, hubs: Hubs, settings: Settings) -> SmallInts:
    """value_millibits, hubs at 0: what makes candidates."""
    return np.where(hubs.is_hub, 0, value_millibits(gathered, settings)).astype(np.int32)


def rarity_of(gathered: Gathered, hubs: Hubs, settings: Settings) -> SmallInts:
    """Holders that a value counts as having; 0 when it weighs nothing."""
    nothing = hubs.is_hub | (value_millibits(gathered, settings) <= 0)
    return np.where(nothing, 0, gathered.value_holders).astype(np.int32)


def strangers_met(gathered: Gathered, hubs: Hubs, pairs: Ints, settings: Settings) -> SmallInts:
    """[unit, group of kinds]: others that a unit shares values of this group with, and nothing else.

    Who meets many strangers in one way proves little by it, whatever the single value's rarity: the chance of one
    more such meeting is what u has to be. Clients, and kinds that follow from finer ones, explain nobody.
    """
    names = [types.FAMILIES[number] for number in gathered.kind_family]
    weak = [name == "client" or kind in settings.coarser for name, kind in zip(names, gathered.kinds, strict=True)]
    together = [settings.family(name).collections for name in names]
    groups = kind_groups(gathered.kinds, gathered.kind_family, settings)
    rarity = rarity_of(gathered, hubs, settings)
    kinds = (gathered.value_kind, groups, np.array(weak, bool), np.array(together, bool))
    by_unit, n_groups = gathered.by_unit, len(gathered.kinds)
    first, second = each(lambda part: count_strangers(part, by_unit, kinds, rarity, n_groups), np.array_split(pairs, 2))
    return np.asarray(first + second, np.int32)


def line_millibits(weights: Weights, settings: Settings) -> int:
    """Evidence that a pair needs: what lifts the prior to the threshold."""
    return round(1000 * settings.threshold_bits) - weights.prior


def over_the_line(
    scorer: Scorer, pairs: Ints, tick: Callable[[int, int], None] = lambda _done, _total: None
) -> SmallInts:
    """Millibits over the line of all these pairs, with reports of progress."""
    parts = [np.empty(0, np.int32)]
    for start in range(0, pairs.size, CHUNK):
        tick(start, pairs.size)
        chunk = pairs[start : start + CHUNK]
        parts += each(scorer.over_the_line, np.array_split(chunk, PIECES))
    tick(pairs.size, pairs.size)
    return np.concatenate(parts)


def weighed_pairs(scorer: Scorer, pairs: Ints) -> tuple[SmallInts, npt.NDArray[np.int16]]:
    """What scorer.weighed says of all these pairs."""
    bits, families = zip(*each(scorer.weighed, np.array_split(pairs, PIECES)), strict=True)
    return np.concatenate(bits), np.concatenate(families)


def backbone(scorer: Scorer, close: Ints, bits: SmallInts, settings: Settings) -> npt.NDArray[np.bool_]:
    """Which pairs link, of those close to the line or over it by so many millibits: the strongest of either end."""
    linked = np.flatnonzero(bits >= 0)
    linked = linked[strongest(close[linked], bits[linked], settings.links_per_account)]
    links = np.zeros(close.size, bool)
    links[linked] = ~unsupported(scorer, close[linked], close)
    return links


def unsupported(scorer: Scorer, links: Ints, close: Ints) -> npt.NDArray[np.bool_]:
    """Links that rest on one thing that two accounts did (and when they signed up), where one of them is close to nobody else of those that
    the links connect. Among many accounts chance brings some such pair about; several of one network it hardly does.
    """
    n = scorer.gathered.n_units
    a, b = links >> 32, links & 0xFFFFFFFF
    graph = coo_array((np.ones(links.size, np.int8), (a, b)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    c, d = close >> 32, close & 0xFFFFFFFF
    inside = component[c] == component[d]
    near = np.bincount(np.concatenate([c[inside], d[inside]]), minlength=n)
    ends = np.flatnonzero((near[a] == 1) | (near[b] == 1))
    rows = scorer.evidence(links[ends], 1)
    gaps = [code for code, kind in enumerate(scorer.gathered.kinds) if kind == SIGNUPS]
    rows = rows[(rows[:, 2] > 0) & ~np.isin(scorer.gathered.value_kind[rows[:, 1]], gaps)]
    reasons = np.bincount(rows[:, 0], minlength=ends.size)
    shared = np.bincount(rows[:, 0], scorer.gathered.stated[rows[:, 1]] == 0, ends.size)
    out = np.zeros(links.size, bool)
    out[ends] = (reasons == 1) & (shared == 0)
    return out


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
