"""Bits of evidence: against a slow oracle in plain Python, and properties that must always hold."""

from __future__ import annotations

import math
import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from investigations.linkage import Settings, types
from investigations.linkage.candidates import candidate_pairs
from investigations.linkage.gather import Gathered, gather, gathered_from
from investigations.linkage.hubs import Hubs, find_hubs
from investigations.linkage.lanes import lanes_of
from investigations.linkage.learn import Weights, assumed, prior_assumed
from investigations.linkage.score import (
    Scorer,
    assumed_weights,
    line_millibits,
    scorer_from,
    strangers_met,
    strongest,
    value_millibits,
)
from tests.linkage import worlds
from tests.linkage.worlds import Seen, World

KINDS = ("payment_fingerprint", "device_id", "ip", "note")


def gathered_of(world: World, scratch: Path) -> Gathered:
    given_inputs = worlds.inputs(world)
    rows, kinds = gather(given_inputs, Settings(), scratch=scratch)
    return gathered_from(given_inputs, rows, kinds)


def no_hubs(gathered: Gathered) -> Hubs:
    none = np.zeros(gathered.n_values, bool)
    return Hubs(none, np.full(gathered.n_values, -1, np.int32), none)


def weights_of(gathered: Gathered, settings: Settings) -> Weights:
    return assumed_weights(gathered.kinds, gathered.kind_family, gathered.n_units, settings)


def scorer_of(gathered: Gathered, settings: Settings) -> Scorer:
    nobody = np.zeros((gathered.n_units, max(len(gathered.kinds), 1)), np.int32)
    return scorer_from(gathered, no_hubs(gathered), nobody, weights_of(gathered, settings), settings)


def packed(a: int, b: int) -> int:
    return (min(a, b) << 32) | max(a, b)


def oracle_score(gathered: Gathered, settings: Settings, a: int, b: int) -> int:
    """Damped and capped sum over shared values, one pair at a time, without times and coarse kinds."""
    raw = value_millibits(gathered, settings)
    total, cheaply = 0, 0
    line = line_millibits(weights_of(gathered, settings), settings)
    for number, name in enumerate(types.FAMILIES):
        family = settings.family(name)
        shared = []
        for value in range(gathered.n_values):
            held = set(gathered.holders[gathered.holder_ptr[value] : gathered.holder_ptr[value + 1]].tolist())
            if gathered.value_family[value] == number and {a, b} <= held:
                shared.append(int(raw[value]))
        shared.sort(reverse=True)
        part = sum(bits * round(4096 * family.damping**rank) >> 12 for rank, bits in enumerate(shared))
        part = min(part, max(round(1000 * family.alone_bits) + line, 0))
        if family.cheap:
            cheaply += part
        else:
            total += part
    return total + min(cheaply, max(round(1000 * settings.cheap_bits) + line, 0))


@pytest.mark.parametrize("seed", range(6))
def test_it_scores_like_the_oracle(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    world = World(list(range(12)))
    for value in range(40):
        world.share(chance.choice(KINDS), value, chance.sample(world.accounts, chance.randrange(2, 5)))
    gathered = gathered_of(world, tmp_path)
    settings = Settings()
    scorer = scorer_of(gathered, settings)
    pairs = np.array([packed(a, b) for a, b in combinations(range(12), 2)], np.int64)
    wanted = [oracle_score(gathered, settings, a, b) for a, b in combinations(range(12), 2)]
    assert (scorer.over_the_line(pairs) + scorer.line).tolist() == wanted


@pytest.mark.parametrize("seed", range(4))
def test_it_considers_every_pair_that_shares_a_value_of_few_holders(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    world = World(list(range(60)))
    for value in range(80):
        world.share("note", value, chance.sample(world.accounts, chance.randrange(2, 8)))
    gathered = gathered_of(world, tmp_path)
    wanted = set()
    for value in range(gathered.n_values):
        held = gathered.holders[gathered.holder_ptr[value] : gathered.holder_ptr[value + 1]].tolist()
        wanted |= {packed(a, b) for a, b in combinations(held, 2)}
    found = candidate_pairs(gathered, value_millibits(gathered, Settings()), Settings())
    assert set(found.tolist()) == wanted
    assert found.tolist() == sorted(wanted)


def test_it_spends_no_more_than_the_budget_on_a_value_and_leaves_no_holder_out(tmp_path: Path) -> None:
    world = World(list(range(5000)))
    world.share("note", 1, range(1000))
    gathered = gathered_of(world, tmp_path)
    settings = Settings(budget=9)
    pairs = candidate_pairs(gathered, value_millibits(gathered, settings), settings)
    assert 0 < pairs.size <= 1000 * settings.budget
    assert set((pairs >> 32).tolist()) | set((pairs & 0xFFFFFFFF).tolist()) == set(range(1000))


def test_a_value_with_twice_the_holders_is_worth_one_bit_less(tmp_path: Path) -> None:
    world = World(list(range(1000)))
    world.share("note", 1, range(8))
    world.share("note", 2, range(16))
    assert np.diff(value_millibits(gathered_of(world, tmp_path), Settings())).tolist() == [-1000]


def test_the_line_is_threshold_less_prior() -> None:
    settings = Settings(expected_partners=4.0, threshold_bits=1.0)
    lanes = lanes_of((), np.empty(0, np.int8), settings)
    assert prior_assumed(4097, settings) == -10_000
    assert line_millibits(assumed(4097, [], lanes, settings), settings) == 11_000
    assert prior_assumed(1, settings) == prior_assumed(0, settings) == 0
    assert math.isclose(2 ** (prior_assumed(100_001, settings) / 1000), 4 / 100_000, rel_tol=1e-3)


def test_time_between_two_uses_of_an_address_costs_bits(tmp_path: Path) -> None:
    day = 86_400_000_000
    world = World(list(range(1000)))
    world.seen = [Seen(0, "ip", 1, 0, day), Seen(1, "ip", 1, day, 2 * day), Seen(2, "ip", 1, 9 * day, 9 * day)]
    scorer = scorer_of(gathered_of(world, tmp_path), Settings())
    near, far = scorer.over_the_line(np.array([packed(0, 1), packed(1, 2)], np.int64)).tolist()
    assert near - far == 2000


def test_who_meets_many_strangers_through_a_kind_proves_little_by_it(tmp_path: Path) -> None:
    world = World(list(range(2000)))
    for stranger in range(1, 200):
        world.share("ip", stranger, [0, stranger])
    gathered = gathered_of(world, tmp_path)
    hubs = no_hubs(gathered)
    pairs = candidate_pairs(gathered, value_millibits(gathered, Settings()), Settings())
    strangers = strangers_met(gathered, hubs, pairs, Settings())
    assert strangers[0].max() == 199
    assert strangers[1].max() == 1
    plain = scorer_of(gathered, Settings()).over_the_line(pairs)
    assert (
        scorer_from(gathered, hubs, strangers, weights_of(gathered, Settings()), Settings()).over_the_line(pairs)
        < plain
    ).all()


def test_only_the_strongest_links_of_either_end_are_kept() -> None:
    pairs = np.array([packed(0, other) for other in range(1, 6)] + [packed(1, 2)], np.int64)
    bits = np.array([10, 20, 30, 30, 5, 1], np.int32)
    chosen = strongest(pairs, bits, 1)
    assert chosen.tolist() == [True, True, True, True, True, False]
    assert strongest(np.empty(0, np.int64), np.empty(0, np.int32), 3).size == 0


holdings = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(KINDS), st.integers(0, 9)), min_size=1, max_size=40, unique=True
)


@limits(max_examples=30, deadline=None)
@given(rows=holdings, extra=st.sampled_from(KINDS), order=st.randoms(use_true_random=False))
def test_one_more_value_that_just_two_accounts_share_never_lowers_their_score(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str, int]],
    extra: str,
    order: random.Random,
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    offset = {kind: 100 * position for position, kind in enumerate(KINDS)}
    seen = [Seen(account, kind, offset[kind] + value) for account, kind, value in rows]
    # A pair of other accounts keeps every value shared, so that both worlds hold the same values but one.
    base = World(list(range(300)), [*seen, Seen(0, "note", 990), Seen(1, "note", 990)])
    more = World(list(range(300)), [*base.seen, Seen(0, extra, 999), Seen(1, extra, 999)])
    order.shuffle(more.seen)
    pair = np.array([packed(0, 1)], np.int64)
    before = scorer_of(gathered_of(base, scratch), Settings()).over_the_line(pair)
    after = scorer_of(gathered_of(more, scratch), Settings()).over_the_line(pair)
    assert after[0] >= before[0]


def test_hubs_need_independent_holders_whatever_the_size(tmp_path: Path) -> None:
    world = World(list(range(3000)))
    world.share("ip", 1, range(1500))
    world.share("ip", 2, range(2000, 2900))
    for start in range(2000, 2900, 3):
        world.share("device_id", 10_000 + start, range(start, start + 3))
    gathered = gathered_of(world, tmp_path)
    hubs = find_hubs(gathered, Settings())
    by_value = dict(zip(gathered.value_number.tolist(), hubs.is_hub.tolist(), strict=True))
    assert by_value[1] is True
    assert by_value[2] is False
