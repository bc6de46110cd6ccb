"""What the selectors of cases, verdicts and exports hand out: frozen dataclasses, accounts by public id only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from investigations.linkage.types import FAMILIES
from investigations.models import ClusterVersion
from investigations.selectors.shapes.page import Page
from staff.models import User


@dataclass(frozen=True)
class Person:
    public_id: str
    username: str
    label: str


def user_person(user: User) -> Person:
    """The person behind a user row."""
    return Person(user.public_id, user.username, user.label)


def mask_families(mask: int) -> tuple[str, ...]:
    """The families of a bit mask, in their fixed order."""
    return tuple(name for i, name in enumerate(FAMILIES) if mask >> i & 1)


# --- cases ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CaseFilters:
    states: tuple[str, ...] = ()
    owner: str = ""  # a person's public id, or "none"
    mine: bool = False
    text: str = ""  # in the title or the ticket's id, or a case's number
    cluster: str = ""  # public id
    account: str = ""  # public id
    sort: str = "-changed_at"


@dataclass(frozen=True)
class CaseRow:
    public_id: str
    dataset: str
    number: int
    title: str
    state: str
    state_label: str
    owner: Person | None
    opened_by: Person
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    n_clusters: int
    n_accounts: int  # accounts put in beside the clusters
    n_members: int  # members of its clusters, as they are now
    n_notes: int
    n_verdicts: int  # superseded ones not counted
    ticket_id: str
    ticket_url: str
    revision: int


@dataclass(frozen=True)
class CasePage:
    page: Page[CaseRow]
    by_state: dict[str, int]  # without filters
    filters: CaseFilters


@dataclass(frozen=True)
class VersionFigures:
    """A cluster as one run found it."""

    run_public_id: str
    run_number: int
    n_accounts: int
    n_actionable: int
    n_links: int
    bits: int  # millibits
    families: int  # mask
    family_names: tuple[str, ...]
    cohesion: float
    summary: str


def version_figures(version: ClusterVersion) -> VersionFigures:
    """The figures of a version whose run was loaded with it."""
    return VersionFigures(
        run_public_id=version.run.public_id,
        run_number=version.run.number,
        n_accounts=version.n_accounts,
        n_actionable=version.n_actionable,
        n_links=version.n_links,
        bits=version.bits,
        families=version.families,
        family_names=mask_families(version.families),
        cohesion=version.cohesion,
        summary=version.summary,
    )


@dataclass(frozen=True)
class CaseClusterRow:
    public_id: str
    added_by: Person
    added_at: datetime
    then: VersionFigures | None  # when it was put into the case
    now: VersionFigures | None
    has_changed: bool
    ended_in: int | None  # number of the run that no longer found it
    verdict: VerdictRow | None  # the standing one of this case


@dataclass(frozen=True)
class CaseAccountRow:
    public_id: str
    status: str
    status_label: str
    created_at: datetime
    n_sessions: int
    n_exchanges: int
    added_by: Person
    added_at: datetime


@dataclass(frozen=True)
class NoteRow:
    public_id: str
    author: Person
    text: str
    created_at: datetime
    case_public_id: str
    case_number: int


@dataclass(frozen=True)
class ActivityRow:
    seq: int
    at: datetime
    actor_label: str
    action: str
    text: str  # in words
    details: dict[str, Any]
    can_undo: bool


@dataclass(frozen=True)
class TransitionRow:
    to: str
    label: str
    needs_reason: bool


@dataclass(frozen=True)
class CaseDetail:
    row: CaseRow
    clusters: tuple[CaseClusterRow, ...]
    accounts: tuple[CaseAccountRow, ...]
    notes: tuple[NoteRow, ...]  # newest first, at most NOTES_SHOWN
    n_notes: int
    verdicts: tuple[VerdictRow, ...]  # newest first, superseded ones too
    activity: tuple[ActivityRow, ...]  # newest first, at most ACTIVITY_SHOWN
    n_activity: int
    transitions: tuple[TransitionRow, ...]
    is_settled: bool  # decided or closed: nothing can be put in or judged


# --- verdicts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VerdictFilters:
    same_operator: tuple[str, ...] = ()
    abusive: tuple[str, ...] = ()
    author: str = ""  # public id
    case: str = ""  # public id
    cluster: str = ""  # public id
    standing_only: bool = False  # leave out those that a later one superseded
    text: str = ""  # in the policy, the rationale or the case's title
    sort: str = "-created_at"


@dataclass(frozen=True)
class VerdictRow:
    public_id: str
    dataset: str
    case_public_id: str
    case_number: int
    case_title: str
    cluster_public_id: str
    run_number: int
    n_accounts: int
    same_operator: str
    same_operator_label: str
    abusive: str
    abusive_label: str
    likelihood: str
    likelihood_label: str
    confidence: str
    confidence_label: str
    policy: str
    author: Person
    created_at: datetime
    supersedes: str | None
    superseded_by: str | None


@dataclass(frozen=True)
class VerdictPage:
    page: Page[VerdictRow]
    filters: VerdictFilters


@dataclass(frozen=True)
class HypothesisRow:
    key: str
    label: str
    answer: str
    answer_label: str
    note: str


@dataclass(frozen=True)
class StandingRow:
    account: str
    standing: str
    standing_label: str
    reason: str


@dataclass(frozen=True)
class FrozenRun:
    public_id: str
    number: int
    engine_version: str
    input_digest: str
    model_digest: str
    settings: dict[str, Any]
    finished_at: datetime | None


@dataclass(frozen=True)
class FrozenFamily:
    family: str
    bits_for: int  # millibits, like all bits of frozen evidence
    bits_against: int
    n_links: int
    parts_without: int


@dataclass(frozen=True)
class FrozenValue:
    family: str
    kind: str
    ref: str  # public id of the identifier, empty for a fingerprint
    mask: str
    members: int
    holders: int
    bits: int
    hub: bool


@dataclass(frozen=True)
class FrozenMember:
    account: str
    position: str
    is_actionable: bool
    bits: int
    degree: int
    families: int
    since: datetime | None


@dataclass(frozen=True)
class FrozenSignal:
    family: str
    kind: str
    ref: str
    mask: str
    bits: int
    raw_bits: int
    holders: int
    is_hub: bool
    seen: int | None = None  # of evidence without a value: how often it was seen
    expected: int | None = None  # and how often chance brings it about, in millionths


@dataclass(frozen=True)
class FrozenLink:
    a: str
    b: str
    bits: int
    families: int
    evidence: tuple[FrozenSignal, ...]


@dataclass(frozen=True)
class FrozenEvidence:
    """What was on the page when the verdict was given; it needs nothing from the database."""

    format: str
    frozen_at: datetime
    dataset: str
    cluster: str
    sentence: str
    fragility: str
    run: FrozenRun
    figures: dict[str, Any]
    families: tuple[FrozenFamily, ...]
    values: tuple[FrozenValue, ...]
    members: tuple[FrozenMember, ...]
    links: tuple[FrozenLink, ...]  # the strongest
    n_links_shown: int
    n_links_total: int
    links_digest: str  # over all links


@dataclass(frozen=True)
class Drift:
    """A cluster as it was decided upon against as it is now. Bits in millibits."""

    has_changed: bool
    is_ended: bool
    run_then: int
    run_now: int | None
    joined: tuple[str, ...]  # account public ids
    left: tuple[str, ...]
    bits_then: int
    bits_now: int | None
    families_gained: tuple[str, ...]
    families_lost: tuple[str, ...]
    n_then: int
    n_now: int
    n_actionable_then: int
    n_actionable_now: int


@dataclass(frozen=True)
class VerdictDetail:
    row: VerdictRow
    rationale: str
    hypotheses: tuple[HypothesisRow, ...]
    standings: tuple[StandingRow, ...]
    standing_counts: dict[str, int]
    frozen: FrozenEvidence
    frozen_digest: str
    is_intact: bool
    drift: Drift


# --- exports ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExportRow:
    public_id: str
    dataset: str
    subject: str
    subject_label: str
    format: str
    state: str
    state_label: str
    filters: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    n_rows: int
    n_rows_total: int | None
    n_bytes: int
    digest: str
    shows_platform_ids: bool
    error: dict[str, Any] | None
