"""What two runs say differently: clusters that are new, gone, grown, shrunk, split or merged, and accounts that moved.

A value of the two runs' members and nothing else, by the identities and events of lineage.py, so that what people read
of a change is what the lineage says. See docs/theory/clusters.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from investigations.linkage.lineage import LineageEvent, match_clusters

KINDS = {
    "born": "new",
    "ended": "gone",
    "grew": "grown",
    "shrank": "shrunk",
    "changed": "exchanged",
    "merged": "merged",
    "split": "split",
}
"""Event of the lineage to kind of change, in the order of changes. `exchanged`: as many came as left."""


@dataclass(frozen=True)
class Change:
    """A cluster of the newer run beside those that it comes from, or one that is gone."""

    kind: str
    """One of the values of KINDS. Of a cluster that split, each part is a change; one can be merged and split at once."""
    new: int | None
    """Cluster of the newer run; None when it is gone."""
    old: tuple[int, ...]
    """Clusters of the older run, the one whose identity it bears first; none for a new one."""
    n_before: int
    """Accounts in all of `old`."""
    n_after: int
    """Accounts in `new`."""
    n_entered: int
    """Accounts of `new` that were in none of `old`."""
    n_left: int
    """Accounts of `old` that are not in `new`."""


@dataclass(frozen=True)
class Move:
    """An account and its clusters, None for none. Numbers are those of the run that they are of."""

    account: int
    old: int | None
    new: int | None


@dataclass(frozen=True)
class Difference:
    """All that differs. Changes are in the order of KINDS, then by cluster; accounts ascend."""

    changes: tuple[Change, ...]
    n_kept: int
    """Clusters with the same accounts in both runs."""
    entered: tuple[Move, ...]
    """Accounts that are in a cluster and were in none."""
    left: tuple[Move, ...]
    """Accounts that were in a cluster and are in none."""
    moved: tuple[Move, ...]
    """Accounts in a cluster that is not the continuation of the one that they were in."""
    became_actionable: tuple[Move, ...]
    ceased_actionable: tuple[Move, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both runs say the same of every account."""
        return not (self.changes or self.became_actionable or self.ceased_actionable)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, but for tuples."""
        return asdict(self)


def difference(old: pa.Table, new: pa.Table) -> Difference:
    """What differs between two tables of members (types.MEMBERS), the older first.

    Linear in members, but for sorting. Bits, positions and evidence are not compared.
    """
    before, after = _clusters(old), _clusters(new)
    lineage = match_clusters(before, after)
    acted, acts = _actionable(old), _actionable(new)

    def moves(accounts: set[int]) -> tuple[Move, ...]:
        return tuple(Move(account, before.get(account), after.get(account)) for account in sorted(accounts))

    both = before.keys() & after.keys()
    return Difference(
        changes=_changes(lineage.events, before, after),
        n_kept=sum(event.event == "kept" for event in lineage.events),
        entered=moves(after.keys() - before.keys()),
        left=moves(before.keys() - after.keys()),
        moved=moves({account for account in both if lineage.identity[after[account]] != before[account]}),
        became_actionable=moves(acts - acted),
        ceased_actionable=moves(acted - acts),
    )


def _changes(
    events: tuple[LineageEvent, ...], before: Mapping[int, int], after: Mapping[int, int]
) -> tuple[Change, ...]:
    """The lineage's events with their numbers; a cluster that went into another one is not gone."""
    were, are = _members(before), _members(after)
    taken_up = {cluster for event in events if event.event in ("merged", "split") for cluster in event.old}
    made = []
    for event in events:
        if event.event == "kept" or (event.event == "ended" and taken_up.issuperset(event.old)):
            continue
        past: set[int] = set().union(*(were[cluster] for cluster in event.old))
        now = are[event.new] if event.new is not None else set()
        numbers = len(past), len(now), len(now - past), len(past - now)
        made.append(Change(KINDS[event.event], event.new, event.old, *numbers))
    order = list(KINDS.values())
    return tuple(sorted(made, key=lambda c: (order.index(c.kind), -1 if c.new is None else c.new, c.old)))


def _members(clusters: Mapping[int, int]) -> dict[int, set[int]]:
    out: dict[int, set[int]] = {}
    for account, cluster in clusters.items():
        out.setdefault(cluster, set()).add(account)
    return out


def _clusters(members: pa.Table) -> dict[int, int]:
    return dict(zip(members["account"].to_pylist(), members["cluster"].to_pylist(), strict=True))


def _actionable(members: pa.Table) -> set[int]:
    return set(members.filter(members["actionable"])["account"].to_pylist())
