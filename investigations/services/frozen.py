"""Freezing evidence: what stood on the page when somebody decided, as canonical JSON with its sha256.

Nothing in it needs the database: accounts and identifiers stand by public id, identifiers with their mask, never the
value. All members are in it; of the links the strongest `LINKS_KEPT`, with the count and a digest over all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from investigations.models import Cluster, ClusterVersion, Link, Member, Run
from investigations.selectors.cluster import cluster_detail
from investigations.selectors.frozen import canonical
from investigations.selectors.refs import values_shown
from investigations.selectors.shapes.clusters import ClusterDetail
from investigations.selectors.shapes.refs import ValueRef

FORMAT = "hydrascope-frozen-1"
LINKS_KEPT = 20_000
CHUNK = 5_000
MEMBER_COLUMNS = ("account", "position", "is_actionable", "bits", "degree", "families", "since")


def frozen_make(cluster: Cluster, version: ClusterVersion) -> dict[str, Any]:
    """The evidence of a cluster's version as plain JSON-able values. Six queries, and one per 5,000 links."""
    run = version.run
    detail = cluster_detail(cluster, run=run)
    members = list(
        Member.objects.filter(version=version)
        .order_by("-bits", "id")
        .values_list(
            "account_id",
            "account__public_id",
            "position",
            "is_actionable",
            "bits",
            "degree",
            "families",
            "since",
        )
    )
    positions = {row[0]: i for i, row in enumerate(members)}
    links = _links(cluster, run, positions, [row[1] for row in members])
    return {
        "format": FORMAT,
        "frozen_at": _time(timezone.now()),
        "dataset": cluster.dataset.name,
        "cluster": cluster.public_id,
        "sentence": detail.sentence,
        "fragility": detail.fragility,
        "run": _run(run),
        "figures": _figures(version),
        "families": [_plain(row) for row in version.family_rows],
        "values": _values(detail),
        "explanations": [{"name": e.name, "answer": e.answer, "text": e.text} for e in detail.explanations],
        "member_columns": list(MEMBER_COLUMNS),
        "members": [[*row[1:-1], _time(row[-1])] for row in members],
        **links,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "public_id": run.public_id,
        "number": run.number,
        "engine_version": run.engine_version,
        "input_digest": run.input_digest,
        "model_digest": run.model_digest,
        "settings": _plain(run.settings),
        "finished_at": _time(run.finished_at),
    }


def _figures(version: ClusterVersion) -> dict[str, Any]:
    names = ("n_accounts", "n_actionable", "n_links", "bits", "families", "cohesion", "n_sessions", "n_exchanges")
    figures = {name: _plain(getattr(version, name)) for name in (*names, "n_output_tokens")}
    times = {name: _time(getattr(version, name)) for name in ("first_seen_at", "last_seen_at")}
    return {**figures, **times, "summary": version.summary}


def _values(detail: ClusterDetail) -> list[dict[str, Any]]:
    return [
        {
            "family": row.value.family,
            "kind": row.value.kind,
            "ref": row.value.public_id or "",
            "mask": row.value.shown,
            "members": row.n_members,
            "holders": row.n_holders,
            "bits": round(row.bits * 1000),
            "hub": row.is_hub,
        }
        for row in detail.values
    ]


@dataclass
class _Shared:
    """The values that links rest on, each written once: an identifier's public id and mask, or a fingerprint's hex."""

    rows: list[list[str]] = field(default_factory=list)
    places: dict[tuple[str, int], int] = field(default_factory=dict)
    known: dict[tuple[str, int | None], ValueRef] = field(default_factory=dict)

    def learn(self, wanted: Iterable[tuple[str, int]]) -> None:
        """Looks up those of these (kind, number) pairs that aren't known yet. One query."""
        self.known |= values_shown(pair for pair in set(wanted) if pair not in self.known)

    def place(self, kind: str, number: int | None) -> int | None:
        """The index of a value in the list of shared values, which it joins on first use."""
        if number is None:
            return None
        pair = (kind, number)
        if pair not in self.places:
            value = self.known[pair]
            self.places[pair] = len(self.rows)
            self.rows.append([kind, value.public_id or "", value.shown])
        return self.places[pair]

    def name(self, kind: str, number: int | None) -> str:
        """The value's name outside of this installation's numbering."""
        if number is None:
            return ""
        value = self.known[kind, number]
        return value.public_id or value.shown


def _links(cluster: Cluster, run: Run, positions: dict[int, int], names: list[str]) -> dict[str, Any]:
    """Links as [member, member, bits, families, evidence], members by index; evidence as
    [[shared value by index, family, kind, bits, raw, holders, hub, seen, expected]]."""
    shared = _Shared()
    kept: list[list[Any]] = []
    digests: list[Any] = []
    rows = (
        Link.objects.filter(run=run, cluster=cluster)
        .order_by("-bits", "a", "b")
        .values_list("a", "b", "bits", "families", "evidence")
    )
    for chunk in _chunks(rows.iterator(chunk_size=CHUNK)):
        shared.learn((e[1], e[2]) for row in chunk for e in row[4] if e[2] is not None)
        for a, b, bits, families, evidence in chunk:
            first, second = positions[a], positions[b]
            told = [[e[0], e[1], shared.name(e[1], e[2]), *e[3:]] for e in evidence]
            digests.append(hashlib.sha256(canonical([names[first], names[second], bits, families, told])).digest())
            if len(kept) < LINKS_KEPT:
                said = [[shared.place(e[1], e[2]), e[0], e[1], *e[3:]] for e in evidence]
                kept.append([first, second, bits, families, said])
    return {
        "shared": shared.rows,
        "links": kept,
        "n_links_shown": len(kept),
        "n_links_total": len(digests),
        "links_digest": hashlib.sha256(b"".join(sorted(digests))).hexdigest(),
    }


def _chunks(rows: Iterable[Any]) -> Iterable[list[Any]]:
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _plain(value: Any) -> Any:
    """The value as PostgreSQL's jsonb gives it back: a whole float is an integer there."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
