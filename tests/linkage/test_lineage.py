"""Identity of clusters across runs."""

from __future__ import annotations

import pytest

from investigations.linkage import match_clusters


def of(**clusters: list[int]) -> dict[int, int]:
    return {account: int(name[1:]) for name, accounts in clusters.items() for account in accounts}


@pytest.mark.parametrize(
    ("old", "new", "events", "identity"),
    [
        ({}, of(c0=[1, 2]), [("born", 0, ())], {0: None}),
        (of(c7=[1, 2]), {}, [("ended", None, (7,))], {}),
        (of(c7=[1, 2]), of(c0=[1, 2]), [("kept", 0, (7,))], {0: 7}),
        (of(c7=[1, 2]), of(c0=[1, 2, 3]), [("grew", 0, (7,))], {0: 7}),
        (of(c7=[1, 2, 3]), of(c0=[1, 2]), [("shrank", 0, (7,))], {0: 7}),
        (of(c7=[1, 2, 3]), of(c0=[1, 2, 4]), [("changed", 0, (7,))], {0: 7}),
        (of(c7=[1, 2, 3], c8=[4, 5]), of(c0=[1, 2, 3, 4, 5]), [("merged", 0, (7, 8)), ("ended", None, (8,))], {0: 7}),
        (
            of(c7=[1, 2, 3, 4, 5]),
            of(c0=[1, 2, 3], c1=[4, 5]),
            [("split", 0, (7,)), ("split", 1, (7,))],
            {0: 7, 1: None},
        ),
    ],
)
def test_it_says_what_became_of_each_cluster(
    old: dict[int, int], new: dict[int, int], events: list[tuple[object, ...]], identity: dict[int, int | None]
) -> None:
    found = match_clusters(old, new)
    assert [(event.event, event.new, event.old) for event in found.events] == events
    assert found.identity == identity


def test_it_does_not_depend_on_the_order_of_accounts() -> None:
    old, new = of(c1=[1, 2, 3], c2=[4, 5, 6]), of(c0=[1, 2, 4], c1=[3, 5, 6])
    assert match_clusters(old, new) == match_clusters(dict(reversed(old.items())), dict(reversed(new.items())))


def test_it_counts_who_joined_and_who_left() -> None:
    (event,) = match_clusters(of(c7=[1, 2, 3, 4]), of(c0=[1, 2, 3, 8, 9])).events
    assert (event.event, event.joined, event.left) == ("grew", 2, 1)
