"""What selectors say of accounts and the identifiers they used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from investigations.selectors.shapes.refs import AccountRef, CaseRef, ClusterRef, RunRef, ValueRef, VerdictRef


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
    is_marked: bool  # people marked it as shared by strangers
    independence: float | None  # in the latest run; None when it was not tested
    run: RunRef | None
    headline: str
    clusters: tuple[tuple[ClusterRef, int], ...]  # clusters of its holders, with how many holders each
    n_unclustered: int
