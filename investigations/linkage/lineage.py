"""Identity of clusters across runs, by overlap of members, and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

EVENTS = ("born", "kept", "grew", "shrank", "changed", "merged", "split", "ended")
"""`changed`: members came and members left, in equal number. A cluster can have several events."""
KEPT_SHARE = 0.5
"""A cluster takes up an older one's identity when they share at least this part of the smaller of the two."""
PART_SHARE = 0.2
"""A part of an older cluster counts for a merge or split when it holds at least this share of the older one."""


@dataclass(frozen=True)
class LineageEvent:
    """What became of a cluster between two runs."""

    event: str
    """One of EVENTS."""
    new: int | None
    """Cluster of the newer run; None when it ended."""
    old: tuple[int, ...]
    """Clusters of the older run that it came from, the one whose identity it bears first."""
    joined: int
    """Accounts that were not in the first of `old`."""
    left: int
    """Accounts of the first of `old` that are not in `new`."""


@dataclass(frozen=True)
class Lineage:
    """Which older cluster each newer one continues, and every event, by newer cluster, then older."""

    identity: dict[int, int | None]
    events: tuple[LineageEvent, ...]


def match_clusters(old: Mapping[int, int], new: Mapping[int, int]) -> Lineage:
    """The lineage from two maps of account to cluster (accounts without a cluster left out).

    Pairs of clusters are matched one to one, the largest overlap first (ties: the larger Jaccard, then the smaller
    numbers). Linear in accounts, but for the sort of the overlaps.
    """
    overlap = Counter((old[account], cluster) for account, cluster in new.items() if account in old)
    old_size, new_size = Counter(old.values()), Counter(new.values())
    identity: dict[int, int | None] = dict.fromkeys(sorted(new_size))
    taken: set[int] = set()

    def rank(pair: tuple[int, int]) -> tuple[float, ...]:
        both = overlap[pair]
        return (-both, -both / (old_size[pair[0]] + new_size[pair[1]] - both), pair[0], pair[1])

    for before, after in sorted(overlap, key=rank):
        enough = overlap[before, after] >= KEPT_SHARE * min(old_size[before], new_size[after])
        if before not in taken and identity[after] is None and enough:
            identity[after] = before
            taken.add(before)
    return Lineage(identity, _events(overlap, old_size, new_size, identity))


def _events(
    overlap: Counter[tuple[int, int]],
    old_size: Counter[int],
    new_size: Counter[int],
    identity: dict[int, int | None],
) -> tuple[LineageEvent, ...]:
    sources: dict[int, list[int]] = {}
    parts: dict[int, list[int]] = {}
    for (before, after), both in sorted(overlap.items()):
        if both >= PART_SHARE * old_size[before]:
            sources.setdefault(after, []).append(before)
            parts.setdefault(before, []).append(after)
    events = [
        event
        for after in identity
        for event in _events_of(after, identity[after], sources.get(after, []), parts, overlap, old_size, new_size)
    ]
    kept = set(identity.values())
    events.extend(
        LineageEvent("ended", None, (before,), 0, old_size[before]) for before in sorted(set(old_size) - kept)
    )
    return tuple(events)


def _events_of(
    after: int,
    before: int | None,
    sources: list[int],
    parts: dict[int, list[int]],
    overlap: Counter[tuple[int, int]],
    old_size: Counter[int],
    new_size: Counter[int],
) -> list[LineageEvent]:
    """The events of one newer cluster."""
    came_from = tuple(dict.fromkeys(([] if before is None else [before]) + sources))
    both = overlap[came_from[0], after] if came_from else 0
    joined, left = new_size[after] - both, (old_size[came_from[0]] - both) if came_from else 0

    def event(name: str) -> LineageEvent:
        return LineageEvent(name, after, came_from, joined, left)

    found = []
    if len(sources) > 1:
        found.append(event("merged"))
    if any(len(parts[source]) > 1 for source in sources):
        found.append(event("split"))
    if found:
        return found
    if before is None:
        return [event("born")]
    if not joined and not left:
        return [event("kept")]
    return [event("grew" if joined > left else "shrank" if left > joined else "changed")]
