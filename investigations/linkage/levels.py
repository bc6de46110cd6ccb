"""What a level of closeness between two accounts is worth, learned from the candidate pairs themselves.

The pairs' odds by all other evidence are known; EM (Dempster, Laird, Rubin 1977) over them learns how often matches and
strangers stand at each level. Strangers are pairs that share something as well, so that what brings a crowd together is
no evidence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from investigations.linkage.gather import Ints
from investigations.linkage.learn import STEADY, falling

LEVELS = 32
"""Powers of two that are told apart."""
ROUNDS = 8

Floats = npt.NDArray[np.float64]


def level_of(counts: Ints) -> Ints:
    """The power of two of each count; those under four are alike."""
    return np.clip(np.log2(np.maximum(counts, 4)).astype(np.int64) - 2, 0, LEVELS - 1)


def level_bits(level: Ints, odds: Floats, mass: Floats | float = 1.0) -> Floats:
    """By level log2 of how much likelier it is among matches than among strangers, falling as levels rise. `odds` are the
    log2 odds of each pair by everything else, `mass` what a pair counts among matches."""
    bits = np.zeros(LEVELS)
    for _ in range(ROUNDS):
        match = 1 / (1 + 2.0 ** -np.clip(odds + bits[level], -60, 60))
        parts = (match * mass, 1 - match)
        bits = _bits(*(np.bincount(level, part, LEVELS).astype(np.float64) for part in parts))
    return bits


def _bits(matches: Floats, strangers: Floats) -> Floats:
    """log2 of how much likelier each level is among matches, falling, held at nothing by STEADY pairs of each."""
    every = matches + strangers + 1e-9
    usual = every / every.sum()
    m = (matches + STEADY * usual) / (matches.sum() + STEADY)
    u = (strangers + STEADY * usual) / (strangers.sum() + STEADY)
    return np.asarray(falling(np.log2(m / u), every), np.float64)
