"""What people decided of pairs: obeyed by clusters, reported where it can't be."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from investigations.linkage import Result, Settings, run, types
from investigations.linkage.cluster import cluster_units, graph_from
from investigations.linkage.constraints import Constraints, constraints_from, joins_allowed, kept_apart
from tests.linkage import worlds
from tests.linkage.worlds import World

Rows = list[tuple[int | None, int | None, str]]


def table(rows: Rows) -> pa.Table:
    a, b, kind = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table({"a": a, "b": b, "kind": kind}, schema=types.CONSTRAINTS)


def held(rows: Rows, n: int, unit_of: list[int] | None = None) -> Constraints:
    units = np.array(unit_of if unit_of is not None else range(n), np.int32)
    return constraints_from(table(rows), np.arange(n, dtype=np.int64), units, int(units.max()) + 1)


def labels_of(edges: list[tuple[int, int]], n: int, rows: Rows) -> list[int]:
    pairs = np.array(sorted((min(e) << 32) | max(e) for e in edges), np.int64)
    bits = np.full(pairs.size, 6000, np.int32)
    found = cluster_units(pairs, bits, np.arange(n), np.ones(n, np.int32), Settings(), held(rows, n))
    return [int(label) for label in found]


def regular(n: int, degree: int, seed: int, first: int = 0) -> list[tuple[int, int]]:
    return [(a + first, b + first) for a, b in nx.random_regular_graph(degree, n, seed=seed).edges]


def result_of(world: World, folder: Path, rows: Rows, shuffle: int | None = None) -> Result:
    given = replace(worlds.inputs(world, shuffle=shuffle), constraints=table(rows))
    return run(given, Settings(), workdir=folder)


def cluster_of(result: Result) -> dict[int, int]:
    return dict(zip(result.members["account"].to_pylist(), result.members["cluster"].to_pylist(), strict=True))


def test_it_puts_two_networks_together_that_must_be() -> None:
    edges = [*regular(20, 6, 1), *regular(20, 6, 2, first=20)]
    assert len(set(labels_of(edges, 40, []))) == 2
    assert set(labels_of(edges, 40, [(3, 30, "must")])) == {0}


def test_it_makes_a_cluster_of_accounts_that_must_be_together_and_share_nothing() -> None:
    assert labels_of([], 5, [(4, 1, "must"), (4, 2, "must")]) == [-1, 0, 0, -1, 0]


def test_it_cuts_where_two_networks_join_and_not_around_one_account() -> None:
    edges = sorted([*regular(12, 8, 1), *regular(12, 8, 2, first=12), *((i, i + 12) for i in range(5))])
    pairs = np.array([(min(e) << 32) | max(e) for e in edges], np.int64)
    graph = graph_from(pairs, np.ones(pairs.size), 24)
    parts = kept_apart(graph, [np.arange(24)], held([(7, 19, "cannot")], 24))
    assert sorted(map(sorted, parts)) == [list(range(12)), list(range(12, 24))]


def test_it_cuts_one_account_off_where_there_is_no_better_place() -> None:
    edges = [(a, b) for a in range(8) for b in range(a)]
    labels = labels_of(edges, 8, [(2, 5, "cannot")])
    assert labels == [0, 0, -1, 0, 0, 0, 0, 0]


def test_it_keeps_all_of_several_accounts_apart() -> None:
    edges = [(a, b) for a in range(9) for b in range(a)]
    labels = labels_of(edges, 9, [(a, b, "cannot") for a in range(4) for b in range(a)])
    assert all(labels[a] < 0 or labels[a] != labels[b] for a in range(4) for b in range(a))
    assert set(labels[4:]) == {0}


def test_it_lets_a_must_take_its_cluster_along_to_the_right_side() -> None:
    edges = [(a, b) for a in range(8) for b in range(a)]
    labels = labels_of(edges, 10, [(2, 5, "cannot"), (2, 9, "must"), (9, 8, "must")])
    assert labels[2] == labels[9] == labels[8] != labels[5]
    assert labels[5] == labels[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_takes_as_little_as_networkx_says(seed: int) -> None:
    chance = random.Random(seed)
    graph = nx.gnm_random_graph(14, 40, seed=seed)
    graph.add_edges_from(pairwise(range(14)))
    for a, b in graph.edges:
        graph.edges[a, b]["capacity"] = chance.choice([6000, 7500, 9000, 12000])
    edges = sorted(graph.edges)
    weights = np.array([graph.edges[e]["capacity"] / 12000 for e in edges])
    matrix = graph_from(np.array([(a << 32) | b for a, b in edges], np.int64), weights, 14)
    parts = kept_apart(matrix, [np.arange(14)], held([(2, 11, "cannot")], 14))
    assert len(parts) == 2
    side = {int(node): number for number, part in enumerate(parts) for node in part}
    assert side[2] != side[11]
    cost = sum(graph.edges[a, b]["capacity"] for a, b in edges if side[a] != side[b])
    assert cost == nx.minimum_cut_value(graph, 2, 11)


def test_it_reports_what_cannot_be_obeyed_and_obeys_the_rest() -> None:
    rows: Rows = [
        (1, 1, "must"),
        (99, 2, "cannot"),
        (None, 3, "must"),
        (1, 2, "maybe"),
        (4, 5, "cannot"),
        (6, 7, "must"),
        (2, 3, "cannot"),
        (3, 2, "cannot"),
    ]
    found = held(rows, 8, [0, 1, 2, 3, 4, 4, 5, 6])
    told = [(c.problem, c.kind, c.a, c.b, c.accounts) for c in found.conflicts]
    assert told == [
        ("unknown_account", "must", None, 3, (3,)),
        ("same_account", "must", 1, 1, (1,)),
        ("unknown_kind", "maybe", 1, 2, (1, 2)),
        ("unknown_account", "cannot", 2, 99, (2,)),
        ("declared_together", "cannot", 4, 5, (4, 5)),
    ]
    assert found.group.tolist() == [0, 1, 2, 3, 4, 5, 5]
    assert found.cannot.tolist() == [[2, 3]]
    assert found.counts() == {"must": 1, "cannot": 1, "conflicts": 5}


def test_a_cannot_beats_the_chain_of_musts_that_contradicts_it() -> None:
    rows: Rows = [(1, 2, "must"), (2, 3, "must"), (3, 4, "must"), (4, 1, "cannot"), (3, 5, "must"), (6, 7, "must")]
    found = held(rows, 8)
    assert [(c.problem, c.accounts) for c in found.conflicts] == [("contradiction", (1, 2, 3, 4))]
    assert found.group.tolist() == [0, 1, 2, 3, 4, 3, 6, 6]
    assert found.cannot.tolist() == [[1, 4]]


def test_it_reports_both_ways_round_when_two_chains_contradict() -> None:
    rows: Rows = [(1, 4, "must"), (1, 2, "must"), (2, 4, "must"), (1, 4, "cannot")]
    found = held(rows, 5)
    assert [c.accounts for c in found.conflicts] == [(1, 4), (1, 2, 4)]
    assert found.group.tolist() == [0, 1, 2, 3, 4]


def test_an_account_does_not_join_the_cluster_that_it_cannot_be_in() -> None:
    labels = np.array([0, 0, 0, -1, -1, 1, 1], np.int64)
    pairs = np.array([(0 << 32) | 3, (1 << 32) | 3, (2 << 32) | 4], np.int64)
    assert joins_allowed(pairs, labels, held([(3, 2, "cannot")], 7)).tolist() == [False, False, True]
    assert joins_allowed(pairs, labels, held([(3, 6, "cannot")], 7)).tolist() == [True, True, True]
    assert joins_allowed(pairs, labels, held([(3, 4, "cannot")], 7)).tolist() == [True, True, False]


def test_a_run_obeys_and_reports_what_it_did(tmp_path: Path) -> None:
    world = worlds.planted(3)
    first = sorted(account for account, name in world.truth.items() if name == "op0")
    second = sorted(account for account, name in world.truth.items() if name == "op1")
    rows: Rows = [(first[0], second[0], "must"), (5, 6, "must"), (5, 6, "cannot"), (7, 7, "cannot")]
    result = result_of(world, tmp_path / "must", rows)
    clusters = cluster_of(result)
    assert len({clusters[account] for account in [*first, *second]}) == 1
    assert 5 not in clusters
    told = [(row["problem"], row["accounts"]) for row in result.conflicts.to_pylist()]
    assert told == [("contradiction", [5, 6]), ("same_account", [7])]
    assert result.statistics | {"must": 1, "cannot": 1, "conflicts": 2} == result.statistics
    cut = cluster_of(result_of(world, tmp_path / "cannot", [(first[0], first[-1], "cannot")]))
    assert cut.get(first[0], -1) != cut.get(first[-1], -2)


def test_a_must_alone_makes_nobody_actionable(tmp_path: Path) -> None:
    chain = list(range(20, 40))
    world = World(list(range(200)))
    result = result_of(world, tmp_path, [(a, b, "must") for a, b in pairwise(chain)])
    assert set(cluster_of(result)) == set(chain)
    assert {(row["position"], row["actionable"]) for row in result.members.to_pylist()} == {("periphery", False)}


def test_another_order_of_constraints_gives_the_same_bytes(tmp_path: Path) -> None:
    world = worlds.planted(4)
    mine = sorted(world.truth)
    chance = random.Random(1)
    rows: Rows = [(*chance.sample(mine, 2), chance.choice(["must", "cannot"])) for _ in range(60)]  # type: ignore[misc]
    once = result_of(world, tmp_path / "a", rows)
    turned: Rows = [(b, a, kind) for a, b, kind in rows]
    chance.shuffle(turned)
    again = result_of(world, tmp_path / "b", turned + turned[:9], shuffle=2)
    assert once.conflicts.num_rows > 0
    assert worlds.as_bytes(once) == worlds.as_bytes(again)


def test_a_run_begins_anew_when_people_decided_something_else(tmp_path: Path) -> None:
    world = worlds.planted(5)
    before = cluster_of(result_of(world, tmp_path, []))
    assert 1 not in before
    assert 1 in cluster_of(result_of(world, tmp_path, [(1, 2, "must")]))


def test_a_marked_value_is_a_hub_whatever_the_test_says(tmp_path: Path) -> None:
    world = worlds.planted(3)
    mine = {account for account, name in world.truth.items() if name == "op0"}
    given = worlds.inputs(world)
    before = run(given, Settings(), workdir=tmp_path / "a")
    assert mine <= set(cluster_of(before))
    assert not any(row["marked"] for row in before.hubs.to_pylist())
    named = sorted({(seen.kind, seen.value) for seen in world.seen if seen.account in mine and seen.value > 20_500})
    kinds, values = zip(*[*named, ("ip", 30_000), ("unheard of", 1)], strict=True)
    marked = replace(given, marked=pa.table({"kind": kinds, "value": values}, schema=types.MARKED))
    after = run(marked, Settings(), workdir=tmp_path / "a")
    assert not mine & set(cluster_of(after))
    assert set(cluster_of(before)) - mine <= set(cluster_of(after))
    told = {(row["kind"], row["value"]): row for row in after.hubs.to_pylist() if row["marked"]}
    assert set(told) == {key for key in named if key[1] < 20_400 or key[1] >= 30_000}
    assert all(row["is_hub"] for row in told.values())
    assert {row["independence"] for row in told.values() if row["holders"] < 8} == {None}
    assert after.statistics["hubs_marked"] == len(told)
