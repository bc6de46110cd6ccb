"""What selectors say of runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


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
