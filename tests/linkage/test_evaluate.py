"""Measures by hand and against a brute-force count of pairs."""

from __future__ import annotations

import json
import random
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest

from investigations.linkage import evaluate, types


def members(clusters: dict[int, list[int]], actionable: set[int] | None = None) -> pa.Table:
    rows = [
        {
            "cluster": number,
            "account": account,
            "position": "core",
            "actionable": account in (actionable or set()),
            "bits": 0,
            "degree": 1,
            "families": 0,
            "since": None,
        }
        for number, accounts in clusters.items()
        for account in accounts
    ]
    return pa.Table.from_pylist(rows, schema=types.MEMBERS)


def truth(rows: list[tuple[int, str | None, str | None]]) -> pa.Table:
    names = ("account", "operator", "kind")
    return pa.table(
        {
            name: pa.array([row[i] for row in rows], pa.int64() if i == 0 else pa.string())
            for i, name in enumerate(names)
        }
    )


HAND = truth(
    [
        (1, "a", "hydra"),
        (2, "a", "hydra"),
        (3, "a", "hydra"),
        (4, "b", "drip"),
        (5, "b", "drip"),
        (6, None, "vpn"),
        (7, None, "vpn"),
        (8, "t", "team"),
        (9, "t", "team"),
    ]
)
HAND_MEMBERS = members({0: [1, 2, 6], 1: [4, 5], 2: [8, 9]}, {1, 6})


def test_it_measures_a_small_case_as_by_hand() -> None:
    found = evaluate(HAND_MEMBERS, HAND)
    assert found["pairwise"]["right"] == 2
    assert found["pairwise"]["together"] == 4
    assert found["pairwise"]["wanted"] == 4
    assert found["account_level"]["precision"] == pytest.approx(4 / 5)
    assert found["account_level"]["recall"] == pytest.approx(4 / 5)
    assert found["bcubed"]["precision"] == pytest.approx((2 / 3 + 2 / 3 + 1 + 1 + 1 / 3) / 5)
    assert found["bcubed"]["recall"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert found["macro_recall"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["recall_by_kind"]["hydra"]["recall"] == pytest.approx(2 / 3)
    assert found["swept_in"]["vpn"] == {
        "accounts": 2,
        "all": 1,
        "actionable": 1,
        "all_share": 0.5,
        "actionable_share": 0.5,
    }
    assert "team" not in found["recall_by_kind"]
    json.dumps(found)


def test_it_leaves_out_ignored_kinds_and_small_clusters() -> None:
    found = evaluate(HAND_MEMBERS, HAND, ignore_kinds=["drip"], min_size=3)
    assert found["operators"] == 1
    assert found["clusters"] == 1
    assert found["account_level"]["right"] == 2


def test_it_can_leave_out_pairs_of_two_unlabelled_accounts() -> None:
    both = members({0: [1, 6, 7]})
    assert evaluate(both, HAND)["pairwise"]["together"] == 3
    assert evaluate(both, HAND, unlabelled="ignore")["pairwise"]["together"] == 2


@pytest.mark.parametrize("options", [{"unlabelled": "maybe"}, {"min_size": 0}])
def test_it_refuses_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        evaluate(HAND_MEMBERS, HAND, **options)


def test_it_measures_nothing_in_nothing() -> None:
    found = evaluate(types.MEMBERS.empty_table(), truth([]))
    assert found["pairwise"]["f1"] == found["macro_recall"] == 0.0
    assert found["swept_in"] == {}


def test_it_counts_episodes_by_their_start() -> None:
    labels = HAND.append_column("since", pa.array([50, *[None] * 8], pa.int64()))
    assert evaluate(HAND_MEMBERS, labels)["episodes"] == {"labelled": 1, "clustered": 1, "spared": 0, "right": 0}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("unlabelled", ["wrong", "ignore"])
def test_it_counts_pairs_like_brute_force(seed: int, unlabelled: str) -> None:
    chance = random.Random(seed)
    operator = {account: chance.choice(["a", "b", "c", None]) for account in range(30)}
    cluster = {account: chance.choice([0, 1, 2, 3]) for account in range(30) if chance.random() < 0.7}
    table = members({number: [one for one, home in cluster.items() if home == number] for number in range(4)})
    found = evaluate(table, truth([(one, name, "x") for one, name in operator.items()]), unlabelled=unlabelled)
    pairs = list(combinations(range(30), 2))
    same = {(i, j) for i, j in pairs if operator[i] and operator[i] == operator[j]}
    together = {(i, j) for i, j in pairs if i in cluster and cluster[i] == cluster.get(j)}
    if unlabelled == "ignore":
        together = {(i, j) for i, j in together if operator[i] or operator[j]}
    assert found["pairwise"]["right"] == len(same & together)
    assert found["pairwise"]["together"] == len(together)
    assert found["pairwise"]["wanted"] == len(same)
