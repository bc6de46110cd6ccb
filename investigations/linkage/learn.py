"""The weights of a run, learned from its own data without labels: EM over rarities of kinds. See docs/theory/score.md.

Pairs are matches or strangers. From weights that are only assumed come posterior odds of each candidate pair; from
those how often matches and strangers share a value of each kind and rarity, how often a second and a third one beside
it, and how many matches there are; and so anew. Whoever runs many accounts weighs little more than who
runs few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from investigations.linkage.gather import Ints
from investigations.linkage.lanes import Lanes
from investigations.linkage.pair_kernels import DAMPING_ONE, LEVELS, PER_LANE, STEP, pair_features
from investigations.linkage.settings import Settings

Floats = npt.NDArray[np.float64]
STRICT = (10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0) + (0.0,) * 12
"""Bits that odds are held short by in each round: the surest pairs teach first."""
MOST_PAIRS = 200_000
"""Candidate pairs looked at; of more, an even sample."""
FAIR = 0.75
"""A pair's mass is divided by its accounts' matches to this power: at 1 all operators weigh the same, at 0 all pairs."""
STEADY = 10.0
"""Matches that what is assumed counts as."""
MOST_SHARED = 0.95
"""A lane that is missing counts no more against a class than this chance of sharing would make it."""
CLASSES = (("payment", "contact", "other", "relation"), ("device", "network", "client"), ("content", "timing"))
"""Where the classes of matches begin: sloppy operators, those behind proxies, and careful ones."""
VIEWS = 3
"""Lanes without which two classes can't be told apart from the data alone (Goodman 1974): then nothing is learned."""
RANKS = 4
"""How many values of a lane in one pair are told apart."""


@dataclass(frozen=True)
class Weights:
    """What turns shared values into bits."""

    by_kind: Ints
    """[kind, level]: millibits of a value by how rare it is; a level is STEP of 1000 x log2(holders)."""
    damping: Ints
    """[lane, rank]: what the value of this rank counts, in 1 / DAMPING_ONE."""
    prior: int
    """Millibits of the odds that two accounts taken at random belong together."""
    learned: dict[str, Any]
    """Figures for the model file."""

    def to_dict(self, kinds: tuple[str, ...], lanes: Lanes) -> dict[str, Any]:
        """JSON-able, what from_dict takes back."""
        return {
            "by_kind": {kind: self.by_kind[code].tolist() for code, kind in enumerate(kinds)},
            "damping": {name: self.damping[lane, :RANKS].tolist() for lane, name in enumerate(lanes.names)},
            **self.learned,
        }


def weights_from_dict(plain: dict[str, Any], kinds: tuple[str, ...], lanes: Lanes, prior: int) -> Weights:
    """The weights of a model file."""
    by_kind = np.array([plain["by_kind"][kind] for kind in kinds], np.int64).reshape(len(kinds), LEVELS)
    damping = np.stack([_powers(plain["damping"][name]) for name in lanes.names])
    return Weights(by_kind, damping, prior, {})


def assumed(n_units: int, kind_family: list[str], lanes: Lanes, settings: Settings) -> Weights:
    """Weights before the data have spoken: log2(m / u), u the share of accounts that have the value."""
    families = [settings.family(family) for family in kind_family]
    by_kind = np.zeros((len(families), LEVELS), np.int64)
    for code, family in enumerate(families):
        holders = np.maximum(2.0 ** (STEP * np.arange(LEVELS) / 1000), family.floor_holders)
        by_kind[code] = np.rint(1000 * np.log2(family.agreement * max(n_units, 1) / holders))
    damping = np.stack(
        [_powers([round(DAMPING_ONE * f.damping**i) for i in range(RANKS)]) for f in lanes.settings(settings)]
    )
    return Weights(by_kind, damping, prior_assumed(n_units, settings), {})


def prior_assumed(n_units: int, settings: Settings) -> int:
    """log2 of the odds that two accounts taken at random are of one operator, at most even odds."""
    odds = settings.expected_partners / max(n_units - 1, 1)
    return min(round(1000 * math.log2(odds)), 0)


def _powers(first: list[int]) -> Ints:
    """Factors of all ranks: the given ones, then falling by the ratio of the last two."""
    out = np.zeros(PER_LANE, np.int64)
    out[: len(first)] = first
    ratio = first[-1] / first[-2] if first[-2] else 0.0
    for rank in range(len(first), PER_LANE):
        out[rank] = int(out[rank - 1] * min(ratio, 0.9))
    return out


@dataclass(frozen=True)
class Seen:
    """A sample of candidate pairs, and an entry for each lane in which one shares something."""

    a: Ints
    b: Ints
    stands_for: Floats
    """How many pairs of the dataset each one stands for."""
    pair: Ints
    """Of each entry: position of its pair."""
    lane: Ints
    kind: Ints
    """Of the strongest value of the lane."""
    level: Ints
    """How rare that value is, and what share of the way to the next level."""
    share: Floats
    count: Ints
    """How many values of the lane count."""

    def summed(self, amounts: Floats) -> Floats:
        """What the entries of each pair amount to together."""
        return np.bincount(self.pair, amounts, self.a.size).astype(np.float64)

    def bits(self, by_kind: Ints) -> Floats:
        """Bits of each entry's strongest value."""
        table = np.maximum(by_kind, 0) / 1000
        low, high = table[self.kind, self.level], table[self.kind, self.level + 1]
        return low + (high - low) * self.share


def learn(seen: Seen, start: Weights, lanes: Lanes, n_units: int, settings: Settings) -> Weights:
    """Weights after the rounds of EM from the assumed ones."""
    if np.unique(seen.lane).size < VIEWS:
        return start
    weights = start
    figures: dict[str, Any] = {}
    classes: list[_Class] = []
    for strict in STRICT:
        odds, dear = _score(seen, weights, lanes, settings)
        shares = _by_class(seen, classes) if classes else _first_classes(seen, lanes)
        likely = shares.sum(axis=0)
        lifted = odds - strict + np.log2(np.maximum(likely, 1e-12)) if classes else odds - strict
        match = np.where(dear, 1 / (1 + 2.0 ** -np.clip(lifted, -60, 60)), 0.0)
        fair, strange = _masses(seen, match, n_units)
        classes = _classes(seen, fair * shares / np.maximum(likely, 1e-12), lanes)
        weights, figures = _maximised(seen, match, fair, strange, start, lanes, n_units, settings)
    figures["classes"] = [one.to_dict(lanes) for one in classes]
    return Weights(weights.by_kind, weights.damping, weights.prior, figures)


@dataclass(frozen=True)
class _Class:
    """One way in which accounts of one operator are alike: how often they share something of each lane."""

    share: float
    """Of all matches."""
    lanes: Floats
    """Chance that two of its accounts share a value of the lane."""

    def to_dict(self, lanes: Lanes) -> dict[str, Any]:
        """The lanes that matter, rounded."""
        seen = {name: round(float(self.lanes[lane]), 3) for lane, name in enumerate(lanes.names)}
        return {"share": round(self.share, 4), "lanes": {name: m for name, m in seen.items() if m >= 0.001}}


def _first_classes(seen: Seen, lanes: Lanes) -> Floats:
    """[class, pair]: to begin with, a pair is of the class whose families it shares: sloppy, proxied, careful."""
    out = np.full((len(CLASSES), seen.a.size), 0.1)
    taken = np.zeros(seen.a.size, bool)
    family = np.array([_class_of(name) for name in lanes.families])[seen.lane]
    for number in range(len(CLASSES)):
        here = np.zeros(seen.a.size, bool)
        here[seen.pair[family == number]] = True
        out[number, here & ~taken] = 1 - 0.1 * (len(CLASSES) - 1)
        taken |= here
    return out / out.sum(axis=0)


def _class_of(family: str) -> int:
    """The class that begins with pairs that share something of the family."""
    return next(number for number, families in enumerate(CLASSES) if family in families)


def _classes(seen: Seen, fair: Floats, lanes: Lanes) -> list[_Class]:
    """The classes from each pair's mass in each of them."""
    total = fair.sum() + 1e-9
    by_lane = [np.bincount(seen.lane, mass[seen.pair], lanes.n) for mass in fair]
    overall = np.sum(by_lane, axis=0) / total
    return [
        _Class(float(mass.sum() / total), (m + STEADY * overall) / (mass.sum() + STEADY))
        for mass, m in zip(fair, by_lane, strict=True)
    ]


def _by_class(seen: Seen, classes: list[_Class]) -> Floats:
    """[class, pair]: share of the class times how much likelier its pattern of lanes is there than if lanes that are
    shared said nothing about the others; the sum over classes is at most about 1.
    """
    overall = np.stack([one.share * one.lanes for one in classes]).sum(axis=0)
    out = np.zeros((len(classes), seen.a.size))
    for number, one in enumerate(classes):
        missing = np.log2(1 - np.minimum(one.lanes, MOST_SHARED))
        present = np.log2(np.maximum(one.lanes, 1e-6) / np.maximum(overall, 1e-6))
        without = math.log2(max(one.share, 1e-6)) + float(missing.sum())
        out[number] = 2.0 ** (without + seen.summed((present - missing)[seen.lane]))
    return out


def _score(seen: Seen, weights: Weights, lanes: Lanes, settings: Settings) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Log2 odds of each pair, and whether anything but cheap evidence holds it up."""
    line = settings.threshold_bits - weights.prior / 1000
    several = np.cumsum(weights.damping, axis=1) / DAMPING_ONE
    caps = np.array([max(family.alone_bits + line, 0) for family in lanes.settings(settings)])
    part = np.minimum(seen.bits(weights.by_kind) * several[seen.lane, seen.count - 1], caps[seen.lane])
    cheap = lanes.cheap[seen.kind]
    dear = seen.summed(np.where(cheap, 0, part))
    cheaply = np.minimum(seen.summed(np.where(cheap, part, 0)), line + settings.cheap_bits)
    return dear + cheaply + weights.prior / 1000, dear > 0


def _masses(seen: Seen, match: Floats, n_units: int) -> tuple[Floats, Floats]:
    """What each pair stands for among matches, large operators held back, and among strangers."""
    stood = match * seen.stands_for
    return stood / held_back(seen.a, seen.b, stood, n_units), (1 - match) * seen.stands_for


def held_back(a: Ints, b: Ints, matches: Floats, n_units: int) -> Floats:
    """By what each pair's mass among matches is divided, so that large operators weigh little more than small ones."""
    near = np.maximum(np.bincount(a, matches, n_units) + np.bincount(b, matches, n_units), 1)
    return np.asarray((near[a] * near[b]) ** FAIR, np.float64)


def _maximised(
    seen: Seen,
    match: Floats,
    fair: Floats,
    strange: Floats,
    start: Weights,
    lanes: Lanes,
    n_units: int,
    settings: Settings,
) -> tuple[Weights, dict[str, Any]]:
    """Weights from posterior chances of matches."""
    every, total = n_units * (n_units - 1) / 2, float(fair.sum())
    mine, others = _mass(seen, fair, len(start.by_kind)), _mass(seen, strange, len(start.by_kind))
    by_kind = np.stack([_table(*kind, total, every) for kind in zip(mine, others, start.by_kind, strict=True)])
    matches = float((match * seen.stands_for).sum())
    most = settings.expected_partners / max(n_units - 1, 1)
    prior = min(round(1000 * math.log2(min(max(matches, 0.5) / every, most))), 0)
    damping = _damping(seen, fair, strange, by_kind, start, lanes)
    shared = {
        kind: [round(float(m / max(total, 1e-9)), 4), round(float(u / every), 9)]
        for kind, (m, u) in enumerate(zip(mine.sum(axis=1), others.sum(axis=1), strict=True))
    }
    return Weights(by_kind, damping, prior, {}), {"matches": round(matches, 3), "shared": shared}


def _mass(seen: Seen, amount: Floats, n_kinds: int) -> Floats:
    """[kind, level]: how much of the amount has its strongest value of a lane there."""
    at, each = seen.kind * LEVELS + seen.level, amount[seen.pair]
    size = n_kinds * LEVELS
    flat = np.bincount(at, each * (1 - seen.share), size) + np.bincount(at + 1, each * seen.share, size)
    return np.asarray(flat.reshape(n_kinds, LEVELS))


def _table(mine: Floats, others: Floats, was: Ints, total: float, every: float) -> Ints:
    """Millibits by level: log2 of m over u, falling with the number of holders, held steady by what was assumed."""
    u = (others + 1) / every
    assumed_m = np.minimum(0.5, 2.0 ** (was / 1000) * u)
    m = (mine + STEADY * assumed_m) / (total + STEADY)
    found = np.log2(m / u)
    weight = mine + others
    known = weight >= 1
    if not known.any():
        return was
    places = np.flatnonzero(known)
    fitted = falling(found[known], weight[known])
    nearest = places[np.abs(np.arange(LEVELS)[:, None] - places[None, :]).argmin(axis=1)]
    out = fitted[np.searchsorted(places, nearest)] + (was - was[nearest]) / 1000
    return np.asarray(np.rint(1000 * np.minimum.accumulate(out)), np.int64)


def falling(values: Floats, weight: Floats) -> Floats:
    """The nearest sequence that never rises (pool adjacent violators)."""
    blocks: list[list[float]] = []
    for value, mass in zip(values.tolist(), weight.tolist(), strict=True):
        blocks.append([value, mass, 1])
        while len(blocks) > 1 and blocks[-1][0] > blocks[-2][0]:
            last, before = blocks.pop(), blocks.pop()
            both = last[1] + before[1]
            blocks.append([(last[0] * last[1] + before[0] * before[1]) / both, both, last[2] + before[2]])
    return np.concatenate([np.full(int(n), value) for value, _, n in blocks])


def _damping(seen: Seen, fair: Floats, strange: Floats, by_kind: Ints, start: Weights, lanes: Lanes) -> Ints:
    """What a second value, a third one and so on add, relative to the first: from how often they come along."""
    out = start.damping.copy()
    bits, mine, others = seen.bits(by_kind), fair[seen.pair], strange[seen.pair]
    for lane in np.unique(seen.lane[seen.count > 1]).tolist():
        here = np.flatnonzero(seen.lane == lane)
        count, strength = seen.count[here], bits[here]
        ones, strangers = mine[here].sum(), others[here].sum()
        factors, before = [DAMPING_ONE], 0.0
        for rank in range(2, RANKS + 1):
            several = count >= rank
            size = float(strength[several].mean()) if several.any() else 0.0
            ratio = ((mine[here][several].sum() + 0.5) / (ones + 1)) / (
                (others[here][several].sum() + 0.5) / (strangers + 1)
            )
            gain = max(math.log2(ratio) - before, 0.0)
            before = max(before, math.log2(ratio))
            known = several.sum() / (several.sum() + STEADY)
            was = start.damping[lane, rank - 1] / DAMPING_ONE
            factor = known * min(gain / max(size, 0.1), 1.0) + (1 - known) * was
            factors.append(min(round(DAMPING_ONE * factor), factors[-1]))
        out[lane] = _powers(factors)
    return out


def seen_in(pairs: Ints, arguments: tuple[Any, ...], lanes: Lanes, budget: int) -> Seen:
    """What an even sample of these candidate pairs share.

    Values of many holders make only some of their pairs, 2 x budget a holder; each of those stands for more.
    """
    step = -(-pairs.size // MOST_PAIRS) if pairs.size else 1
    pairs = np.ascontiguousarray(pairs[::step])
    kind, log, count, least = pair_features(pairs, *arguments[:4], lanes.n)
    stands_for = step * np.maximum((least - 1) / (2.0 * budget), 1.0)
    kept = np.flatnonzero((kind >= 0).any(axis=1))
    row, lane = np.nonzero(kind[kept] >= 0)
    at = kept[row]
    level = np.minimum(log[at, lane] // STEP, LEVELS - 2).astype(np.int64)
    share = np.clip((log[at, lane] - STEP * level) / STEP, 0, 1)
    held = kind[at, lane].astype(np.int64)
    return Seen(
        pairs[kept] >> 32, pairs[kept] & 0xFFFFFFFF, stands_for[kept],
        row, lane, held, level, share, count[at, lane].astype(np.int64),
    )  # fmt: skip
