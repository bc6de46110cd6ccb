"""Bits from events that chance would hardly bring about."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from investigations.linkage.signals.protocol import Ints, PairRows

MILLION = 1_000_000
FEWEST_BITS = 2.0
"""Pairs with less than this are no rows: there are many of them and they decide nothing."""
MOST_EVENTS = 4
"""Events of a pair that count, the least likely first."""


def surprises(pair: Ints, chance: npt.NDArray[np.float64], agreement: float) -> PairRows:
    """A row for each pair: the sum over its events of log2 1 / chance, the agreement m taken off once.

    `chance` is the number of such events that the pair's own rates bring about. Events that chance brings about once
    or more count nothing. Bits are summed as whole millibits, the strongest events first, so order does not matter.
    """
    bits = np.rint(-1000 * np.log2(np.clip(chance, 1e-12, 1.0))).astype(np.int64)
    order = np.lexsort((-bits, pair))
    pair, bits, chance = pair[order], bits[order], chance[order]
    distinct, start, count = np.unique(pair, return_index=True, return_counts=True)
    rank = np.arange(pair.size) - np.repeat(start, count)
    total = np.zeros(distinct.size, np.int64)
    np.add.at(total, np.repeat(np.arange(distinct.size), count)[rank < MOST_EVENTS], bits[rank < MOST_EVENTS])
    total += round(1000 * np.log2(agreement))
    expected = np.rint(np.minimum(chance[start + count - 1], 1e6) * MILLION).astype(np.int64) if pair.size else start
    keep = total >= 1000 * FEWEST_BITS
    return PairRows(
        np.zeros(int(keep.sum()), np.int16),
        distinct[keep],
        np.minimum(total[keep], 60_000).astype(np.int32),
        np.minimum(count[keep], 2**31 - 1).astype(np.int32),
        expected[keep],
    )
