"""Weights learned from a run's own data: what teaches, what does not, and what cheap evidence can never do."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from investigations.linkage import Result, Settings, run
from investigations.linkage.lanes import lanes_of
from investigations.linkage.learn import assumed, weights_from_dict
from investigations.linkage.model import model_weights
from tests.linkage import worlds
from tests.linkage.worlds import World


def known(result: Result, kind: str, level: int = 1) -> int:
    """Learned millibits of a value of the kind; level 1 is two holders."""
    return int(result.model["weights"]["by_kind"][kind][level])


def three_views(seed: int, *, honest: int = 1500, operators: int = 40) -> World:
    """Pairs of one hand that share a card and a machine; notes that strangers share in pairs at random."""
    chance = random.Random(seed)
    world = World(list(range(honest + 2 * operators)))
    for operator in range(operators):
        pair = [honest + 2 * operator, honest + 2 * operator + 1]
        world.share("payment_fingerprint", 10_000 + operator, pair)
        world.share("device_id", 20_000 + operator, pair)
        world.share("email", 30_000 + operator, pair)
    for note in range(300):
        world.share("note", 40_000 + note, chance.sample(range(honest), 2))
    return world


@pytest.mark.parametrize("seed", range(3))
def test_a_kind_that_matches_share_gains_and_one_that_strangers_share_loses(tmp_path: Path, seed: int) -> None:
    result = run(worlds.inputs(three_views(seed)), Settings(), workdir=tmp_path)
    assert known(result, "payment_fingerprint") > known(result, "note") + 4000
    members = set(result.members["account"].to_pylist())
    assert members == set(range(1500, 1580))


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_rows_teaches_nothing(tmp_path: Path, seed: int) -> None:
    world = three_views(seed)
    models = [
        run(worlds.inputs(world, shuffle=shuffle), Settings(), workdir=tmp_path / str(shuffle)).model["weights"]
        for shuffle in (1, 2)
    ]
    assert models[0] == models[1]


def test_two_views_teach_nothing(tmp_path: Path) -> None:
    world = World(list(range(500)))
    for operator in range(20):
        world.share("payment_fingerprint", 1000 + operator, [2 * operator, 2 * operator + 1])
        world.share("device_id", 2000 + operator, [2 * operator, 2 * operator + 1])
    settings = Settings()
    result = run(worlds.inputs(world), settings, workdir=tmp_path)
    kinds = tuple(kind["kind"] for kind in result.model["kinds"])
    lanes = lanes_of(kinds, np.array([2, 0], np.int8)[: len(kinds)], settings)
    families = [kind["family"] for kind in result.model["kinds"]]
    wanted = assumed(500, families, lanes, settings)
    assert [result.model["weights"]["by_kind"][kind] for kind in kinds] == wanted.by_kind.tolist()
    assert result.model["prior_millibits"] == wanted.prior


def test_the_model_file_gives_the_weights_back(tmp_path: Path) -> None:
    model = run(worlds.inputs(three_views(1)), Settings(), workdir=tmp_path).model
    again = model_weights(model, Settings())
    assert again.prior == model["prior_millibits"]
    lanes = lanes_of(tuple(model["weights"]["by_kind"]), np.zeros(len(model["kinds"]), np.int8), Settings())
    with pytest.raises(KeyError):
        weights_from_dict(model["weights"], ("nothing like it",), lanes, 0)


def test_cheap_evidence_alone_never_links_however_much_there_is(tmp_path: Path) -> None:
    world = three_views(2)
    crowd = range(100, 112)
    for value in range(8):
        world.share("ip", 90_000 + value, crowd)
        world.share("tls_fingerprint", 91_000 + value, crowd)
    world.share("ip_range", 92_000, crowd)
    result = run(worlds.inputs(world), Settings(), workdir=tmp_path)
    assert not set(crowd) & set(result.members["account"].to_pylist())
    world.share("device_id", 93_000, crowd)
    result = run(worlds.inputs(world), Settings(), workdir=tmp_path / "with a machine")
    assert set(crowd) <= set(result.members["account"].to_pylist())
