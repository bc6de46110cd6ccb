"""Compiled loops over pairs: what two units share, what of it counts, and the rows that say so."""

from __future__ import annotations

import numpy as np

from investigations.linkage.kernels import NO_TIME, Array, compiled, doubled

DAMPING_ONE = 1 << 12
"""Damping factors are whole numbers of 1 / DAMPING_ONE."""
PER_LANE = 32
"""Strongest shared values of a lane that count for a pair; damping leaves nothing of later ones."""
STEP, LEVELS = 1000, 16
"""Rarities at which a kind has a weight: every half bit of 1000 x log2(holders); between them it is interpolated."""


@compiled
def gap_bits(first_a: int, last_a: int, first_b: int, last_b: int, unit_gap: int) -> int:
    """Millibits lost to the time between two uses: one bit for each doubling of 1 + gap / unit_gap, rounded down."""
    if unit_gap <= 0 or first_a == NO_TIME or first_b == NO_TIME:
        return 0
    gap = max(first_a, first_b) - min(last_a, last_b)
    lost = 0
    steps = gap // unit_gap + 1 if gap > 0 else 1
    while steps > 1:
        steps >>= 1
        lost += 1000
    return lost


@compiled
def implied(bits: Array, kinds: Array, n: int, i: int, finer: Array) -> bool:
    """Whether entry i follows from a stronger entry of a finer kind."""
    for j in range(n):  # noqa: SIM110 (no any() over a generator in compiled code)
        if finer[kinds[i], kinds[j]] and (bits[j] > bits[i] or (bits[j] == bits[i] and j < i)):
            return True
    return False


@compiled
def weight_at(by_kind: Array, kind: int, log_alike: int) -> int:
    """Millibits of a kind's value that counts as having so many holders (1000 x log2): linear between two levels."""
    level = min(log_alike // STEP, LEVELS - 1)
    rest = log_alike - STEP * level
    low = by_kind[kind, level]
    if level == LEVELS - 1:
        return max(low - rest, 0)
    return max(low + (by_kind[kind, level + 1] - low) * min(rest, STEP) // STEP, 0)


@compiled
def shared_values(
    a: int,
    b: int,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    weights: tuple[Array, Array, Array, Array, Array],
    gaps: Array,
    found: tuple[Array, Array, Array, Array, Array],
) -> None:
    """Fills, lane by lane and strongest first, what a and b share; counts holds how many of each lane.

    A value counts as if it had at least as many holders as either end has met strangers through its group of kinds;
    evidence on the pair itself counts what it states.
    """
    by_kind, rarity, strangers, log_of, stated = weights
    unit_ptr, unit_values, unit_first, unit_last = units
    value_kind, lane_of, group_of, _ = kinds
    found[4][:] = 0
    i, j = unit_ptr[a], unit_ptr[b]
    while i < unit_ptr[a + 1] and j < unit_ptr[b + 1]:
        if unit_values[i] < unit_values[j]:
            i += 1
            continue
        if unit_values[i] > unit_values[j]:
            j += 1
            continue
        value = unit_values[i]
        kind = value_kind[value]
        lane = lane_of[kind]
        bits, log_alike = stated[value], 0
        if bits == 0 and rarity[value] > 0:
            alike = max(rarity[value], strangers[a, group_of[kind]], strangers[b, group_of[kind]])
            log_alike = log_of[min(alike, log_of.size - 1)]
            lost = gap_bits(unit_first[i], unit_last[i], unit_first[j], unit_last[j], gaps[lane])
            bits = max(weight_at(by_kind, kind, log_alike) - lost, 0)
        i += 1
        j += 1
        put(found, lane, bits, value, kind, log_alike)


@compiled
def put(
    found: tuple[Array, Array, Array, Array, Array], lane: int, bits: int, value: int, kind: int, log_alike: int
) -> None:
    """Inserts a value among those found of its lane, strongest first; the weakest of too many falls out."""
    found_bits, found_values, found_kinds, found_logs, counts = found
    n = counts[lane]
    if n == PER_LANE:
        if bits <= found_bits[lane, n - 1]:
            return
        n -= 1
    while n > 0 and found_bits[lane, n - 1] < bits:
        found_bits[lane, n] = found_bits[lane, n - 1]
        found_values[lane, n] = found_values[lane, n - 1]
        found_kinds[lane, n] = found_kinds[lane, n - 1]
        found_logs[lane, n] = found_logs[lane, n - 1]
        n -= 1
    found_bits[lane, n] = bits
    found_values[lane, n] = value
    found_kinds[lane, n] = kind
    found_logs[lane, n] = log_alike
    counts[lane] = min(counts[lane] + 1, PER_LANE)


@compiled
def weigh(
    found: tuple[Array, Array, Array, Array, Array],
    finer: Array,
    damping: Array,
    caps: Array,
    cheap: tuple[Array, int],
    counted: Array,
) -> None:
    """Fills `counted` with what each value found counts: damped inside a lane, capped, cheap kinds capped together;
    nothing where it follows from a finer one. What counts against a pair stays outside the cap of cheap kinds."""
    found_bits, _, found_kinds, _, counts = found
    is_cheap, cheap_left = cheap
    for lane in range(counts.size):
        left, rank = caps[lane], 0
        for i in range(counts[lane]):
            bits = 0
            if not implied(found_bits[lane], found_kinds[lane], counts[lane], i, finer):
                bits = min(found_bits[lane, i] * damping[lane, rank] >> 12, left)
                left -= bits
                rank += 1
            if bits > 0 and is_cheap[found_kinds[lane, i]]:
                bits = min(bits, cheap_left)
                cheap_left -= bits
            counted[lane, i] = bits


@compiled
def room_for(n_lanes: int) -> tuple[Array, Array, Array, Array, Array]:
    """What shared_values fills: bits, values, kinds, rarities by lane and rank; how many by lane."""
    return (
        np.zeros((n_lanes, PER_LANE), np.int64),
        np.zeros((n_lanes, PER_LANE), np.int32),
        np.zeros((n_lanes, PER_LANE), np.int16),
        np.zeros((n_lanes, PER_LANE), np.int64),
        np.zeros(n_lanes, np.int64),
    )


@compiled
def score_pairs(
    pairs: Array,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    weights: tuple[Array, Array, Array, Array, Array],
    gaps: Array,
    damping: Array,
    caps: Array,
    cheap: tuple[Array, int],
) -> tuple[Array, Array]:
    """Millibits of evidence of each pair: what weigh counts, summed; and a bit mask of the lanes that count for it."""
    n_lanes = damping.shape[0]
    found = room_for(n_lanes)
    counts, counted = found[4], np.zeros((n_lanes, PER_LANE), np.int64)
    out = np.zeros(pairs.size, np.int32)
    lanes = np.zeros(pairs.size, np.int32)
    for p in range(pairs.size):
        shared_values(pairs[p] >> 32, pairs[p] & 0xFFFFFFFF, units, kinds, weights, gaps, found)
        weigh(found, kinds[3], damping, caps, cheap, counted)
        total = 0
        for lane in range(n_lanes):
            amount = 0
            for i in range(counts[lane]):
                amount += counted[lane, i]
            total += amount
            if amount > 0:
                lanes[p] |= 1 << lane
        out[p] = total
    return out, lanes


@compiled
def explain_pairs(
    pairs: Array,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    weights: tuple[Array, Array, Array, Array, Array],
    gaps: Array,
    damping: Array,
    caps: Array,
    cheap: tuple[Array, int],
    raw: Array,
    limit: int,
) -> Array:
    """Evidence rows of each pair: pair number, value, bits, raw bits. The bits of a pair sum to its score.

    Rows without bits (hubs, values that follow from a finer one, what damping left nothing of) fill up to `limit`.
    """
    n_lanes = damping.shape[0]
    found = room_for(n_lanes)
    _, found_values, _, _, counts = found
    counted = np.zeros((n_lanes, PER_LANE), np.int64)
    out = np.empty((1024, 4), np.int64)
    used = 0
    for p in range(pairs.size):
        shared_values(pairs[p] >> 32, pairs[p] & 0xFFFFFFFF, units, kinds, weights, gaps, found)
        weigh(found, kinds[3], damping, caps, cheap, counted)
        if used + n_lanes * PER_LANE > out.shape[0]:
            out = doubled(out)
        start = used
        for zero in range(2):
            for lane in range(n_lanes):
                for i in range(counts[lane]):
                    bits, value = counted[lane, i], found_values[lane, i]
                    if (bits == 0) != (zero == 1) or (zero == 1 and used - start >= limit):
                        continue
                    out[used, 0] = p
                    out[used, 1] = value
                    out[used, 2] = bits
                    out[used, 3] = raw[value]
                    used += 1
    return out[:used]


@compiled
def pair_features(
    pairs: Array,
    units: tuple[Array, Array, Array, Array],
    kinds: tuple[Array, Array, Array, Array],
    weights: tuple[Array, Array, Array, Array, Array],
    gaps: Array,
    n_lanes: int,
) -> tuple[Array, Array, Array, Array]:
    """[pair, lane]: kind and rarity (1000 x log2) of the strongest shared value (-1: none), and how many count.

    The last array holds how many have the pair's rarest value.
    """
    found = room_for(n_lanes)
    found_bits, found_values, found_kinds, found_logs, counts = found
    rarity = weights[1]
    finer = kinds[3]
    least = np.full(pairs.size, 2**31 - 1, np.int32)
    best_kind = np.full((pairs.size, n_lanes), -1, np.int16)
    best_log = np.zeros((pairs.size, n_lanes), np.int32)
    several = np.zeros((pairs.size, n_lanes), np.int16)
    for p in range(pairs.size):
        a, b = pairs[p] >> 32, pairs[p] & 0xFFFFFFFF
        shared_values(a, b, units, kinds, weights, gaps, found)
        for lane in range(n_lanes):
            for i in range(counts[lane]):
                if found_bits[lane, i] <= 0:
                    break
                least[p] = min(least[p], rarity[found_values[lane, i]])
                if implied(found_bits[lane], found_kinds[lane], counts[lane], i, finer):
                    continue
                if several[p, lane] == 0:
                    best_kind[p, lane] = found_kinds[lane, i]
                    best_log[p, lane] = found_logs[lane, i]
                several[p, lane] += 1
    return best_kind, best_log, several, least
