"""What differs between two runs: planted changes, and what must add up on random ones."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from investigations.linkage import Settings, run, types
from investigations.linkage.difference import Change, Move, difference
from tests.linkage import worlds


def members(clusters: dict[int, range | list[int]], actionable: set[int] = frozenset()) -> pa.Table:  # type: ignore[assignment]
    rows = sorted((cluster, account) for cluster, accounts in clusters.items() for account in accounts)
    n = len(rows)
    return pa.table(
        {
            "cluster": [cluster for cluster, _ in rows],
            "account": [account for _, account in rows],
            "position": ["core"] * n,
            "actionable": [account in actionable for _, account in rows],
            "bits": [0] * n,
            "degree": [1] * n,
            "families": [1] * n,
            "since": [None] * n,
        },
        schema=types.MEMBERS,
    )


def test_equal_runs_differ_in_nothing_whatever_their_numbers() -> None:
    found = difference(members({0: range(5), 1: range(10, 14)}), members({1: range(5), 0: range(10, 14)}))
    assert found.is_empty
    assert found.n_kept == 2
    assert (found.entered, found.left, found.moved) == ((), (), ())


def test_it_tells_new_gone_grown_and_shrunk_with_their_numbers() -> None:
    old = members({0: range(10), 1: range(20, 26), 2: range(30, 34)})
    new = members({0: range(12), 1: range(20, 24), 2: range(40, 43)})
    found = difference(old, new)
    assert found.changes == (
        Change("new", 2, (), 0, 3, 3, 0),
        Change("gone", None, (2,), 4, 0, 0, 4),
        Change("grown", 0, (0,), 10, 12, 2, 0),
        Change("shrunk", 1, (1,), 6, 4, 0, 2),
    )
    assert [move.account for move in found.entered] == [10, 11, 40, 41, 42]
    assert found.left == tuple(Move(a, 1, None) for a in (24, 25)) + tuple(Move(a, 2, None) for a in range(30, 34))
    assert found.moved == ()


def test_a_cluster_that_went_into_another_is_merged_and_not_gone() -> None:
    found = difference(members({0: range(10), 1: range(20, 26)}), members({0: [*range(10), *range(20, 26), 50]}))
    assert found.changes == (Change("merged", 0, (0, 1), 16, 17, 1, 0),)
    assert found.moved == tuple(Move(account, 1, 0) for account in range(20, 26))


def test_each_part_of_a_cluster_that_split_is_a_change() -> None:
    found = difference(members({0: range(10)}), members({0: range(6), 1: range(6, 10)}))
    assert found.changes == (Change("split", 0, (0,), 10, 6, 0, 4), Change("split", 1, (0,), 10, 4, 0, 6))
    assert found.moved == tuple(Move(account, 0, 1) for account in range(6, 10))


def test_it_tells_who_became_actionable_and_who_is_no_more() -> None:
    old, new = {0: range(9)}, {0: range(9)}
    found = difference(members(old, {1, 2}), members(new, {2, 3}))
    assert found.became_actionable == (Move(3, 0, 0),)
    assert found.ceased_actionable == (Move(1, 0, 0),)
    assert found.changes == ()
    assert not found.is_empty


def test_nothing_beside_something() -> None:
    empty = members({})
    assert difference(empty, empty).is_empty
    assert [change.kind for change in difference(empty, members({0: range(3)})).changes] == ["new"]
    assert [change.kind for change in difference(members({0: range(3)}), empty).changes] == ["gone"]


@pytest.mark.parametrize("seed", range(6))
def test_the_numbers_add_up(seed: int) -> None:
    chance = random.Random(seed)

    def clusters() -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        for account in range(60):
            if chance.random() < 0.8:
                out.setdefault(chance.randrange(5), []).append(account)
        return out

    before, after = clusters(), clusters()
    found = difference(members(before), members(after))
    was = {account for accounts in before.values() for account in accounts}
    now = {account for accounts in after.values() for account in accounts}
    assert {move.account for move in found.entered} == now - was
    assert {move.account for move in found.left} == was - now
    for change in found.changes:
        assert change.n_before - change.n_left + change.n_entered == change.n_after
        assert change.n_after == len(after.get(change.new, [])) if change.new is not None else True
    assert all(move.account in was & now for move in found.moved)


def test_it_is_a_value_of_two_results(tmp_path: Path) -> None:
    world = worlds.planted(3)
    first = run(worlds.inputs(world), Settings(), workdir=tmp_path / "a")
    gone = {account for account, name in world.truth.items() if name == "op0"}
    fewer = replace(world, seen=[seen for seen in world.seen if seen.account not in gone])
    second = run(worlds.inputs(fewer), Settings(), workdir=tmp_path / "b")
    found = difference(first.members, second.members)
    assert [(change.kind, change.n_left) for change in found.changes] == [("gone", len(gone))]
    assert {move.account for move in found.left} == gone
    assert found.n_kept == 3
    assert found.to_dict()["n_kept"] == 3
