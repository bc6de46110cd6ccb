"""Pair synchrony: two accounts bring the same content within a minute of each other, with several contents.

Once is chance: what is going round is shared by many in the same minute. Several different contents within the minute
are what few pairs reach. How often chance brings that about is known in two ways, and the likelier of them counts:
accounts dealt anew among a day's shares (each day's volume, each account's shares a day and every burst stay), and the
habit of the contents themselves, which a class, a nightly benchmark or a news item share in the same minute with
whoever has them. How many pairs chance makes as unlikely as those found is counted on the same shares, dealt anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import gammainc

from investigations.linkage.kernels import Array, compiled
from investigations.linkage.prefilter import maybe_shared, rows_of
from investigations.linkage.signals.activity import units_from
from investigations.linkage.signals.chance import LEVELS, odds_by_level
from investigations.linkage.signals.protocol import NO_ROWS, Ints, PairRows, PairSource
from investigations.linkage.threads import each
from investigations.linkage.units import DAY, MILLION, SECOND

WITHIN = 60 * SECOND
"""Shares of one content this close together are one meeting."""
FEWEST = 2
"""Different contents that a pair has to share together before it is looked at: once is chance."""
ALONE = 64
"""With how many later shares of its content within the time a share is compared: bounds the cost of a crowd."""
HABIT = 66.0
"""Pairs of shares for which everybody's habit stands in: at 12 holders, where a content is popular, its own counts
as much."""
DEALS = 8
"""How often accounts are dealt anew to count what chance makes."""
FALSE = 0.25
"""Of the pairs called significant at most this share is expected to be chance (Benjamini and Hochberg 1995)."""
LEAST = 7
"""Bits of surprise that a pair needs by itself: what a crowd's habit explains is no evidence however often it is seen."""
FLOOR = 8
"""A group that shares together never counts as smaller."""
AGREEMENT = 1 / 4
"""m: of two accounts of one hand, one pair in four shares several contents together."""
FEWEST_MILLIBITS, MOST_MILLIBITS = 2_000, 60_000


@dataclass(frozen=True)
class CoSharing:
    """Several contents shared within a minute of each other."""

    name: str = "co_sharing"
    kinds: Mapping[str, str] = field(default_factory=lambda: {"co_sharing": "timing"})

    def look(self, source: PairSource) -> PairRows | None:
        """Evidence on every significant pair; None where no content came twice."""
        shares = shares_read(source)
        if not shares.unit.size:
            return None
        several, by_chance = judged(shares)
        return _rows(several, by_chance, source) if several.pair.size else NO_ROWS


@dataclass(frozen=True)
class Shares:
    """Who brought which content when: distinct, by content, then time, then unit; contents are numbered from 0."""

    content: Ints
    unit: Ints
    at: Ints

    @cached_property
    def day(self) -> Ints:
        """The day of each share (UTC), numbered from 0."""
        return np.unique(self.at // DAY, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def of_day(self) -> list[Ints]:
        """Positions of the shares of each day."""
        return np.split(np.argsort(self.day, kind="stable"), np.cumsum(np.bincount(self.day))[:-1])

    @cached_property
    def n_by_day(self) -> tuple[Ints, Ints, Ints]:
        """By unit: on which days it shares, and how much on each; dealing anew changes none of it."""
        return _grouped(self.unit, self.day)

    def dealt(self, seed: int) -> Ints:
        """The units, dealt anew among the shares of each day."""
        chance, units = np.random.default_rng(seed), np.empty_like(self.unit)
        for mine in self.of_day:
            units[mine] = self.unit[chance.permutation(mine)]
        return units


@dataclass(frozen=True)
class Meetings:
    """Distinct (pair, content) that two units brought within the time of each other, by pair, then content."""

    pair: Ints
    content: Ints
    close: Ints
    """By content: pairs of shares within the time, of whomever."""
    close_in_day: Ints
    """The same by day, whatever the content."""

    def by_pair(self) -> tuple[Ints, Ints, Ints]:
        """Distinct pairs, where the meetings of each begin, and how many different contents they are."""
        pair, start, count = np.unique(self.pair, return_index=True, return_counts=True)
        return pair, start.astype(np.int64), count.astype(np.int64)


@dataclass(frozen=True)
class Several:
    """Pairs that met over FEWEST contents or more."""

    pair: Ints
    count: Ints
    expected: npt.NDArray[np.float64]
    """Meetings that chance brings about."""
    surprise: Ints
    """Millibits: -1000 x log2 of the chance of so many meetings or more."""

    @property
    def level(self) -> Ints:
        """Whole bits, at most LEVELS - 1."""
        return np.minimum(self.surprise // 1000, LEVELS - 1)

    @property
    def by_level(self) -> npt.NDArray[np.float64]:
        """How many pairs there are of each level."""
        return np.bincount(self.level, minlength=LEVELS).astype(np.float64)


def shares_read(source: PairSource) -> Shares:
    """The shares of all contents that two units brought."""
    paths = source.inputs.exchanges
    if source.contents is not None:
        table = rows_of(paths, "content", source.contents)
    else:
        (table,) = maybe_shared(paths, ("content",), ("any",))
    small, known = units_from(table["account"].combine_chunks(), source.accounts, source.unit_of)
    unit = small.astype(np.int64)
    value, at = (np.asarray(table[name].to_numpy())[known] for name in ("value", "at"))
    order = np.lexsort((unit, at, value))
    value, at, unit = value[order], at[order], unit[order]
    new = np.ones(value.size, bool)
    new[1:] = (value[1:] != value[:-1]) | (at[1:] != at[:-1]) | (unit[1:] != unit[:-1])
    value, at, unit = value[new], at[new], unit[new]
    if not value.size:
        return Shares(value, unit, at)
    starts = np.flatnonzero(np.append(True, value[1:] != value[:-1]))
    several = np.minimum.reduceat(unit, starts) != np.maximum.reduceat(unit, starts)
    sizes = np.diff(np.append(starts, value.size))
    kept = np.repeat(several, sizes)
    content = np.repeat(np.arange(int(several.sum()), dtype=np.int64), sizes[several])
    return Shares(content, unit[kept], at[kept])


def judged(shares: Shares) -> tuple[Several, npt.NDArray[np.float64]]:
    """The pairs that met over several contents, and how many of each level of surprise chance makes."""

    def dealt(deal: int) -> npt.NDArray[np.float64]:
        return surprising(shares, shares.dealt(deal)).by_level

    found = surprising(shares, shares.unit)
    return found, np.sum(each(dealt, range(DEALS)), axis=0) / DEALS


def meetings(shares: Shares, units: Ints) -> Meetings:
    """Who met whom over what when these units brought the shares; linear in shares times ALONE at most."""
    day = shares.day
    n_contents, n_days = int(shares.content.max(initial=-1)) + 1, int(day.max(initial=-1)) + 1
    pair, content, close, in_day = close_shares(shares.content, units, shares.at, day, n_contents, n_days, ALONE)
    order = np.lexsort((content, pair))
    pair, content = pair[order], content[order]
    new = np.ones(pair.size, bool)
    new[1:] = (pair[1:] != pair[:-1]) | (content[1:] != content[:-1])
    return Meetings(pair[new], content[new], close, in_day)


def surprising(shares: Shares, units: Ints) -> Several:
    """The pairs that meet over several contents when these units bring the shares: how many meetings chance explains,
    and how unlikely theirs are."""
    met = meetings(shares, units)
    pair, start, count = met.by_pair()
    kept = count >= FEWEST
    pair, start, count = pair[kept], start[kept], count[kept]
    rows = np.bincount(shares.content).astype(np.float64)
    looked = np.zeros(int(units.max(initial=-1)) + 1, bool)
    looked[pair >> 32] = looked[pair & 0xFFFFFFFF] = True
    mine = looked[units]
    expected = expected_meetings(
        (pair, start, count),
        met.content,
        shares.n_by_day,
        np.bincount(shares.day).astype(np.float64),
        _grouped(units[mine], shares.content[mine]),
        rows * (rows - 1) / 2,
        (met.close, met.close_in_day),
    )
    chance = np.maximum(gammainc(count, np.maximum(expected, 1e-12)), 2.0**-LEVELS)
    return Several(pair, count, expected, np.rint(-1000 * np.log2(chance)).astype(np.int64))


def significant(several: Several, by_chance: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which pairs are called so: the least surprise from which on chance makes at most FALSE of those found. One deal
    more in which a pair came about is assumed than was seen."""
    found = np.cumsum(several.by_level[::-1])[::-1]
    chance = np.cumsum(by_chance[::-1])[::-1] + 1 / DEALS
    good = np.flatnonzero((found > 0) & (chance <= FALSE * found))
    return several.level >= max(good[0] if good.size else LEVELS, LEAST)


def _grouped(units: Ints, of: Ints) -> tuple[Ints, Ints, Ints]:
    """By unit: pointers, the distinct numbers that it has, ascending, and how often each."""
    keys, count = np.unique((units << 32) | of, return_counts=True)
    pointers = np.searchsorted(keys >> 32, np.arange(int(units.max(initial=-1)) + 2)).astype(np.int64)
    return pointers, keys & 0xFFFFFFFF, count.astype(np.int64)


def _rows(several: Several, by_chance: npt.NDArray[np.float64], source: PairSource) -> PairRows:
    """Bits of the significant pairs: what the data say of their level of surprise or, where there is too little to
    say, their own surprise; never more than the rarity of the group that shares together allows, a content in full, the
    second half, the third a quarter."""
    called = significant(several, by_chance)
    agreement = round(1000 * math.log2(AGREEMENT))
    measured = odds_by_level(several.by_level, by_chance)[several.level] - source.prior
    bits = np.minimum(np.maximum(several.surprise + agreement, measured), MOST_MILLIBITS)[called]
    pair = several.pair[called]
    rare = np.log2(np.maximum(source.n_units / np.maximum(_together(pair), FLOOR), 1.0))
    rare *= 2 - 2.0 ** (1 - several.count[called])
    bits = np.minimum(bits, np.rint(1000 * rare).astype(np.int64))
    keep = bits >= FEWEST_MILLIBITS
    expected = np.rint(np.minimum(several.expected[called], 1e6) * MILLION).astype(np.int64)
    return PairRows(
        np.zeros(int(keep.sum()), np.int16),
        pair[keep],
        bits[keep].astype(np.int32),
        several.count[called][keep].astype(np.int32),
        expected[keep],
    )


def _together(pair: Ints) -> Ints:
    """How many units the pairs tie to each pair, directly or through others, its own two among them."""
    nodes, index = np.unique(np.concatenate([pair >> 32, pair & 0xFFFFFFFF]), return_inverse=True)
    left, right = index[: pair.size], index[pair.size :]
    graph = coo_array((np.ones(pair.size, np.int8), (left, right)), shape=(nodes.size, nodes.size))
    _, part = connected_components(graph, directed=False)
    return np.bincount(part)[part[left]] if pair.size else np.empty(0, np.int64)


@compiled
def close_shares(
    content: Array, unit: Array, at: Array, day: Array, n_contents: int, n_days: int, alone: int
) -> tuple[Array, Array, Array, Array]:
    """Pairs of units with a content that both brought within the time (doubles among them), and how many pairs of
    shares are so close, of one unit's too, by content and by day."""
    pair = np.empty(1024, np.int64)
    what = np.empty(1024, np.int64)
    close = np.zeros(n_contents, np.int64)
    in_day = np.zeros(n_days, np.int64)
    used = 0
    for i in range(content.size):
        for j in range(i + 1, min(i + 1 + alone, content.size)):
            if content[j] != content[i] or at[j] - at[i] > WITHIN:
                break
            close[content[i]] += 1
            in_day[day[i]] += 1
            if unit[i] == unit[j]:
                continue
            if used == pair.size:
                pair = np.concatenate((pair, np.empty(used, np.int64)))
                what = np.concatenate((what, np.empty(used, np.int64)))
            pair[used] = (min(unit[i], unit[j]) << 32) | max(unit[i], unit[j])
            what[used] = content[i]
            used += 1
    return pair[:used], what[:used], close, in_day


@compiled
def expected_meetings(
    pairs: tuple[Array, Array, Array],
    met: Array,
    days: tuple[Array, Array, Array],
    shares_in_day: Array,
    contents: tuple[Array, Array, Array],
    possible: Array,
    close: tuple[Array, Array],
) -> Array:
    """Meetings of each pair that chance explains: by dealing accounts anew among a day's shares, or by the habit of
    the contents that both have, what the pair itself did left out; the larger of them.

    pairs: pair, where its meetings begin in `met` (contents), how many. days, contents: what each unit has, grouped.
    possible: pairs of shares of each content. close: how many are close together, by content and by day.
    """
    pair, start, count = pairs
    close_of, close_in_day = close
    every, all_close = possible.sum(), close_of.sum()
    out = np.empty(pair.size, np.float64)
    for p in range(pair.size):
        a, b = pair[p] >> 32, pair[p] & 0xFFFFFFFF
        usual = (all_close - count[p] + 0.5) / (every - count[p] + 1.0)
        mine = met[start[p] : start[p] + count[p]]
        dealt = met_when_dealt(a, b, days, shares_in_day, close_in_day)
        out[p] = max(dealt, met_by_habit(a, b, mine, contents, possible, close_of, usual))
    return out


@compiled
def met_when_dealt(
    a: int, b: int, days: tuple[Array, Array, Array], shares_in_day: Array, close_in_day: Array
) -> float:
    """Meetings of two units when accounts are dealt anew among each day's shares."""
    day_ptr, day_of, day_n = days
    dealt = 0.0
    i, j = day_ptr[a], day_ptr[b]
    while i < day_ptr[a + 1] and j < day_ptr[b + 1]:
        if day_of[i] == day_of[j]:
            n = shares_in_day[day_of[i]]
            dealt += 2.0 * close_in_day[day_of[i]] * day_n[i] * day_n[j] / (n * (n - 1.0))
            i += 1
            j += 1
        elif day_of[i] < day_of[j]:
            i += 1
        else:
            j += 1
    return dealt


@compiled
def met_by_habit(
    a: int, b: int, mine: Array, contents: tuple[Array, Array, Array], possible: Array, close_of: Array, usual: float
) -> float:
    """Meetings of two units if the contents that both have were shared together as others share them; `mine` are the
    contents over which these two met, ascending."""
    has_ptr, has, _ = contents
    habit, at = 0.0, 0
    i, j = has_ptr[a], has_ptr[b]
    while i < has_ptr[a + 1] and j < has_ptr[b + 1]:
        if has[i] == has[j]:
            own = 0
            if at < mine.size and mine[at] == has[i]:
                own = 1
                at += 1
            habit += (close_of[has[i]] - own + HABIT * usual) / (possible[has[i]] - own + HABIT)
            i += 1
            j += 1
        elif has[i] < has[j]:
            i += 1
        else:
            j += 1
    return habit


CO_SHARING = CoSharing()
