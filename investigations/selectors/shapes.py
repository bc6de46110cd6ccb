"""What selectors hand to pages, API, exports and reports: frozen dataclasses, bits as floats.

Accounts carry the platform's own id only when the caller asked for it by right (`shows_platform_ids`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A stretch of a list, honest about the rest: `n_matching` after filters, `n_total` without."""

    items: tuple[T, ...]
    n_matching: int
    n_total: int
    number: int  # 1, 2, …
    size: int
    next: str | None  # opaque cursor of the next page
    previous: str | None

    @property
    def n_shown(self) -> int:
        return len(self.items)

    @property
    def n_pages(self) -> int:
        return max(1, -(-self.n_matching // self.size))

    @property
    def first(self) -> int:
        """Position of the first shown item, counted from 1; 0 when nothing is shown."""
        return (self.number - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1 if self.items else 0


# --- references ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AccountRef:
    public_id: str
    platform_id: str | None  # None: the reader has no right to it
    status: str
    status_label: str
    created_at: datetime
    plan: str = ""


@dataclass(frozen=True)
class ClusterRef:
    public_id: str
    summary: str = ""
    n_accounts: int = 0
    is_ended: bool = False


@dataclass(frozen=True)
class RunRef:
    public_id: str
    number: int
    state: str
    finished_at: datetime | None


@dataclass(frozen=True)
class CaseRef:
    public_id: str
    number: int
    title: str
    state: str
    state_label: str
    owner: str  # a person's label, empty when nobody took it
    owner_public_id: str = ""


@dataclass(frozen=True)
class VerdictRef:
    public_id: str
    same_operator: str
    same_operator_label: str
    abusive: str
    abusive_label: str
    likelihood_label: str
    confidence_label: str
    author: str
    created_at: datetime


@dataclass(frozen=True)
class ValueRef:
    """A value that accounts share, as it may be shown: the mask of an identifier, or a fingerprint's hex."""

    kind: str
    kind_label: str
    family: str
    shown: str
    public_id: str | None  # of the identifier; None for fingerprints of exchanges and signals without a value
    is_personal: bool


# --- runs ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunStep:
    name: str
    label: str
    state: str  # waiting, running, done
    done: int
    total: int
    seconds: float | None


@dataclass(frozen=True)
class RunRow:
    public_id: str
    number: int
    state: str  # queued, running, done, failed, cancelled
    state_label: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None  # so far, for a run under way
    requested_by: str  # a person's label, or "system"
    reason: str
    n_accounts: int | None
    n_links: int | None
    n_clusters: int | None
    share_done: float | None  # 0 to 1 while queued or running
    seconds_left: float | None  # an estimate; None when there is nothing to estimate from
    is_open: bool
    is_cancel_requested: bool


@dataclass(frozen=True)
class RunDetail:
    row: RunRow
    dataset: str
    steps: tuple[RunStep, ...]
    settings: dict[str, Any]
    changed_settings: dict[str, tuple[Any, Any]]  # dotted name to (default, of this run)
    statistics: dict[str, Any]
    model: dict[str, Any]
    model_digest: str
    input_digest: str
    engine_version: str
    peak_mb: int | None
    attempts: int
    has_rows: bool
    is_latest: bool
    error: dict[str, Any] | None  # problem document
    lineage: dict[str, int]  # kind of event (born, grew, shrank, same, merged, split, ended) to how many
    previous: RunRow | None  # the done run before this one
    n_hubs: int
    etag: str


@dataclass(frozen=True)
class RunStatus:
    """The top bar: the run on whose results the pages stand, and the one under way."""

    latest: RunRow | None
    open: RunRow | None
    failed: RunRow | None  # a run that failed after the latest one
    is_calibrated: bool  # always False until enough sampled clusters are judged here


# --- clusters -----------------------------------------------------------------------------------------------


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
    name: str  # linkage, behaviour, size, novelty
    label: str
    value: float  # 0 to 1
    means: str


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
class Explanation:
    """A benign explanation with its test."""

    name: str  # choices.Hypothesis
    label: str
    answer: str  # for, against, untested
    answer_label: str
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
    strongest: tuple[str, ...]  # "shared payment (9 groups)", …
    sentence: str  # headline, strongest and untested explanations in one
    n_untested: int
    evidence: tuple[FamilyEvidence, ...]  # in the fixed order of families
    fragility: str  # "Without network it falls into 9 parts; without any other family it stays whole."
    values: tuple[ClusterValue, ...]
    explanations: tuple[Explanation, ...]
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


# --- links --------------------------------------------------------------------------------------------------


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


# --- activity -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ActivityRow:
    account: AccountRef
    is_member: bool
    position: str  # core, periphery, bridge; "matched" for others
    counts: tuple[int, ...]  # sessions per bucket


@dataclass(frozen=True)
class Activity:
    """Accounts × time. `chosen` says how the shown members were picked, `matched_by` how the others were."""

    buckets: tuple[datetime, ...]  # starts, UTC
    bucket_label: str  # "6 hours", "1 day"
    bucket_seconds: int
    rows: tuple[ActivityRow, ...]
    n_shown: int
    n_total: int
    n_matched: int
    chosen: str
    matched_by: str
    members_share: tuple[float, ...]  # share of shown members active in each bucket
    matched_share: tuple[float, ...]
    finding: str  # the heading: what the picture shows


@dataclass(frozen=True)
class CalendarDay:
    day: datetime
    n_sessions: int
    n_requests: int


# --- accounts and identifiers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class AccountCluster:
    run: RunRef
    cluster: ClusterRef
    position: str
    position_label: str
    is_actionable: bool
    bits: float


@dataclass(frozen=True)
class AccountIdentifier:
    value: ValueRef
    n_holders: int
    n_sightings: int
    first_at: datetime | None
    last_at: datetime | None
    is_hub: bool
    independence: float | None


@dataclass(frozen=True)
class SessionRow:
    started_at: datetime
    ended_at: datetime | None
    ip: ValueRef | None
    device: ValueRef | None
    tls: ValueRef | None
    user_agent: ValueRef | None
    asn: int | None
    n_requests: int | None
    n_output_tokens: int | None


@dataclass(frozen=True)
class AccountDetail:
    ref: AccountRef
    dataset: str
    is_created_at_derived: bool
    status_changed_at: datetime | None
    organization: str
    country: str
    entry_path: str
    extra: dict[str, Any]
    last_seen_at: datetime | None
    n_sessions: int
    n_exchanges: int
    n_input_tokens: int
    n_output_tokens: int
    clusters: tuple[AccountCluster, ...]  # newest run first
    cases: tuple[CaseRef, ...]
    standings: tuple[AccountStanding, ...]
    n_identifiers: int
    n_links: int


@dataclass(frozen=True)
class AccountStanding:
    verdict: VerdictRef
    case: CaseRef
    standing: str
    standing_label: str
    reason: str


@dataclass(frozen=True)
class HolderRow:
    account: AccountRef
    cluster: ClusterRef | None
    first_at: datetime | None
    last_at: datetime | None
    n_sightings: int


@dataclass(frozen=True)
class IdentifierDetail:
    value: ValueRef
    dataset: str
    n_holders: int
    first_at: datetime | None
    last_at: datetime | None
    is_hub: bool
    independence: float | None  # in the latest run; None when it was not tested
    run: RunRef | None
    headline: str
    clusters: tuple[tuple[ClusterRef, int], ...]  # clusters of its holders, with how many holders each
    n_unclustered: int


# --- navigation ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RailCounts:
    """Counts beside the entries of the rail; None leaves the entry bare."""

    triage: int  # clusters of the latest run that no case looks at yet
    clusters: int
    cases: int  # open ones
    imports_open: int
