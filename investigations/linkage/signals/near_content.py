"""Near-equal content: requests whose similarity hashes differ in a few bits, more often than chance explains.

Who paraphrases one work list over many accounts leaves requests that are never equal and yet alike. A similarity hash
(simhash64) keeps that: two texts that are alike differ in few of 64 bits, unlike ones in about 32. Two accounts with n
and m requests meet within d bits by chance n x m x C(64, d) / 2^64 times, so a pair that is closer than that is
evidence, the more the fewer bits differ. What many accounts have near equals of is a popular text, and weighs by its
holders. Opaque fingerprints meet as often as chance has it: then there is no evidence, whatever their type was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from investigations.linkage.kernels import Array, compiled, doubled
from investigations.linkage.signals.activity import BATCH, units_from
from investigations.linkage.signals.chance import odds_millibits
from investigations.linkage.signals.protocol import NO_ROWS, Ints, PairRows, PairSource
from investigations.linkage.threads import each
from investigations.linkage.units import MILLION

FARTHEST = 10
"""Bits in which two near-equal requests may differ at most; fewer in large datasets, where chance comes closer."""
CHANCE = 0.05
"""Near equals that a request may have by chance, at most: sets how far is near."""
TABLES, NULL_TABLES = 16, 4
"""Samples of the bits by which near requests are found, and by which chance is measured."""
ALONE = 24
"""With how many others of its sample a request is compared."""
FLOOR = 4
"""Near content never counts as rarer than what this many accounts have."""
AGREEMENT = 0.5
POPULAR = 12
"""Accounts that have exactly the same content; from more on it is popular and is left out."""


@dataclass(frozen=True)
class NearContent:
    """Requests that are alike and not equal."""

    name: str = "near_content"
    kinds: Mapping[str, str] = field(default_factory=lambda: {"near_content": "content"})

    def look(self, source: PairSource) -> PairRows | None:
        """Evidence on every pair with near-equal requests; None without content."""
        hashes, units = opening_contents(source)
        if hashes.size < 2:
            return None
        farthest = near_within(hashes.size)
        rows, met = near_pairs(hashes, units, farthest, TABLES)
        _, by_chance = near_pairs(turned(hashes, units), units, farthest, NULL_TABLES)
        odds = odds_millibits(met.astype(np.float64), by_chance.astype(np.float64) * (TABLES / NULL_TABLES))
        weights = np.maximum(odds - source.prior, 0)
        good = rows[weights[rows[:, 2]] > 0]
        return _rows(good, weights, units, source.n_units) if good.size else NO_ROWS


def opening_contents(source: PairSource) -> tuple[Ints, Ints]:
    """Distinct (content, unit) of requests that continue no answer, by content, without popular ones."""
    hashes, units = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for path in source.inputs.exchanges:
        for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=["account", "content", "prefix"]):
            opening = batch.filter(pc.and_(pc.is_valid(batch["content"]), pc.is_null(batch["prefix"])))
            unit, known = units_from(opening["account"], source.accounts, source.unit_of)
            hashes.append(np.asarray(opening["content"].to_numpy(zero_copy_only=False))[known])
            units.append(unit)
    content, unit = np.concatenate(hashes), np.concatenate(units)
    order = np.argsort(content)
    content, unit = content[order], unit[order]
    again = np.flatnonzero(content[1:] == content[:-1])
    several = np.union1d(again, again + 1)
    unit[several] = unit[several][np.lexsort((unit[several], content[several]))]
    new = np.ones(content.size, bool)
    new[1:] = (content[1:] != content[:-1]) | (unit[1:] != unit[:-1])
    content, unit = content[new], unit[new]
    starts = np.flatnonzero(np.append(True, content[1:] != content[:-1])) if content.size else np.empty(0, np.int64)
    holders = np.diff(np.append(starts, content.size))
    kept = np.repeat(holders <= POPULAR, holders)
    return content[kept], unit[kept].astype(np.int64)


def near_within(n: int) -> int:
    """In how many bits near requests among n may differ, so that chance is rare."""
    farthest = FARTHEST
    while farthest > 1 and n * meeting_chance(farthest) > CHANCE:
        farthest -= 1
    return farthest


def meeting_chance(farthest: int) -> float:
    """The chance that two hashes differ in so many bits or fewer."""
    return sum(math.comb(64, d) for d in range(farthest + 1)) / 2**64


def near_pairs(hashes: Ints, units: Ints, farthest: int, tables: int) -> tuple[Ints, Ints]:
    """Rows (position, later position, bits apart) of near and not equal requests of different units, and how often
    two met at each distance over all tables.

    Locality-sensitive hashing by sampled bits (Indyk, Motwani 1998): each table sorts the requests by as many bits as
    leave about two of them alike, and compares a request with the next few of its sample.
    """
    wide = min(max(int(hashes.size).bit_length() - 1, 4), 26)

    def in_table(table: int) -> Ints:
        sample = np.sort(np.random.default_rng(table).permutation(64)[:wide]).astype(np.int64)
        found: Ints = near_in_table(hashes, units, sample, farthest, ALONE)
        return found

    rows = np.concatenate(each(in_table, range(tables)))
    return np.unique(rows, axis=0), np.bincount(rows[:, 2], minlength=farthest + 1)


def turned(hashes: Ints, units: Ints) -> Ints:
    """The hashes with their bits turned by an amount of each unit's own: alike inside a unit, by chance between."""
    bits, by = hashes.view(np.uint64), (units % 63 + 1).astype(np.uint64)
    return ((bits << by) | (bits >> (np.uint64(64) - by))).view(np.int64)


def _rows(rows: Ints, weights: Ints, units: Ints, n_units: int) -> PairRows:
    """Evidence of each pair of units from its near requests, each request counted once, later ones halved."""
    one, two, apart = rows.T
    a, b = np.minimum(units[one], units[two]), np.maximum(units[one], units[two])
    held = np.maximum(_holders(one, two, units), FLOOR)
    rare = np.rint(1000 * np.log2(np.maximum(AGREEMENT * n_units / held, 1.0))).astype(np.int64)
    bits, pair = np.minimum(weights[apart], rare), (a << 32) | b
    order = np.lexsort((two, one, -bits, pair))
    kept = order[once_each(pair[order], one[order], two[order])]
    pair, bits = pair[kept], bits[kept]
    distinct, start, count = np.unique(pair, return_index=True, return_counts=True)
    rank = np.minimum(np.arange(pair.size) - np.repeat(start, count), 30)
    total = np.zeros(distinct.size, np.int64)
    np.add.at(total, np.repeat(np.arange(distinct.size), count), bits >> rank)
    n_of, farthest = np.bincount(units, minlength=n_units).astype(np.float64), int(apart.max())
    chance = n_of[distinct >> 32] * n_of[distinct & 0xFFFFFFFF] * meeting_chance(farthest) * MILLION
    kind = np.zeros(distinct.size, np.int16)
    return PairRows(
        kind,
        distinct,
        total.astype(np.int32),
        count.astype(np.int32),
        np.rint(np.minimum(chance, 1e15)).astype(np.int64),
    )


def _holders(one: Ints, two: Ints, units: Ints) -> Ints:
    """How many units have a near equal of each pair's requests: in its connected component."""
    nodes, index = np.unique(np.concatenate([one, two]), return_inverse=True)
    left, right = index[: one.size], index[one.size :]
    graph = coo_array((np.ones(one.size, np.int8), (left, right)), shape=(nodes.size, nodes.size))
    _, part = connected_components(graph, directed=False)
    held = np.unique(np.stack([part.astype(np.int64), units[nodes]], axis=1), axis=0)
    return np.bincount(held[:, 0])[part[left]]


@compiled
def once_each(pair: Array, one: Array, two: Array) -> Array:
    """Of rows sorted by pair: which bring two requests together that no earlier row of the pair has."""
    keep = np.zeros(pair.size, np.bool_)
    start = 0
    for i in range(pair.size):
        if pair[i] != pair[start]:
            start = i
        keep[i] = True
        for j in range(start, i):
            if keep[j] and (one[j] == one[i] or two[j] == two[i] or one[j] == two[i] or two[j] == one[i]):
                keep[i] = False
                break
    return keep


@compiled
def bits_apart(one: int, two: int) -> Any:
    """In how many bits two numbers differ."""
    x = np.uint64(one ^ two)
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@compiled
def sampled_keys(hashes: Array, sample: Array) -> Array:
    """The sampled bits of each number, closed up."""
    tables = np.zeros((8, 256), np.int32)
    for place in range(sample.size):
        byte, bit = sample[place] >> 3, sample[place] & 7
        for value in range(256):
            if (value >> bit) & 1:
                tables[byte, value] |= 1 << place
    keys = np.empty(hashes.size, np.int32)
    for i in range(hashes.size):
        key = np.int32(0)
        for byte in range(8):
            key |= tables[byte, (hashes[i] >> (8 * byte)) & 255]
        keys[i] = key
    return keys


@compiled
def near_in_table(hashes: Array, units: Array, sample: Array, farthest: int, alone: int) -> Array:
    """Rows (position, later position, bits apart) of near requests with the same sampled bits."""
    keys = sampled_keys(hashes, sample)
    starts = np.zeros((1 << sample.size) + 1, np.int32)
    for key in keys:
        starts[key + 1] += 1
    for key in range(starts.size - 1):
        starts[key + 1] += starts[key]
    cursor = starts[:-1].copy()
    order = np.empty(hashes.size, np.int32)
    for i in range(hashes.size):
        order[cursor[keys[i]]] = i
        cursor[keys[i]] += 1
    out = np.empty((1024, 3), np.int64)
    used = 0
    for slot in range(order.size):
        i = order[slot]
        last = min(starts[keys[i] + 1], slot + 1 + alone)
        for other in range(slot + 1, last):
            j = order[other]
            apart = bits_apart(hashes[i], hashes[j])
            if apart == 0 or apart > farthest or units[i] == units[j]:
                continue
            if used == out.shape[0]:
                out = doubled(out)
            out[used, 0], out[used, 1], out[used, 2] = i, j, apart
            used += 1
    return out[:used]


NEAR_CONTENT = NearContent()
