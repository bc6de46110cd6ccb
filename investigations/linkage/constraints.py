"""What people decided of pairs of accounts: one hand ("must"), or never in one cluster ("cannot").

Clusters obey. What can't be obeyed stops no run: it is left out and reported, with the accounts that it is about.
See docs/theory/clusters.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from investigations.linkage import types
from investigations.linkage.gather import Ints, SmallInts, column_ints
from investigations.linkage.kernels import NO_TIME

KINDS = ("must", "cannot")
PROBLEMS = {
    "unknown_kind": "left out: a constraint is must or cannot",
    "unknown_account": "left out: an account is not in the data",
    "same_account": "left out: both ends are one account",
    "declared_together": "left out: a verified declaration says that the accounts have one owner",
    "contradiction": "the two are kept apart; the chain that says they are of one hand is left out",
}
"""What can be wrong with a constraint, and what is done then."""
CAPACITY = 12_000
"""A link's weight is a multiple of one over this (cluster.py)."""


@dataclass(frozen=True)
class Conflict:
    """A constraint that could not be obeyed, or of two that contradict each other the one that was."""

    problem: str
    """One of PROBLEMS."""
    kind: str
    a: int | None
    b: int | None
    accounts: tuple[int, ...]
    """Of a contradiction the chain of musts from a to b; else the accounts that are in the data."""


@dataclass(frozen=True)
class Constraints:
    """The constraints that hold, in units."""

    group: Ints
    """By unit the smallest of those that it must be with, itself at least."""
    cannot: Ints
    """Rows of two groups that can't be in one cluster, the smaller first, distinct and ascending."""
    conflicts: tuple[Conflict, ...] = ()
    n_must: int = 0
    n_cannot: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing constrains clusters."""
        return not self.n_must and not self.n_cannot

    def counts(self) -> dict[str, int]:
        """For the statistics: constraints that hold, and conflicts."""
        return {"must": self.n_must, "cannot": self.n_cannot, "conflicts": len(self.conflicts)}


@dataclass
class _Read:
    """Constraints by kind in units, the smaller first, with an account of each: those that the pair was given by."""

    must: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    cannot: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


def no_constraints(n_units: int) -> Constraints:
    """Nothing to obey."""
    return Constraints(np.arange(n_units, dtype=np.int64), np.empty((0, 2), np.int64))


def constraints_from(table: pa.Table, accounts: Ints, unit_of: SmallInts, n_units: int) -> Constraints:
    """The constraints of a table (types.CONSTRAINTS) that can be obeyed, and a conflict for each that can't.

    Cannot beats must, since a false link hurts a person: of the chain of musts that contradicts one, all are left out.
    Cost: sorting the constraints, and for each contradiction a walk over the musts.
    """
    if not table.num_rows:
        return no_constraints(n_units)
    read = _Read()
    for a, b, kind in _distinct(table):
        _take(read, a, b, kind, accounts, unit_of)
    _contradictions_out(read)
    group = _groups(read.must, n_units)
    pairs = {_ordered(int(group[u]), int(group[v])) for u, v in read.cannot}
    conflicts = sorted(read.conflicts, key=lambda c: (c.a or 0, c.b or 0, c.kind, c.problem))
    cannot = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return Constraints(group, cannot, tuple(conflicts), len(read.must), len(read.cannot))


def conflicts_table(constraints: Constraints) -> pa.Table:
    """CONFLICTS, by the pair of accounts."""
    rows = constraints.conflicts
    return pa.table(
        {
            "a": [row.a for row in rows],
            "b": [row.b for row in rows],
            "kind": [row.kind for row in rows],
            "problem": [row.problem for row in rows],
            "accounts": [list(row.accounts) for row in rows],
            "done": [PROBLEMS[row.problem] for row in rows],
        },
        schema=types.CONFLICTS,
    )


def contracted(pairs: Ints, constraints: Constraints) -> Ints:
    """The pairs of units as pairs of their groups, without those inside one; parallel ones stay, in their order."""
    a, b = constraints.group[pairs >> 32], constraints.group[pairs & 0xFFFFFFFF]
    return np.asarray(((np.minimum(a, b) << 32) | np.maximum(a, b))[a != b], np.int64)


def outside(pairs: Ints, constraints: Constraints) -> npt.NDArray[np.bool_]:
    """Which pairs join two groups."""
    return np.asarray(constraints.group[pairs >> 32] != constraints.group[pairs & 0xFFFFFFFF])


def whole(parts: list[Ints], constraints: Constraints) -> list[Ints]:
    """The parts, given as groups, with all units of each; groups of several units that are in none are parts too."""
    order = np.argsort(constraints.group, kind="stable")
    sorted_groups = constraints.group[order]
    seen = np.zeros(constraints.group.size, bool)
    for part in parts:
        seen[part] = True
    sizes = np.bincount(constraints.group, minlength=constraints.group.size)
    alone = np.flatnonzero((sizes > 1) & ~seen)
    made = []
    for part in (*parts, *(np.array([group]) for group in alone)):
        low, high = np.searchsorted(sorted_groups, part, "left"), np.searchsorted(sorted_groups, part, "right")
        units = [order[start:end] for start, end in zip(low, high, strict=True)]
        made.append(np.sort(np.concatenate(units)).astype(np.int64))
    return made


def kept_apart(graph: csr_array, parts: list[Ints], constraints: Constraints) -> list[Ints]:
    """The parts, each cut until no two groups that can't be together are in one.

    A cut takes the links of least weight in all (a minimum cut between the two), so that it goes through what joins
    two networks, and where there is no such place only the account itself is cut off.
    """
    part_of = np.full(graph.shape[0], -1, np.int64)
    for number, part in enumerate(parts):
        part_of[part] = number
    done = list(parts)
    for one, other in constraints.cannot.tolist():
        number = int(part_of[one])
        if number < 0 or number != part_of[other]:
            continue
        nodes = done[number]
        near = _near(csr_array(graph[nodes][:, nodes]), *np.searchsorted(nodes, [one, other]).tolist())
        part_of[nodes[near]] = len(done)
        done.append(nodes[near])
        done[number] = nodes[~near]
    return done


def joins_allowed(pairs: Ints, labels: Ints, constraints: Constraints) -> npt.NDArray[np.bool_]:
    """Which of the pairs, each of one unit in a cluster and one in none, may bring the latter into the cluster.

    Units come in ascending order: of two that can't be together and would join one cluster the smaller does.
    """
    allowed = np.ones(pairs.size, bool)
    if not constraints.cannot.size:
        return allowed
    apart: dict[int, set[int]] = {}
    for one, other in constraints.cannot.tolist():
        apart.setdefault(one, set()).add(other)
        apart.setdefault(other, set()).add(one)
    inside: dict[int, set[int]] = {}
    for group in apart:
        inside.setdefault(int(labels[group]), set()).add(group)
    a, b = pairs >> 32, pairs & 0xFFFFFFFF
    unit, cluster = np.where(labels[a] < 0, a, b), np.maximum(labels[a], labels[b])
    for joining in sorted(set(unit.tolist()) & set(apart)):
        mine = unit == joining
        target = inside.setdefault(int(cluster[mine][0]), set())
        if apart[joining] & target:
            allowed[mine] = False
        else:
            target.add(joining)
    return allowed


def _near(part: csr_array, source: int, sink: int) -> npt.NDArray[np.bool_]:
    """The nodes on the source's side of the minimum cut with the fewest there, which is unique."""
    capacity = csr_array((np.rint(part.data * CAPACITY).astype(np.int32), part.indices, part.indptr), shape=part.shape)
    capacity.indices, capacity.indptr = capacity.indices.astype(np.int32), capacity.indptr.astype(np.int32)
    left = csr_array(capacity - maximum_flow(capacity, source, sink).flow)
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    near = np.zeros(part.shape[0], bool)
    near[breadth_first_order(left, source, return_predecessors=False)] = True
    return near


def _distinct(table: pa.Table) -> Iterator[tuple[int | None, int | None, str]]:
    """The rows, each once, with the smaller account first."""
    ends = [column_ints(table, name).tolist() for name in ("a", "b")]
    kinds = [str(kind) for kind in table["kind"].cast(pa.string()).to_pylist()]
    for a, b, kind in sorted({(*_ordered(a, b), kind) for a, b, kind in zip(*ends, kinds, strict=True)}):
        yield None if a == NO_TIME else a, None if b == NO_TIME else b, kind


def _take(read: _Read, a: int | None, b: int | None, kind: str, accounts: Ints, unit_of: SmallInts) -> None:
    """Puts one constraint where it belongs: among those that hold, or the conflicts."""
    known = [account for account in (a, b) if account is not None and _place(accounts, account) >= 0]
    problem = ""
    if kind not in KINDS:
        problem = "unknown_kind"
    elif len(known) < 2 or a is None or b is None:
        problem = "unknown_account"
    elif a == b:
        problem = "same_account"
    else:
        (u, a), (v, b) = sorted((int(unit_of[_place(accounts, end)]), end) for end in (a, b))
        if u != v:
            (read.must if kind == "must" else read.cannot).setdefault((u, v), (a, b))
            return
        if kind == "must":
            return
        problem = "declared_together"
    read.conflicts.append(Conflict(problem, kind, a, b, tuple(dict.fromkeys(known))))


def _contradictions_out(read: _Read) -> None:
    """Takes out the musts of every chain between two units that can't be together, the shortest chain first."""
    near = _neighbours(read.must)
    named = {unit: a for units, ends in read.must.items() for unit, a in zip(units, ends, strict=True)}
    for (start, end), (a, b) in sorted(read.cannot.items()):
        while chain := _chain(near, start, end):
            accounts = (a, *(named[unit] for unit in chain[1:-1]), b)
            read.conflicts.append(Conflict("contradiction", "cannot", a, b, accounts))
            for u, v in pairwise(chain):
                read.must.pop(_ordered(u, v), None)
                near[u].discard(v)
                near[v].discard(u)


def _chain(near: dict[int, set[int]], start: int, end: int) -> list[int]:
    """The shortest chain from one to the other, of equals the one over the smaller units; empty when there is none."""
    came: dict[int, int] = {start: start}
    waiting = deque([start])
    while waiting:
        unit = waiting.popleft()
        for other in sorted(near.get(unit, ())):
            if other not in came:
                came[other] = unit
                waiting.append(other)
    if end not in came:
        return []
    chain = [end]
    while chain[-1] != start:
        chain.append(came[chain[-1]])
    return chain[::-1]


def _groups(must: Iterable[tuple[int, int]], n_units: int) -> Ints:
    """The smallest unit of each unit's chain of musts."""
    group = np.arange(n_units, dtype=np.int64)
    near = _neighbours(must)
    for start in sorted(near):
        if group[start] != start:
            continue
        waiting = [start]
        while waiting:
            for other in near[waiting.pop()]:
                if other > start and group[other] == other:
                    group[other] = start
                    waiting.append(other)
    return group


def _neighbours(must: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    near: dict[int, set[int]] = {}
    for u, v in must:
        near.setdefault(u, set()).add(v)
        near.setdefault(v, set()).add(u)
    return near


def _place(accounts: Ints, account: int) -> int:
    """Where the account stands among all, ascending; -1: nowhere."""
    place = int(np.searchsorted(accounts, account))
    return place if place < accounts.size and accounts[place] == account else -1


def _ordered(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one <= other else (other, one)
