"""How many links chance would bring about: the same values dealt anew to the accounts, scored the same way.

Where the data have too few kinds of value to teach how many matches there are (learn.py), the assumed prior would be
believed whatever the data look like. So the values of each kind are dealt anew: every value keeps its number of
holders, an account gets values in proportion to how many it has, and what still reaches the line is chance. The line is lifted to where links outnumber those by the odds that a link needs (target and
decoy, Elias and Gygi 2007).
See docs/theory/score.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from investigations.linkage import types
from investigations.linkage.candidates import candidate_pairs
from investigations.linkage.gather import Gathered, Ints, SmallInts
from investigations.linkage.hubs import Hubs, find_hubs
from investigations.linkage.learn import Weights
from investigations.linkage.score import over_the_line, scorer_from, strangers_met, usable_millibits
from investigations.linkage.settings import Settings
from investigations.linkage.signals.activity import units_from

DRAWS = 4
ENOUGH = 500
"""Accounts that hold values of a kind. Among fewer the same ones would meet again, so that all others could have held
one, too."""
LEVELS = 64
"""Whole bits over the line that are told apart."""


def held_against_chance(
    inputs: types.Inputs,
    gathered: Gathered,
    hubs: Hubs,
    strangers: SmallInts,
    pairs: Ints,
    weights: Weights,
    settings: Settings,
) -> Weights:
    """The weights with a prior under which links are not chance; as they are when they were learned."""
    if weights.learned or not pairs.size:
        return weights
    found = _by_level(gathered, hubs, strangers, pairs, weights, settings)
    every = all_holdings(inputs, gathered)
    drawn = [
        _of_decoy(dealt(gathered, every, [settings.seed, draw]), inputs.marked, weights, settings)
        for draw in range(DRAWS)
    ]
    by_chance = np.mean(drawn, axis=0)
    lift = lift_over(found, by_chance, settings.threshold_bits)
    known = {"decoys": {"links": int(found.sum()), "by_chance": round(float(by_chance.sum()), 2), "lift": lift}}
    return replace(weights, prior=weights.prior - 1000 * lift, learned=known)


def all_holdings(inputs: types.Inputs, gathered: Gathered) -> list[SmallInts]:
    """By kind, ascending: a unit for each value that it has, shared or not; the others once, too, where few have any."""
    every = np.arange(gathered.n_units, dtype=np.int32)
    kind_of_holder = np.repeat(gathered.value_kind, gathered.value_holders)
    seen = set(pc.unique(inputs.sightings["kind"]).cast(pa.string()).to_pylist())
    out = []
    for code, kind in enumerate(gathered.kinds):
        if kind in seen:
            rows = inputs.sightings.filter(pc.equal(inputs.sightings["kind"], kind))
            held, _ = units_from(rows["account"].combine_chunks(), gathered.accounts, gathered.unit_of)
        else:
            held = gathered.holders[kind_of_holder == code]
        others = np.setdiff1d(every, held)
        out.append(np.sort(held if every.size - others.size >= ENOUGH else np.concatenate([others, held])))
    return out


def dealt(gathered: Gathered, every: list[SmallInts], seed: list[int]) -> Gathered:
    """The same values in the hands of others; times stay with the value."""
    chance = np.random.default_rng(seed)
    kind = np.repeat(gathered.value_kind, gathered.value_holders)
    holders = gathered.holders.copy()
    for code, held in enumerate(every):
        mine = np.flatnonzero(kind == code)
        holders[mine] = chance.choice(held, mine.size, replace=False)
    value = np.repeat(np.arange(gathered.n_values), gathered.value_holders)
    order = np.lexsort((holders, value))
    value, holders = value[order], holders[order]
    once = np.ones(value.size, bool)
    once[1:] = (value[1:] != value[:-1]) | (holders[1:] != holders[:-1])
    kept = order[once]
    counts = np.bincount(value[once], minlength=gathered.n_values)
    return replace(
        gathered,
        holder_ptr=np.append(0, np.cumsum(counts)).astype(np.int64),
        holders=holders[once],
        first_at=gathered.first_at[kept],
        last_at=gathered.last_at[kept],
    )


def lift_over(found: npt.NDArray[np.float64], by_chance: npt.NDArray[np.float64], threshold_bits: float) -> int:
    """Whole bits by which the line is lifted: to the lowest level at which those found outnumber chance by the odds,
    with two standard errors to spare.

    Levels are taken together from the top until chance brings about one of them, and so that a higher one never has
    worse odds than a lower one (pool adjacent violators).
    """
    blocks: list[tuple[int, float, float]] = []
    met = chance = 0.0
    for level in range(found.size - 1, -1, -1):
        met, chance = met + found[level], chance + by_chance[level]
        if chance >= 1:
            blocks.append((level, met, chance))
            met = chance = 0.0
        while len(blocks) > 1 and blocks[-1][1] * blocks[-2][2] > blocks[-2][1] * blocks[-1][2]:
            low, above = blocks.pop(), blocks.pop()
            blocks.append((low[0], low[1] + above[1], low[2] + above[2]))
    lift = found.size
    for level, met, chance in blocks:
        if met - chance - 2 * np.sqrt(chance) < 2.0**threshold_bits * chance:
            return lift
        lift = level
    return 0


def _of_decoy(gathered: Gathered, marked: pa.Table, weights: Weights, settings: Settings) -> npt.NDArray[np.float64]:
    hubs = find_hubs(gathered, settings, marked)
    pairs = candidate_pairs(gathered, usable_millibits(gathered, hubs, settings), settings)
    return _by_level(gathered, hubs, strangers_met(gathered, hubs, pairs, settings), pairs, weights, settings)


def _by_level(
    gathered: Gathered, hubs: Hubs, strangers: SmallInts, pairs: Ints, weights: Weights, settings: Settings
) -> npt.NDArray[np.float64]:
    """How many pairs are over the line, by whole bits."""
    over = over_the_line(scorer_from(gathered, hubs, strangers, weights, settings), pairs)
    return np.bincount(np.minimum(over[over >= 0] // 1000, LEVELS - 1), minlength=LEVELS).astype(np.float64)
