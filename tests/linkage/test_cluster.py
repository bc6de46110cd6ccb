"""Clusters, cut vertices and parts: against networkx on random graphs, and planted groups."""

from __future__ import annotations

import random

import networkx as nx
import numpy as np
import pytest

from investigations.linkage import Settings
from investigations.linkage.cluster import cluster_units
from investigations.linkage.position import cut_sizes
from investigations.linkage.tables import group_median, parts_of


def labels_of(edges: list[tuple[int, int]], n: int, bits: int = 6000) -> np.ndarray:
    pairs = np.array(sorted((min(e) << 32) | max(e) for e in edges), np.int64)
    weights = np.full(pairs.size, bits, np.int32)
    return cluster_units(pairs, weights, np.arange(n, dtype=np.int64), np.ones(n, np.int32), Settings())


def regular(n: int, degree: int, seed: int, first: int = 0) -> list[tuple[int, int]]:
    return [(a + first, b + first) for a, b in nx.random_regular_graph(degree, n, seed=seed).edges]


def test_it_keeps_a_large_sparse_network_in_one_piece() -> None:
    assert set(labels_of(regular(5000, 10, 1), 5000).tolist()) == {0}


def test_it_keeps_two_networks_apart_that_one_link_joins() -> None:
    edges = [*regular(60, 8, 1), *regular(40, 8, 2, first=60), (3, 70)]
    labels = labels_of(edges, 100)
    assert set(labels[:60].tolist()) == {0}
    assert set(labels[60:].tolist()) == {1}


def test_a_component_is_cut_the_same_whatever_else_there_is() -> None:
    one = [*regular(30, 6, 3), *regular(30, 6, 4, first=30), (0, 45)]
    alone = labels_of(one, 60)
    beside = labels_of([*one, *regular(200, 10, 5, first=60)], 260)[:60]
    assert len(set(zip(alone.tolist(), beside.tolist(), strict=True))) == len(set(alone.tolist()))


def test_it_numbers_clusters_by_size_then_smallest_account() -> None:
    labels = labels_of([(7, 8), (1, 2), (4, 5), (5, 6), (4, 6)], 10)
    assert labels.tolist() == [-1, 1, 1, -1, 0, 0, 0, 2, 2, -1]
    assert cluster_units(
        np.empty(0, np.int64), np.empty(0, np.int32), np.arange(3), np.ones(3, np.int32), Settings()
    ).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("seed", range(8))
def test_cut_sizes_are_what_removal_does(seed: int) -> None:
    chance = random.Random(seed)
    graph = nx.gnm_random_graph(24, chance.randrange(18, 34), seed=seed)
    matrix = nx.to_scipy_sparse_array(graph, nodelist=range(24), format="csr")
    matrix.sort_indices()
    found = cut_sizes(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64))
    for node in graph:
        part = graph.subgraph(nx.node_connected_component(graph, node)).copy()
        part.remove_node(node)
        sizes = [len(one) for one in nx.connected_components(part)]
        assert found[node] == sum(sizes) - max(sizes, default=0), node


@pytest.mark.parametrize("seed", range(4))
def test_parts_are_connected_components_inside_each_cluster(seed: int) -> None:
    graph = nx.gnm_random_graph(30, 20, seed=seed)
    labels = np.array([node % 3 for node in range(30)], np.int64)
    edges = [(a, b) for a, b in graph.edges if a % 3 == b % 3]
    a, b = (np.array([edge[end] for edge in edges], np.int64) for end in (0, 1))
    wanted = []
    for number in range(3):
        part = nx.Graph([edge for edge in edges if edge[0] % 3 == number])
        part.add_nodes_from(range(number, 30, 3))
        wanted.append(nx.number_connected_components(part))
    assert parts_of(a, b, labels, 3).tolist() == wanted


def test_a_median_is_the_lower_one_and_zero_for_nothing() -> None:
    groups, values = np.array([0, 0, 2, 2, 2]), np.array([4, 1, 9, 7, 8])
    assert group_median(groups, values, 4).tolist() == [1, 0, 8, 0]
