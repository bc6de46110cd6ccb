"""What bits are worth: the odds that a pair is of one hand, and how well that holds where labels are known.

Bits sum evidence as if families were independent of each other, and caps hold cheap evidence down whatever its bits.
Both bend the scale, so it is straightened by a line on log odds (Platt 1999). The line was fitted on simulated worlds, by
`python -m bench.calibrate`; that an installation's own data follow it is for its own judged clusters to say. See
docs/theory/score.md.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import minimize

from investigations.linkage.gather import column_ints

Floats = npt.NDArray[np.float64]
SLOPE, OFFSET = 1.73, 2.99
"""Calibrated bits (log2 odds) = OFFSET + SLOPE x bits of the pair, prior included."""
MOST_BITS = 30.0
"""Odds beyond these are all the same: no data set is large enough to tell them apart."""
EDGES = (-8, -6, -4, -2, 0, 1, 2, 3, 4, 6, 8, 12, 16, 30)
"""Calibrated bits between which a reliability diagram takes pairs together."""


def calibration_model() -> dict[str, Any]:
    """The calibration as the model file keeps it."""
    return {"slope": SLOPE, "offset_bits": OFFSET, "fitted_on": "simulated worlds"}


def calibrated_bits(over: npt.ArrayLike, model: Mapping[str, Any]) -> Floats:
    """Log2 odds that pairs so many millibits over the line are of one hand."""
    known = model["calibration"]
    bits = (np.asarray(over, np.float64) + model["threshold_millibits"]) / 1000
    return np.clip(known["offset_bits"] + known["slope"] * bits, -MOST_BITS, MOST_BITS)


def probability(bits: npt.ArrayLike) -> Floats:
    """The chance that log2 odds stand for."""
    return np.asarray(1 / (1 + 2.0 ** -np.asarray(bits, np.float64)))


def reliability(
    near: pa.Table,
    truth: pa.Table,
    model: Mapping[str, Any],
    *,
    ignore_kinds: Collection[str] = (),
    unlabelled: str = "wrong",
) -> dict[str, Any]:
    """Calibrated odds of the pairs close to the line or over it, against labels: slope and offset in bits of the truth
    on them (1 and 0 when they hold), and by EDGES how many pairs, the share expected right and the share right.

    `near` has schema NEAR, `truth` TRUTH. A pair is right when both accounts are of one operator. Pairs with accounts of
    ignored kinds are left out and, with unlabelled="ignore", those of two accounts without operator.
    """
    kept = near.filter(pa.array(_counts(near, truth, ignore_kinds, unlabelled)))
    bits, right = calibrated_bits(column_ints(kept, "bits"), model), same_operator(kept, truth)
    slope, offset = fitted(bits, right)
    return {"pairs": int(right.size), "slope": slope, "offset_bits": offset, "diagram": diagram(bits, right)}


def same_operator(pairs: pa.Table, truth: pa.Table) -> npt.NDArray[np.bool_]:
    """Of each pair (columns a, b) whether the labels give both accounts to one operator."""
    labelled = truth.filter(truth["operator"].is_valid())
    codes = np.asarray(labelled["operator"].combine_chunks().dictionary_encode().indices.to_numpy(), np.int64)
    accounts = column_ints(labelled, "account")
    order = np.argsort(accounts)
    accounts, codes = np.append(accounts[order], np.iinfo(np.int64).max), np.append(codes[order], -1)
    a, b = (_owners(column_ints(pairs, name), accounts, codes) for name in ("a", "b"))
    return np.asarray((a == b) & (a >= 0))


def fitted(bits: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset (bits) of a logistic regression of `right` on log2 odds, with half a right and half a wrong pair
    added at their mean; 0, 0 without pairs."""
    if not bits.size:
        return 0.0, 0.0
    odds = np.clip(bits, -MOST_BITS, MOST_BITS) * math.log(2)
    x = np.concatenate([odds, [odds.mean(), odds.mean()]])
    y = np.concatenate([right.astype(float), [1.0, 0.0]])
    weight = np.concatenate([np.ones(odds.size), [0.5, 0.5]])

    def loss(beta: Floats) -> float:
        z = beta[0] + beta[1] * x
        return float((weight * (np.logaddexp(0, z) - y * z)).sum())

    offset, slope = minimize(loss, np.array([0.0, 0.5]), method="Nelder-Mead", options={"maxiter": 2000}).x
    return float(slope), float(offset / math.log(2))


def diagram(bits: Floats, right: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """A reliability diagram: by EDGES how many pairs, the share expected right and the share right."""
    place = np.clip(np.searchsorted(EDGES, bits, side="right") - 1, 0, len(EDGES) - 2)
    rows = []
    for number in np.unique(place).tolist():
        mine = place == number
        rows.append(
            {
                "from_bits": EDGES[number],
                "to_bits": EDGES[number + 1],
                "pairs": int(mine.sum()),
                "expected": float(probability(bits[mine]).mean()),
                "right": float(right[mine].mean()),
            }
        )
    return rows


def _counts(near: pa.Table, truth: pa.Table, ignore_kinds: Collection[str], unlabelled: str) -> npt.NDArray[np.bool_]:
    """Which pairs count."""
    ignored = truth.filter(pc.is_in(truth["kind"], pa.array(sorted(ignore_kinds), pa.string())))["account"]
    labelled = truth.filter(truth["operator"].is_valid())["account"]
    a, b = (column_ints(near, name) for name in ("a", "b"))
    out = ~(np.isin(a, ignored.to_numpy()) | np.isin(b, ignored.to_numpy()))
    if unlabelled == "ignore":
        out &= np.isin(a, labelled.to_numpy()) | np.isin(b, labelled.to_numpy())
    return np.asarray(out)


def _owners(wanted: npt.NDArray[np.int64], accounts: npt.NDArray[np.int64], codes: npt.NDArray[np.int64]) -> Any:
    place = np.searchsorted(accounts, wanted)
    return np.where(accounts[place] == wanted, codes[place], -1)
