"""The row on calibration: whether a pair's odds are the odds that it is right, by the mix of its families."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from bench.quality.figures import Figure, Options, plain
from bench.quality.worlds import linked, world
from investigations.linkage import types
from investigations.linkage.calibration import calibrated_bits, diagram, fitted, probability, same_operator
from investigations.linkage.gather import column_ints
from tests.linkage import real_data

UNSEEN = 0.01
"""Prevalence of the worlds that it is measured on: the line was fitted on others."""
FEWEST = 200
"""Pairs of a mix that is printed."""
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def calibration(options: Options) -> Iterator[Figure]:
    """Slope of the truth on calibrated log odds of all pairs near the line or over it, together and by mix; the same for
    the real data, without a target."""
    yield from _figures("", [_pairs_of(*_simulated(options, seed)) for seed in options.seeds], target=True)
    for name in ("hop", "numpy-identities") if real_data.DATA else ():
        extract = real_data.load(name)
        yield from _figures(
            f"{name}: ", [_pairs_of(linked(extract.inputs, options.settings), extract.truth)], target=False
        )


def _simulated(options: Options, seed: int) -> tuple[types.Result, pa.Table]:
    given = world(options, seed, prevalence=UNSEEN)
    return linked(given, options.settings), given.truth


def _pairs_of(result: types.Result, truth: pa.Table) -> Pairs:
    """Calibrated bits, right or not, mask of families."""
    near = result.near
    bits = calibrated_bits(column_ints(near, "bits"), result.model)
    return bits, same_operator(near, truth), column_ints(near, "families")


def _figures(name: str, parts: list[Pairs], *, target: bool) -> Iterator[Figure]:
    bits, right, mask = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    slope, offset = fitted(bits, right)
    words = f"{name}slope, {bits.size} pairs near the line or over it"
    yield Figure(words, "0.8 to 1.2", f"{slope:.2f}", 0.8 <= slope <= 1.2) if target else plain(words, f"{slope:.2f}")
    yield plain(f"{name}offset in bits", f"{offset:.2f}")
    for row in diagram(bits, right):
        figures = f"{row['pairs']}, {row['expected']:.3f}, {row['right']:.3f}"
        yield plain(f"{name}{row['from_bits']} to {row['to_bits']} bits: pairs, expected, right", figures)
    for mix in sorted(np.unique(mask).tolist(), key=lambda one: -int((mask == one).sum())):
        mine = mask == mix
        if mine.sum() >= FEWEST:
            figures = f"{mine.sum()}, {probability(bits[mine]).mean():.3f}, {right[mine].mean():.3f}"
            yield plain(f"{name}{_mix(mix)}: pairs, expected, right", figures)


def _mix(mask: int) -> str:
    return " + ".join(name for i, name in enumerate(types.FAMILIES) if mask >> i & 1) or "nothing"
