"""How close two accounts signed up, weighed against strangers who share as much.

Who makes many accounts makes them in bursts, and people who come at the same time for the same reason share things, too.
So neither is assumed. How far apart two sign-ups are is counted in sign-ups between them, which no growth of the
platform changes; and EM on the candidate pairs, whose odds by all other evidence are known, learns how often matches and
strangers are so far apart. See docs/theory/score.md.
"""

from __future__ import annotations

import numpy as np

from investigations.linkage.gather import Ints, SmallInts
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.levels import LEVELS, level_bits, level_of
from investigations.linkage.pairwise import Part
from investigations.linkage.settings import Settings
from investigations.linkage.units import MILLION

KIND, FAMILY = "signup_gap", "timing"
MOST_AGAINST = 3.0
"""Bits that far apart sign-ups count against a pair at most: an operator can take its time."""
LEAST_BITS = 0.5
"""Pairs with less either way are no rows."""
UNKNOWN = -1


def signup_gaps(created: Ints, pairs: Ints) -> Ints:
    """How many sign-ups lie between those of each pair, both and all at the same moments counted, less one; UNKNOWN
    where one is."""
    known = np.sort(created[created != NO_TIME])
    before, upto = (np.searchsorted(known, created, side) for side in ("left", "right"))
    a, b = pairs >> 32, pairs & 0xFFFFFFFF
    unknown = created == NO_TIME
    gaps = np.maximum(upto[a], upto[b]) - np.minimum(before[a], before[b]) - 1
    return np.where(unknown[a] | unknown[b], UNKNOWN, gaps).astype(np.int64)


def gap_millibits(gaps: Ints, over: SmallInts, settings: Settings) -> Ints:
    """By level what a gap counts, from the pairs' millibits over the line by everything else; 0 everywhere when
    nothing is known of any, or settings leave the kind out."""
    if KIND in settings.ignore_kinds:
        return np.zeros(LEVELS, np.int64)
    known = gaps != UNKNOWN
    bits = level_bits(level_of(gaps[known]), over[known] / 1000 + settings.threshold_bits)
    return np.rint(1000 * np.maximum(bits, -MOST_AGAINST)).astype(np.int64)


def signup_part(created: Ints, pairs: Ints, millibits: Ints) -> Part:
    """The rows (pairwise.py) on these pairs, ascending."""
    gaps = signup_gaps(created, pairs)
    bits = np.where(gaps == UNKNOWN, 0, millibits[level_of(gaps)])
    kept = np.abs(bits) >= 1000 * LEAST_BITS
    n_known = int((created != NO_TIME).sum())
    usual = np.full(int(kept.sum()), n_known * MILLION // 3, np.int64)
    return KIND, pairs[kept], bits[kept], gaps[kept], usual
