"""Calibrated odds against labels that follow them or do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from investigations.linkage import Settings, run
from investigations.linkage.calibration import (
    EDGES,
    OFFSET,
    SLOPE,
    calibrated_bits,
    calibration_model,
    probability,
    reliability,
    same_operator,
)
from investigations.linkage.types import LINKS, NEAR
from tests.linkage import worlds

MODEL = {"threshold_millibits": 1000, "calibration": calibration_model()}
PAIRS = 40_000


def near_pairs(seed: int = 1) -> pa.Table:
    """Pairs (1, 2), (3, 4) and so on, evenly from 5 bits under the line to 5 over it."""
    chance = np.random.default_rng(seed)
    a = np.arange(PAIRS) * 2 + 1
    bits = chance.integers(-5_000, 5_000, PAIRS).astype(np.int32)
    return pa.table({"a": a, "b": a + 1, "bits": bits, "families": np.zeros(PAIRS, np.int16)}, schema=NEAR)


def labels(near: pa.Table, right: np.ndarray) -> pa.Table:
    """Labels by which these pairs are right: a name for both, or for the first only."""
    a = np.asarray(near["a"])
    names = [f"o{i}" for i in range(PAIRS)]
    second = [name if good else None for name, good in zip(names, right.tolist(), strict=True)]
    accounts = np.concatenate([a, a + 1])
    return pa.table({"account": accounts, "operator": [*names, *second], "kind": ["ring"] * (2 * PAIRS)})


def test_labels_drawn_by_the_calibrated_odds_give_a_slope_of_one() -> None:
    near = near_pairs()
    odds = calibrated_bits(near["bits"].to_numpy(), MODEL)
    found = reliability(near, labels(near, np.random.default_rng(2).random(PAIRS) < probability(odds)), MODEL)
    assert found["slope"] == pytest.approx(1, abs=0.05)
    assert found["offset_bits"] == pytest.approx(0, abs=0.1)
    assert all(abs(row["expected"] - row["right"]) < 0.05 for row in found["diagram"] if row["pairs"] > 1_000)
    assert sum(row["pairs"] for row in found["diagram"]) == found["pairs"] == PAIRS


def test_labels_that_ignore_the_bits_give_a_slope_of_nothing() -> None:
    near = near_pairs()
    found = reliability(near, labels(near, np.random.default_rng(2).random(PAIRS) < 0.5), MODEL)
    assert abs(found["slope"]) < 0.05


def test_calibrated_bits_count_from_the_prior_odds_and_not_from_the_line() -> None:
    assert calibrated_bits([-1000], MODEL)[0] == pytest.approx(OFFSET)
    assert calibrated_bits([0], MODEL)[0] == pytest.approx(OFFSET + SLOPE)
    assert calibrated_bits([10**9, -(10**9)], MODEL).tolist() == [30.0, -30.0]


def test_ignored_kinds_and_unlabelled_pairs_are_left_out() -> None:
    near = near_pairs()
    truth = labels(near, np.arange(PAIRS) % 2 == 0)
    assert reliability(near, truth, MODEL, ignore_kinds=["ring"])["pairs"] == 0
    first = truth.slice(0, 10)
    assert reliability(near, first, MODEL, unlabelled="ignore")["pairs"] == 10
    assert reliability(near, first, MODEL)["pairs"] == PAIRS


def test_without_pairs_or_labels_there_is_nothing_to_say() -> None:
    nothing = {"pairs": 0, "slope": 0.0, "offset_bits": 0.0, "diagram": []}
    truth = labels(near_pairs(), np.ones(PAIRS, bool))
    assert reliability(NEAR.empty_table(), truth, MODEL) == nothing
    assert not same_operator(near_pairs(), truth.slice(0, 0)).any()
    assert list(EDGES) == sorted(EDGES)


def test_a_run_keeps_the_pairs_that_it_linked_among_those_near_the_line(tmp_path: Path) -> None:
    result = run(worlds.inputs(worlds.planted(2)), Settings(), workdir=tmp_path)
    near = {(row["a"], row["b"]): row for row in result.near.to_pylist()}
    links = result.links.to_pylist()
    assert links and len(near) >= len(links)
    weighed = [row for row in links if (row["a"], row["b"]) in near]
    assert [near[row["a"], row["b"]]["bits"] for row in weighed] == [row["bits"] for row in weighed]
    assert len(weighed) >= len(links) // 2
    assert result.links.schema.equals(LINKS) and result.near.schema.equals(NEAR)
