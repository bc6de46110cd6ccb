"""Odds against chance: measured, cautious with little, and never more for less surprise."""

from __future__ import annotations

import numpy as np

from investigations.linkage.signals.chance import ENOUGH, LEVELS, NEVER, odds_by_level, odds_millibits, surprises


def levels(**given: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    out = np.zeros(LEVELS)
    for name, n in given.items():
        out[int(name[1:])] = n
    return out


def test_odds_are_what_goes_beyond_chance_and_its_spread() -> None:
    met, chance = np.array([131.0, 120.0, 100.0]), np.array([100.0, 100.0, 100.0])
    assert odds_millibits(met, chance).tolist() == [round(1000 * np.log2(11 / 100)), NEVER, NEVER]


def test_a_few_meetings_are_no_proof_where_chance_was_never_seen() -> None:
    assert odds_millibits(np.array([3.0]), np.array([0.0]))[0] == NEVER
    assert odds_millibits(np.array([67.0]), np.array([0.0]))[0] == 6000


def test_levels_that_chance_explains_count_nothing_however_many_there_are() -> None:
    found = odds_by_level(levels(l9=5000, l30=100), levels(l9=5000))
    assert found[9] == NEVER
    assert found[30] == round(1000 * np.log2(97))


def test_a_lower_level_never_counts_more_than_a_higher_one() -> None:
    found = odds_by_level(levels(l5=100_000, l20=100, l40=100), levels(l5=1, l20=60, l40=1))
    assert (np.diff(found) >= 0).all()
    assert found[5] <= found[20] < found[40]


def test_sparse_levels_are_judged_together() -> None:
    sparse = {f"l{20 + i}": float(ENOUGH // 8) for i in range(8)}
    found = odds_by_level(levels(**sparse), np.zeros(LEVELS))
    assert set(found[20:].tolist()) == {round(1000 * np.log2(ENOUGH - 3))}


def test_pairs_of_one_crowded_moment_are_one_chance_together() -> None:
    pair = np.arange(195, dtype=np.int64)
    calm = surprises(pair, np.full(195, 1e-4), np.ones(195))
    outage = surprises(pair, np.full(195, 1e-4), np.full(195, 195.0))
    assert calm.by_level.sum() == 195
    assert round(outage.by_level.sum(), 6) == 1


def test_the_least_likely_events_of_a_pair_are_summed_whatever_their_order() -> None:
    pair = np.array([7, 7, 7, 9, 7, 7], np.int64)
    chance = np.array([0.5, 0.25, 2.0, 0.125, 0.5, 0.5])
    found = surprises(pair, chance, np.ones(6))
    again = surprises(pair[::-1].copy(), chance[::-1].copy(), np.ones(6))
    assert found.pair.tolist() == [7, 9]
    assert found.bits.tolist() == [5000, 3000] == again.bits.tolist()
    assert found.count.tolist() == [5, 1]
