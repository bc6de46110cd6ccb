"""Hand-off at a rate limit: an account is refused, stops, and seconds later another account begins.

One hand works on a list with many accounts; when one meets its limit, the next takes the same request over. Chance
does that too: on a busy platform somebody begins every second. What counts is therefore how often this account would
begin just then anyway, by its own habit for that hour of the day, by how many others began at that moment (after an
outage all do) and by the same minute of other hours and days (fleets begin on the minute), and whether the request
that it begins with is as long, to the token, as the one that was refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from investigations.linkage.kernels import Array, compiled
from investigations.linkage.signals.activity import Activity
from investigations.linkage.signals.protocol import Ints, PairEvidence, PairSource, Tabled
from investigations.linkage.signals.surprise import surprises

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
WITHIN = 60 * SECOND
"""Another account begins within this time of the refusal."""
IDLE = 600 * SECOND
"""An account begins when it was silent for this long, and stops when it is silent afterwards for as long."""
AGREEMENT = 1 / 4
"""m: of two accounts of one hand, one pair in four hands over at least once."""
AROUND = 150 * SECOND
"""How many others begin is counted over this time to either side of a refusal."""
SHIFTS = np.array([h * HOUR for h in range(-11, 12) if h] + [d * DAY for d in range(-7, 8) if d], np.int64)
"""The same minute of other hours and days, where chance alone would bring two accounts together as often."""


@dataclass(frozen=True)
class LimitHandoff:
    """An account begins where another one was refused."""

    name: str = "limit_handoff"
    kinds: Mapping[str, str] = field(default_factory=lambda: {"limit_handoff": "timing"})

    def look(self, source: PairSource) -> PairEvidence | None:
        """Evidence on every pair with a hand-off that chance does not explain; None without exchanges or limits."""
        if not source.inputs.exchanges:
            return None
        activity = source.activity
        if not (activity.status == 1).any():
            return None
        first, last = sittings(activity.pointers, activity.at, IDLE)
        refused = last[activity.status[last] == 1]
        openings = first[np.argsort(activity.at[first], kind="stable")]
        found = _found(activity, refused, openings, first)
        return Tabled(surprises(*found, AGREEMENT))


def _found(activity: Activity, refused: Ints, openings: Ints, first: Ints) -> tuple[Ints, Array]:
    """The pair and the chance of each hand-off."""
    units = activity.pointers.size - 1
    firsts = np.searchsorted(first, activity.pointers).astype(np.int64)
    n_refused = np.bincount(activity.unit[refused], minlength=units)
    times = activity.at[openings]
    begin = np.searchsorted(times, activity.at[refused], side="right")
    end = np.searchsorted(times, activity.at[refused] + WITHIN, side="right")
    low = np.searchsorted(times, activity.at[refused] - AROUND, side="left")
    high = np.searchsorted(times, activity.at[refused] + AROUND, side="right")
    usual = max(times.size * 2 * AROUND / activity.span, 1.0)
    crowded = np.maximum((high - low) / usual, 1.0)
    exchanges = (activity.pointers, activity.unit, activity.at, activity.tokens)
    return handoffs(
        exchanges, (refused, crowded, begin, end, n_refused), (openings, first, firsts),
        _frequencies(activity.tokens), activity.span,
    )  # fmt: skip


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
    refusals: tuple[Array, Array, Array, Array, Array],
    sat: tuple[Array, Array, Array],
    frequency: Array,
    span: int,
) -> tuple[Array, Array]:
    """For each opening within the time of another account's refusal: the pair, and how many such chance brings about.

    refusals: their position, how crowded the moment is, which openings follow (begin, end), and by unit how many.
    sat: openings by time, then by unit with pointers.
    """
    pointers, unit_of, at, tokens = exchanges
    refused, crowded, begin, end, n_refused = refusals
    openings, first, firsts = sat
    pairs = np.empty((end - begin).sum(), np.int64)
    chance = np.empty(pairs.size, np.float64)
    used = 0
    for r in range(refused.size):
        stop = refused[r]
        a, moment, length = unit_of[stop], at[stop], tokens[stop]
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
            chance[used] = rate * (n_refused[a] + n_refused[b])
            used += 1
    return pairs[:used], chance[:used]


LIMIT_HANDOFF = LimitHandoff()
