"""What selectors say of clusters and their members; bits are floats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from investigations.selectors.shapes.page import Page
from investigations.selectors.shapes.refs import AccountRef, CaseRef, ClusterRef, RunRef, ValueRef, VerdictRef


@dataclass(frozen=True)
class ClusterFilters:
    """Filters of the triage list; an unset one lets everything through."""

    families: tuple[str, ...] = ()  # clusters that have evidence of each of these
    min_accounts: int | None = None
    max_accounts: int | None = None
    min_bits: float | None = None
    is_actionable: bool | None = None  # has an actionable core
    change: str = ""  # born, grew, shrank, same, merged, split
    case: str = ""  # none, open, decided
    public_id: str = ""  # one cluster
    owner: str = ""  # a person's public id: clusters in their open cases

    @property
    def is_empty(self) -> bool:
        return self == ClusterFilters()


@dataclass(frozen=True)
class WorthPart:
    name: str  # one of linkage.triage.PARTS
    label: str
    value: float  # 0 to 1
    means: str


@dataclass(frozen=True)
class WorthReason:
    """Why a cluster stands where it does in triage."""

    part: str  # one of linkage.triage.PARTS
    name: str  # measure of behaviour or hypothesis, else the part again
    label: str
    speaks: str  # for, against
    text: str


@dataclass(frozen=True)
class ClusterRow:
    public_id: str
    summary: str  # what holds it
    n_accounts: int
    n_actionable: int
    n_new: int
    n_links: int
    bits: float
    cohesion: float
    families: tuple[str, ...]
    worth: float
    worth_parts: tuple[WorthPart, ...]
    reasons: tuple[WorthReason, ...]  # for a look, then against
    n_sessions: int
    n_exchanges: int
    n_output_tokens: int
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    change: str  # lineage kind in this run
    change_label: str
    case: CaseRef | None  # the newest case it is in
    verdict: VerdictRef | None


@dataclass(frozen=True)
class ClusterPage:
    run: RunRef | None  # None: no run is done yet
    page: Page[ClusterRow]
    filters: ClusterFilters
    sort: str


@dataclass(frozen=True)
class FamilyEvidence:
    family: str
    label: str
    bits_for: float
    bits_against: float  # 0 or negative
    n_links: int
    parts_without: int  # parts the cluster falls into without this family
    is_strongest: bool


@dataclass(frozen=True)
class ClusterValue:
    value: ValueRef
    n_members: int
    n_holders: int
    n_others: int  # holders outside the cluster
    bits: float
    is_hub: bool


@dataclass(frozen=True)
class Figure:
    """A number that something rests on."""

    name: str
    value: int


@dataclass(frozen=True)
class Explanation:
    """A benign explanation with its test."""

    name: str  # choices.Hypothesis
    label: str
    answer: str  # for, against, untested
    answer_label: str
    text: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class BehaviourRow:
    """A measure of how the members use the platform; None where it is not known."""

    name: str  # one of linkage.types.MEASURES
    label: str
    value: float | None
    ordinary: float | None
    unusual: float | None  # 0 to 1
    text: str


@dataclass(frozen=True)
class LineageRow:
    run: RunRef
    kind: str
    kind_label: str
    n_before: int
    n_after: int
    n_shared: int
    other: ClusterRef | None


@dataclass(frozen=True)
class PositionCount:
    position: str  # core, periphery, bridge
    label: str
    n: int


@dataclass(frozen=True)
class ClusterDetail:
    row: ClusterRow
    run: RunRef  # the run of the shown version
    dataset: str
    version: int  # ClusterVersion's number: verdicts and cases refer to it
    is_ended: bool
    is_current: bool  # False when an older version is shown
    has_members: bool  # False: the rows of this version's run are gone, figures stay
    headline: str  # "812 accounts look like one operator (64 bits over the line; not calibrated here)"
    strongest: tuple[str, ...]  # "shared cards", "one TLS stack", …
    sentence: str  # headline, strongest and untested explanations in one
    n_untested: int
    evidence: tuple[FamilyEvidence, ...]  # in the fixed order of families
    fragility: str  # "Without network it falls into 9 parts; without any other family it stays whole."
    values: tuple[ClusterValue, ...]
    explanations: tuple[Explanation, ...]
    behaviour: tuple[BehaviourRow, ...]
    lineage: tuple[LineageRow, ...]
    positions: tuple[PositionCount, ...]
    cases: tuple[CaseRef, ...]
    verdicts: tuple[VerdictRef, ...]
    model_digest: str


@dataclass(frozen=True)
class MemberRow:
    account: AccountRef
    position: str
    position_label: str
    is_actionable: bool
    bits: float
    degree: int
    families: tuple[str, ...]
    since: datetime | None
    n_sessions: int
    n_exchanges: int
    n_output_tokens: int
    last_seen_at: datetime | None
