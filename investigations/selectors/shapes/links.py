"""What selectors say of a link between two accounts; bits are floats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from investigations.selectors.shapes.refs import AccountRef, ClusterRef, RunRef, ValueRef


@dataclass(frozen=True)
class LinkRow:
    """A link as one of its ends sees it."""

    other: AccountRef
    bits: float
    families: tuple[str, ...]
    n_evidence: int
    cluster: ClusterRef | None
    strongest: ValueRef | None


@dataclass(frozen=True)
class EvidenceRow:
    family: str
    family_label: str
    value: ValueRef
    bits: float  # after damping and caps; negative counts against
    raw_bits: float  # before damping and caps
    n_holders: int
    is_hub: bool
    a_first_at: datetime | None
    a_last_at: datetime | None
    a_count: int | None
    b_first_at: datetime | None
    b_last_at: datetime | None
    b_count: int | None


@dataclass(frozen=True)
class WaterfallStep:
    """One bar: `prior`, families in their order, then `sum`. The bar goes from `start` to `end`."""

    name: str
    label: str
    bits: float
    start: float
    end: float
    kind: str  # prior, for, against, nothing, sum
    note: str


@dataclass(frozen=True)
class PathStep:
    a: AccountRef
    b: AccountRef
    bits: float
    families: tuple[str, ...]


@dataclass(frozen=True)
class LinkExplanation:
    a: AccountRef
    b: AccountRef
    run: RunRef
    is_linked: bool
    is_stored: bool  # False: computed now from the values that both have
    bits: float  # over the line
    prior_bits: float  # the start of the waterfall: prior minus what the threshold asks
    headline: str
    evidence: tuple[EvidenceRow, ...]  # by family, then bits; negative ones are what contradicts
    waterfall: tuple[WaterfallStep, ...]
    contradictions: tuple[EvidenceRow, ...]
    why_not: str  # empty for a link
    path: tuple[PathStep, ...]  # the strongest way over other accounts, when only indirect
    same_cluster: ClusterRef | None
    model_digest: str
