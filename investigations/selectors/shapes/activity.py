"""What selectors say of when accounts were active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from investigations.selectors.shapes.refs import AccountRef


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
