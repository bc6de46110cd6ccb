"""Hand-off at a rate limit: an account is refused, stops, and seconds later another account begins.

One hand works on a list with many accounts; when one meets its limit, the next takes the same request over. Chance
does that too: on a busy platform somebody begins every second. What counts is therefore how often this account would
begin just then anyway, by its own habit for that hour of the day, by how many others began at that moment (after an
outage all do) and by the same minute of other hours and days (fleets begin on the minute), and whether the request
that it begins with is as long, to the token, as the one that was refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from investigations.linkage.kernels import Array, compiled
from investigations.linkage.signals.activity import Activity
from investigations.linkage.signals.chance import Surprises, odds_by_level, surprises
from investigations.linkage.signals.protocol import Ints, PairRows, PairSource
from investigations.linkage.threads import each
from investigations.linkage.units import DAY, HOUR, SECOND

WITHIN = 60 * SECOND
"""Another account begins within this time of the refusal."""
IDLE = 600 * SECOND
"""An account begins when it was silent for this long, and stops when it is silent afterwards for as long."""
AGREEMENT = 1 / 4
"""m: of two accounts of one hand, one pair in four hands over at least once."""
AROUND = 150 * SECOND
"""How many others begin is counted over this time to either side of a refusal."""
FEWEST_BITS = 2.0
"""Pairs with less than this are no rows: there are many of them and they decide nothing."""
MOST_MILLIBITS = 60_000
SHIFTS = np.array([h * HOUR for h in range(-11, 12) if h] + [d * DAY for d in range(-7, 8) if d], np.int64)
"""The same minute of other hours and days, where chance alone would bring two accounts together as often."""


@dataclass(frozen=True)
class LimitHandoff:
    """An account begins where another one was refused."""

    name: str = "limit_handoff"
    kinds: Mapping[str, str] = field(default_factory=lambda: {"limit_handoff": "timing"})

    def look(self, source: PairSource) -> PairRows | None:
        """Evidence on every pair with a hand-off that chance does not explain; None without exchanges or limits."""
        if not source.inputs.exchanges:
            return None
        activity = source.activity
        if not (activity.status == 1).any():
            return None
        sat = sittings_of(activity)
        shifts = null_shifts(activity.span)
        found, *moved = each(sat.surprises, [0, *shifts])
        by_chance = np.sum([surprise.by_level for surprise in moved], axis=0) / len(shifts)
        return _weighed(found, by_chance, source)


def null_shifts(span: int) -> list[int]:
    """By how much refusals are moved, so that what begins after them is chance: whole days keep hours and minutes."""
    unit = DAY if span >= 4 * DAY else max(span // 5, SECOND)
    return [unit, 2 * unit, -unit, -2 * unit]


def _weighed(found: Surprises, by_chance: npt.NDArray[np.float64], source: PairSource) -> PairRows:
    """Bits of each pair: what the data say of its level of surprise or, where there is too little to say, what its
    own chance and the level's among all pairs allow; the lower of these two."""
    every = max(source.n_units * (source.n_units - 1) // 2, 1)
    tail = np.maximum(np.cumsum(by_chance[::-1])[::-1], 1.0)
    agreement = math.log2(AGREEMENT)
    among_all = np.rint(1000 * (np.log2(every / tail) + agreement)).astype(np.int64)
    alone = np.minimum(found.bits + round(1000 * agreement), among_all[found.level])
    measured = odds_by_level(found.by_level, by_chance)[found.level] - source.prior
    bits = np.minimum(np.maximum(alone, measured), MOST_MILLIBITS)
    keep = bits >= 1000 * FEWEST_BITS
    return PairRows(
        np.zeros(int(keep.sum()), np.int16),
        found.pair[keep],
        bits[keep].astype(np.int32),
        np.minimum(found.count[keep], 2**31 - 1).astype(np.int32),
        found.expected[keep],
    )


@dataclass(frozen=True)
class Sat:
    """Sittings of every unit, and the refusals that end one."""

    activity: Activity
    first: Ints
    """Position of the first exchange of each sitting, by unit."""
    openings: Ints
    """The same by time."""
    refused: Ints

    def surprises(self, shift: int) -> Surprises:
        """Of each pair the hand-offs, with every refusal moved by so many microseconds, round the data's end."""
        activity = self.activity
        times, units = activity.at[self.openings], activity.pointers.size - 1
        moments = activity.at[self.refused]
        if shift:
            start, cycle = activity.at.min(), max(activity.span - activity.span % abs(shift), 1)
            moments = start + (moments - start + shift) % cycle
        begin = np.searchsorted(times, moments, side="right")
        end = np.searchsorted(times, moments + WITHIN, side="right")
        near = np.searchsorted(times, moments + AROUND, side="right") - np.searchsorted(times, moments - AROUND)
        crowded = np.maximum(near / max(times.size * 2 * AROUND / activity.span, 1.0), 1.0)
        firsts = np.searchsorted(self.first, activity.pointers).astype(np.int64)
        return surprises(
            *handoffs(
                (activity.pointers, activity.unit, activity.at, activity.tokens),
                (self.refused, moments, crowded, begin, end, np.bincount(activity.unit[self.refused], minlength=units)),
                (self.openings, self.first, firsts),
                _frequencies(activity.tokens),
                activity.span,
            )
        )


def sittings_of(activity: Activity) -> Sat:
    """The sittings; what silence of IDLE sets apart."""
    first, last = sittings(activity.pointers, activity.at, IDLE)
    openings = first[np.argsort(activity.at[first], kind="stable")]
    return Sat(activity, first, openings, last[activity.status[last] == 1])


def _frequencies(tokens: Array) -> Array:
    """The share of exchanges with each number of input tokens, by number."""
    known = tokens[tokens >= 0]
    return np.bincount(known, minlength=1) / max(known.size, 1)


@compiled
def sittings(pointers: Array, at: Array, idle: int) -> tuple[Array, Array]:
    """Positions of the first and of the last exchange of each sitting: what silence of `idle` sets apart."""
    first = np.empty(at.size, np.int64)
    last = np.empty(at.size, np.int64)
    used = 0
    for unit in range(pointers.size - 1):
        for i in range(pointers[unit], pointers[unit + 1]):
            if i == pointers[unit] or at[i] - at[i - 1] > idle:
                first[used] = i
            if i == pointers[unit + 1] - 1 or at[i + 1] - at[i] > idle:
                last[used] = i
                used += 1
    return first[:used], last[:used]


@compiled
def own_share(tokens: Array, low: int, high: int, wanted: int) -> float:
    """The share of an account's other exchanges that have this number of tokens."""
    n = 0
    for i in range(low, high):
        if tokens[i] == wanted:
            n += 1
    return (n - 1) / max(high - low, 1)


@compiled
def usual_rate(at: Array, first: Array, low: int, high: int, moment: int, span: int) -> float:
    """Openings in a microsecond at this hour of the day, within an hour and a half, by the account's own habit."""
    n = 0.5
    for i in range(low, high):
        apart = (at[first[i]] - moment) % DAY
        if min(apart, DAY - apart) <= 3 * HOUR // 2:
            n += 1.0
    return max(n * 8 / span, (high - low) / span)


@compiled
def same_minute(at: Array, first: Array, low: int, high: int, moment: int) -> float:
    """The share of SHIFTS at which the account begins within the time, too."""
    n = 0
    for shift in SHIFTS:
        left, right = low, high
        while left < right:
            middle = (left + right) >> 1
            if at[first[middle]] <= moment + shift:
                left = middle + 1
            else:
                right = middle
        if left < high and at[first[left]] <= moment + shift + WITHIN:
            n += 1
    return n / SHIFTS.size


@compiled
def handoffs(
    exchanges: tuple[Array, Array, Array, Array],
    refusals: tuple[Array, Array, Array, Array, Array, Array],
    sat: tuple[Array, Array, Array],
    frequency: Array,
    span: int,
) -> tuple[Array, Array, Array]:
    """For each opening within the time of another account's refusal: the pair, how many such chance brings about, and
    how crowded the moment is.

    refusals: their position and moment, how crowded the moment is, which openings follow (begin, end), and by unit how many.
    sat: openings by time, then by unit with pointers.
    """
    pointers, unit_of, at, tokens = exchanges
    refused, moments, crowded, begin, end, n_refused = refusals
    openings, first, firsts = sat
    pairs = np.empty((end - begin).sum(), np.int64)
    chance = np.empty(pairs.size, np.float64)
    crowd = np.empty(pairs.size, np.float64)
    used = 0
    for r in range(refused.size):
        stop = refused[r]
        a, moment, length = unit_of[stop], moments[r], tokens[stop]
        for o in range(begin[r], end[r]):
            start = openings[o]
            b = unit_of[start]
            if a == b:
                continue
            low, high = firsts[b], firsts[b + 1]
            rate = usual_rate(at, first, low, high, moment, span) * crowded[r] * WITHIN
            rate = min(max(rate, same_minute(at, first, low, high, moment)), 1.0)
            if length >= 0 and tokens[start] == length:
                own = max(
                    own_share(tokens, pointers[a], pointers[a + 1], length),
                    own_share(tokens, pointers[b], pointers[b + 1], length),
                )
                rate *= min(max(own, frequency[length]), 1.0)
            pairs[used] = (np.int64(min(a, b)) << 32) | np.int64(max(a, b))
            crowd[used] = crowded[r]
            chance[used] = rate * (n_refused[a] + n_refused[b])
            used += 1
    return pairs[:used], chance[:used], crowd[:used]


LIMIT_HANDOFF = LimitHandoff()
