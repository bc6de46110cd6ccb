"""Step 5: clusters, by Leiden with the constant Potts model (CPM) inside each connected component of the backbone.

CPM at one resolution for everything either shatters large sparse networks or fuses small ones. Here each component
gets a share of its own density as resolution, and each part found is a component of its own again until it holds
together. Whatever lies outside a component never changes what is found inside it. See docs/theory/clusters.md.
"""

from __future__ import annotations

import graspologic_native
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from investigations.linkage.constraints import Constraints, contracted, kept_apart, no_constraints, outside, whole
from investigations.linkage.gather import Ints, SmallInts
from investigations.linkage.settings import Settings

FULL_WEIGHT = 6000
"""Millibits over the line from which a link counts fully; one on the line counts half."""
ROUNDS = 20


def link_weights(bits: SmallInts) -> npt.NDArray[np.float64]:
    """About the probability that a link is right, as a multiple of 1/12000: linear from a half on the line to one."""
    return (FULL_WEIGHT + np.minimum(bits, FULL_WEIGHT)) / (2 * FULL_WEIGHT)


def graph_from(pairs: Ints, weights: npt.NDArray[np.float64], n: int) -> csr_array:
    """A symmetric matrix with sorted columns."""
    a, b = pairs >> 32, pairs & 0xFFFFFFFF
    rows, columns = np.concatenate([a, b]), np.concatenate([b, a])
    graph = csr_array(coo_array((np.concatenate([weights, weights]), (rows, columns)), shape=(n, n)))
    graph.sort_indices()
    return graph


def cluster_units(
    pairs: Ints,
    bits: SmallInts,
    unit_account: Ints,
    unit_size: SmallInts,
    settings: Settings,
    constraints: Constraints | None = None,
) -> Ints:
    """The cluster of each unit, -1 for none: dense numbers by descending accounts, then smallest account.

    Units that must be together are one node of the graph; parts are cut until none holds two that can't be.
    """
    n = unit_account.size
    held = constraints or no_constraints(n)
    if not pairs.size and held.is_empty:
        return np.full(n, -1, np.int64)
    graph = graph_from(contracted(pairs, held), link_weights(bits)[outside(pairs, held)], n)
    _, component = connected_components(graph, directed=False)
    parts: list[Ints] = []
    for nodes in groups_of(component):
        if nodes.size > 1:
            parts.extend(_split(graph, nodes, unit_account, settings))
    if not held.is_empty:
        parts = whole(kept_apart(graph, parts, held), held)
    return numbered(parts, unit_account, unit_size)


def groups_of(labels: npt.NDArray[np.integer]) -> list[Ints]:
    """The ascending positions of each label."""
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    return [np.asarray(part, np.int64) for part in np.split(order, cuts)] if labels.size else []


def numbered(parts: list[Ints], unit_account: Ints, unit_size: SmallInts) -> Ints:
    """A number for each part of two units or more."""
    real = [part for part in parts if part.size > 1]
    real.sort(key=lambda part: (-int(unit_size[part].sum()), int(unit_account[part].min())))
    labels = np.full(unit_account.size, -1, np.int64)
    for number, part in enumerate(real):
        labels[part] = number
    return labels


def _split(graph: csr_array, nodes: Ints, unit_account: Ints, settings: Settings) -> list[Ints]:
    """The parts of a connected component that hold together by themselves."""
    done: list[Ints] = []
    waiting = [nodes]
    while waiting:
        nodes = waiting.pop()
        if nodes.size < 4:
            done.append(nodes)
            continue
        part = csr_array(graph[nodes][:, nodes])
        part.sort_indices()
        labels = absorbed(part, _leiden(part, int(unit_account[nodes].min()), settings))
        found = groups_of(labels)
        if len(found) == 1:
            done.append(nodes)
        else:
            waiting.extend(nodes[group] for group in found)
    return done


def _leiden(part: csr_array, smallest: int, settings: Settings) -> Ints:
    """Communities of one connected graph, its resolution relative to its own density."""
    n = part.shape[0]
    density = float(part.sum()) / (n * n)
    _, found = graspologic_native.leiden_csr(
        part.indptr.astype(np.int64),
        part.indices.astype(np.int32),
        part.data.astype(np.float64),
        n,
        resolution=settings.resolution * density,
        iterations=2,
        use_modularity=False,
        seed=(settings.seed * 1_000_003 + smallest) % 2**31,
    )
    return np.array([found.get(node, -1 - node) for node in range(n)], np.int64)


def absorbed(graph: csr_array, labels: Ints) -> Ints:
    """Labels after parts with more weight to one larger part than inside themselves have joined it.

    Leiden cuts off single accounts that hang on one strong link; they are periphery of what they hang on.
    """
    _, labels = np.unique(labels, return_inverse=True)
    entries = coo_array(graph)
    for _ in range(ROUNDS):
        n = int(labels.max(initial=-1)) + 1
        if n < 2:
            break
        between = csr_array(coo_array((entries.data, (labels[entries.row], labels[entries.col])), shape=(n, n)))
        joined = _join_once(between, np.bincount(labels, minlength=n))
        if np.array_equal(joined, np.arange(n)):
            break
        _, labels = np.unique(joined[labels], return_inverse=True)
    return np.asarray(labels, np.int64)


def _join_once(between: csr_array, sizes: Ints) -> Ints:
    """Where each part goes: to the larger part it is tied to more than to itself, or nowhere."""
    n = sizes.size
    target = np.arange(n)
    for part in range(n):
        low, high = between.indptr[part], between.indptr[part + 1]
        others, weight = between.indices[low:high], between.data[low:high]
        inside = float(weight[others == part].sum()) / 2
        larger = (sizes[others] > sizes[part]) | ((sizes[others] == sizes[part]) & (others < part))
        if not larger.any():
            continue
        best = np.lexsort((others[larger], -weight[larger]))[0]
        if weight[larger][best] > inside:
            target[part] = others[larger][best]
    while not np.array_equal(target, target[target]):
        target = target[target]
    return target
