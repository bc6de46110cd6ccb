"""Frozen evidence as a document: its canonical form, its digest, and the dataclasses it reads back into."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from investigations.models import Verdict
from investigations.selectors.shapes.cases import (
    FrozenEvidence,
    FrozenFamily,
    FrozenLink,
    FrozenMember,
    FrozenRun,
    FrozenSignal,
    FrozenValue,
)


def canonical(value: Any) -> bytes:
    """The one way to write a frozen document: sorted keys, no spaces, UTF-8, no number that isn't one."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def digest_of(frozen: Mapping[str, Any]) -> str:
    """sha256 over the canonical form."""
    return hashlib.sha256(canonical(frozen)).hexdigest()


def frozen_verify(verdict: Verdict) -> bool:
    """Whether the frozen evidence still has the digest that was taken when the verdict was recorded."""
    return digest_of(verdict.frozen) == verdict.frozen_digest


def frozen_read(frozen: Mapping[str, Any]) -> FrozenEvidence:
    """The frozen JSON as dataclasses."""
    names = [row[0] for row in frozen["members"]]
    run = frozen["run"]
    return FrozenEvidence(
        format=frozen["format"],
        frozen_at=datetime.fromisoformat(frozen["frozen_at"]),
        dataset=frozen["dataset"],
        cluster=frozen["cluster"],
        sentence=frozen["sentence"],
        fragility=frozen["fragility"],
        run=FrozenRun(**{**run, "finished_at": _time(run["finished_at"])}),
        figures=dict(frozen["figures"]),
        families=tuple(FrozenFamily(**row) for row in frozen["families"]),
        values=tuple(FrozenValue(**row) for row in frozen["values"]),
        members=tuple(FrozenMember(*[*row[:-1], _time(row[-1])]) for row in frozen["members"]),
        links=tuple(_link(row, names, frozen["shared"]) for row in frozen["links"]),
        n_links_shown=frozen["n_links_shown"],
        n_links_total=frozen["n_links_total"],
        links_digest=frozen["links_digest"],
    )


def _link(row: list[Any], names: list[str], shared: list[list[str]]) -> FrozenLink:
    a, b, bits, families, evidence = row
    signals = []
    for place, family, kind, *figures in evidence:
        _, ref, mask = shared[place] if place is not None else (kind, "", "")
        signals.append(FrozenSignal(family, kind, ref, mask, *figures))
    return FrozenLink(names[a], names[b], bits, families, tuple(signals))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
