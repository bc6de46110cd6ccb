"""Accounts that join a cluster by values that hardly anybody else holds: at the edge, never in the core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from investigations.linkage import Result, Settings, run
from investigations.linkage.admit import labels_with
from investigations.linkage.pair import explain_pair, holdings_read
from tests.linkage import worlds
from tests.linkage.worlds import World

HONEST = list(range(1000, 3000))
RING = list(range(30))
EDGE = 500


def ring(*, template: tuple[int, ...] = (EDGE,), network: tuple[int, ...] = (EDGE,)) -> World:
    """Thirty accounts with cards and devices in common; those named hold the ring's template or its range, too."""
    world = World([*RING, *range(500, 520), *HONEST])
    for i in RING:
        world.share("payment_fingerprint", i // 3, [i])
        world.share("device_id", i // 2, [i])
        world.share("device_id", 100 + (i + 1) // 2 % 15, [i])
    world.share("email", 7, RING[::2])
    world.share("system_fingerprint", 9, [*RING, *template])
    world.share("ip_range", 3, [*RING, *network])
    for place, account in enumerate(HONEST):
        world.share("ip", place // 2, [account])
        world.share("tls_fingerprint", place % 40, [account])
    return world


def result_of(world: World, folder: Path, settings: Settings | None = None) -> Result:
    given = worlds.inputs(world)
    families = {**given.families, "system_fingerprint": "content"}
    return run(
        type(given)(given.accounts, given.sightings, given.declared, (), families),
        settings or Settings(),
        workdir=folder,
    )


def row_of(result: Result, account: int) -> dict[str, object] | None:
    return next((row for row in result.members.to_pylist() if row["account"] == account), None)


def test_an_account_whose_values_only_a_cluster_holds_joins_it_at_the_edge(tmp_path: Path) -> None:
    result = result_of(ring(), tmp_path)
    mine, theirs = row_of(result, EDGE), row_of(result, 0)
    assert mine is not None and theirs is not None
    assert mine["cluster"] == theirs["cluster"]
    assert mine["position"] != "core" and not mine["actionable"]
    links = [row for row in result.links.to_pylist() if EDGE in (row["a"], row["b"])]
    assert links and all(row["bits"] == round(1000 * Settings().admit_bits) for row in links)
    told = [row for row in result.evidence.to_pylist() if row["kind"] == "membership"]
    assert told and all(row["seen"] == 30 and row["expected"] < 1_000_000 for row in told)


def test_its_link_is_explained_with_the_same_bits(tmp_path: Path) -> None:
    result = result_of(ring(), tmp_path)
    link = next(row for row in result.links.to_pylist() if EDGE in (row["a"], row["b"]))
    held = holdings_read(tmp_path, (link["a"], link["b"]), result.model)
    assert held is not None
    assert explain_pair(*held, result.model).bits == link["bits"]


@pytest.mark.parametrize(
    "world",
    [
        ring(network=()),
        ring(template=()),
        ring(template=(EDGE, *HONEST[:300]), network=(EDGE, *HONEST[300:600])),
    ],
    ids=["one way only", "the other way only", "many others hold them"],
)
def test_less_than_that_admits_nobody(world: World, tmp_path: Path) -> None:
    assert row_of(result_of(world, tmp_path), EDGE) is None


def test_what_a_third_party_can_copy_admits_nobody(tmp_path: Path) -> None:
    settings = Settings(third_party_kinds=("system_fingerprint",))
    assert row_of(result_of(ring(), tmp_path, settings), EDGE) is None


def test_it_can_be_made_as_hard_as_one_likes(tmp_path: Path) -> None:
    assert row_of(result_of(ring(), tmp_path, Settings(admit_odds_bits=60)), EDGE) is None


def test_accounts_that_join_keep_clusters_ordered_by_size() -> None:
    labels = np.array([0, 0, 1, 1, -1, -1], np.int64)
    joins = np.array([(2 << 32) | 4, (3 << 32) | 5], np.int64)
    found = labels_with(labels, joins, np.arange(6), np.ones(6, np.int32))
    assert found.tolist() == [1, 1, 0, 0, 0, 0]
