"""The row on calibration: whether a link's odds are the odds that it is right, by the mix of its families."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from bench.quality.figures import Figure, Options, plain
from bench.quality.worlds import World, linked, world
from investigations.linkage import Result, types

UNSEEN = 0.01
"""Prevalence of the worlds that it is measured on: no setting was looked at there."""
FEWEST = 50


def calibration(options: Options) -> Iterator[Figure]:
    """Slope of the truth on the log odds of links, all together and by the families that carry them."""
    bits: list[float] = []
    right: list[bool] = []
    mixes: dict[str, tuple[list[float], list[bool]]] = defaultdict(lambda: ([], []))
    for seed in options.seeds:
        given = world(options, seed, prevalence=UNSEEN)
        for one, truth, mask in _links(given, linked(given, options.settings), options.settings.threshold_bits):
            bits.append(one)
            right.append(truth)
            mixes[_mix(mask)][0].append(one)
            mixes[_mix(mask)][1].append(truth)
    offset, slope = fitted(np.array(bits), np.array(right))
    yield Figure(f"slope, {len(bits)} links", "0.8 to 1.2", f"{slope:.2f}", 0.8 <= slope <= 1.2)
    yield plain("offset in bits, at no slope error", f"{offset / math.log(2):.2f}")
    yield plain("expected and right share", f"{_expected(bits):.3f} / {np.mean(right) if right else 0:.3f}")
    for mix, (some, truths) in sorted(mixes.items(), key=lambda item: -len(item[1][0]))[:12]:
        if len(some) >= FEWEST:
            yield plain(f"{mix}: links, expected, right", f"{len(some)}, {_expected(some):.3f}, {np.mean(truths):.3f}")


def _links(given: World, result: Result, threshold: float) -> Iterator[tuple[float, bool, int]]:
    owner = given.owner
    for a, b, bits, mask in zip(
        *(result.links[name].to_pylist() for name in ("a", "b", "bits", "families")), strict=True
    ):
        yield bits / 1000 + threshold, owner.get(a) is not None and owner.get(a) == owner.get(b), mask


def _mix(mask: int) -> str:
    return " + ".join(name for i, name in enumerate(types.FAMILIES) if mask >> i & 1) or "nothing"


def _expected(bits: list[float]) -> float:
    return float(np.mean([1 / (1 + 2.0**-one) for one in bits])) if bits else 0.0


def fitted(bits: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Offset and slope of a logistic regression of `right` on the log odds, with half a right and a wrong link added."""
    if not bits.size:
        return 0.0, 0.0
    odds = np.clip(bits, -30, 30) * math.log(2)
    x = np.concatenate([odds, [odds.mean(), odds.mean()]])
    y = np.concatenate([right.astype(float), [1.0, 0.0]])
    weight = np.concatenate([np.ones(odds.size), [0.5, 0.5]])

    def loss(beta: npt.NDArray[np.float64]) -> float:
        z = beta[0] + beta[1] * x
        return float((weight * (np.logaddexp(0, z) - y * z)).sum())

    beta = minimize(loss, np.array([0.0, 0.5]), method="Nelder-Mead", options={"maxiter": 2000}).x
    return float(beta[0]), float(beta[1])
