"""Runs for lists, the run page and the top bar."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Account
from core.context import once
from core.models import Dataset
from investigations.linkage import Settings
from investigations.models import LineageEvent, Run
from investigations.models.choices import OPEN_RUN_STATES, RunState
from investigations.selectors.paging import page_of, page_start
from investigations.selectors.shapes.page import Page
from investigations.selectors.shapes.runs import RunDetail, RunRow, RunStatus, RunStep

STEP_LABELS = {
    "read": "Read accounts and what they share",
    "gather": "Gather values that accounts share",
    "hubs": "Find hubs",
    "candidates": "Find candidate pairs",
    "signals": "Weigh what pairs do together",
    "score": "Weigh the evidence",
    "link": "Choose each account's links",
    "cluster": "Form clusters",
    "admit": "Look for accounts at their edges",
    "publish": "Describe links and clusters",
    "land": "Make the results visible",
}
"""The steps of a run in their order: the engine's between reading and landing."""
STEP_SHARES = {
    "read": 4.0,
    "gather": 4.0,
    "hubs": 1.0,
    "candidates": 2.0,
    "signals": 3.0,
    "score": 1.5,
    "link": 0.5,
    "cluster": 0.5,
    "admit": 0.2,
    "publish": 2.0,
    "land": 5.0,
}
"""How long the steps take compared with each other, until the dataset has a run to go by."""
LEAST_SHARE = 0.02
"""Nothing is estimated from less progress than this."""
Steps = list[dict[str, Any]]


def run_latest(dataset: Dataset) -> Run | None:
    """The newest run that is done: what pages stand on. Its model is read only when asked for."""
    return next((run for run in _runs_shown(dataset) if run.state == RunState.DONE), None)


def account_count(dataset: Dataset) -> int:
    """How many accounts there are to link."""
    return Account.objects.filter(dataset=dataset).count()


def run_list(dataset: Dataset, *, page: int = 1, size: int = 50, cursor: str = "") -> Page[RunRow]:
    """The dataset's runs, newest first. Three queries."""
    offset, size = page_start(page=page, size=size, cursor=cursor, scope="runs")
    rows = Run.objects.filter(dataset=dataset).select_related("requested_by").order_by("-number").defer("model")
    n, now, guide = rows.count(), timezone.now(), _guide(dataset.pk)
    return page_of(
        list(rows[offset : offset + size]),
        lambda run: _row(run, now, guide),
        offset=offset,
        size=size,
        n_matching=n,
        scope="runs",
    )


def run_detail(run: Run) -> RunDetail:
    """Everything the run's page shows. Six queries."""
    run = Run.objects.select_related("dataset", "requested_by").get(pk=run.pk)
    now, guide = timezone.now(), _guide(run.dataset_id, before=run.number)
    done = Run.objects.filter(dataset=run.dataset_id, state=RunState.DONE).select_related("requested_by")
    previous = done.filter(number__lt=run.number).order_by("-number").first()
    kinds = LineageEvent.objects.filter(run=run).values_list("kind").annotate(n=Count("pk")).order_by("kind")
    return RunDetail(
        row=_row(run, now, guide),
        dataset=run.dataset.name,
        steps=tuple(_step(step) for step in run.steps),
        settings=run.settings,
        changed_settings=settings_changed(run.settings),
        statistics=run.statistics,
        model=run.model,
        model_digest=run.model_digest,
        input_digest=run.input_digest,
        engine_version=run.engine_version,
        peak_mb=run.peak_mb,
        attempts=max(run.attempts, run.claims),
        has_rows=run.has_rows,
        is_latest=not done.filter(number__gt=run.number).exists() and run.state == RunState.DONE,
        error=run.error,
        lineage=dict(kinds),
        previous=_row(previous, now, guide) if previous else None,
        n_hubs=int(run.statistics.get("hubs", 0)),
        etag=_etag(run),
    )


run_progress = run_detail


def run_status(dataset: Dataset) -> RunStatus:
    """What the top bar says of runs. One query."""
    runs = _runs_shown(dataset)
    latest = run_latest(dataset)
    open_run = next((run for run in reversed(runs) if run.state in OPEN_RUN_STATES), None)
    failed = runs[0] if runs and runs[0].state == RunState.FAILED else None
    now = timezone.now()
    guide = (latest.steps, latest.statistics) if latest else None
    return RunStatus(
        latest=_row(latest, now, guide) if latest else None,
        open=_row(open_run, now, guide) if open_run else None,
        failed=_row(failed, now, guide) if failed else None,
        is_calibrated=False,
    )


def _runs_shown(dataset: Dataset) -> list[Run]:
    """The newest run, the newest done one and the oldest open one, newest first."""
    rows = Run.objects.filter(dataset=dataset)
    newest = rows.order_by("-number").values("pk")[:1]
    done = rows.filter(state=RunState.DONE).order_by("-number").values("pk")[:1]
    waiting = rows.filter(state__in=OPEN_RUN_STATES).order_by("number").values("pk")[:1]
    shown = rows.filter(Q(pk__in=newest) | Q(pk__in=done) | Q(pk__in=waiting))
    shown = shown.select_related("requested_by").defer("model").order_by("-number")
    return once(("runs shown", dataset.pk), lambda: list(shown))


def settings_changed(given: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Settings that differ from the defaults, by dotted name: (default, given)."""
    default, own = _flat(Settings().to_dict()), _flat(given)
    return {name: (default.get(name), own[name]) for name in sorted(own) if own[name] != default.get(name)}


def _row(run: Run, now: datetime, guide: tuple[Steps, dict[str, Any]] | None) -> RunRow:
    is_open = run.state in OPEN_RUN_STATES
    share = _share_done(run.steps, guide) if is_open else None
    end = run.finished_at or now
    return RunRow(
        public_id=str(run.public_id),
        number=run.number,
        state=run.state,
        state_label=run.get_state_display(),
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        seconds=(end - run.started_at).total_seconds() if run.started_at else None,
        requested_by=run.requested_by.label if run.requested_by else "system",
        reason=run.reason,
        n_accounts=run.statistics.get("accounts"),
        n_links=run.statistics.get("links"),
        n_clusters=run.statistics.get("clusters"),
        share_done=share,
        seconds_left=_seconds_left(run, share, guide, now) if is_open else None,
        is_open=is_open,
        is_cancel_requested=run.is_cancel_requested,
    )


def _step(step: dict[str, Any]) -> RunStep:
    name = step["name"]
    return RunStep(name, STEP_LABELS.get(name, name), step["state"], step["done"], step["total"], step["seconds"])


def _guide(dataset_id: int, *, before: int | None = None) -> tuple[Steps, dict[str, Any]] | None:
    """Steps and statistics of the newest done run, to estimate from."""
    rows = Run.objects.filter(dataset=dataset_id, state=RunState.DONE)
    if before is not None:
        rows = rows.filter(number__lt=before)
    return rows.order_by("-number").values_list("steps", "statistics").first()


def _weights(guide: tuple[Steps, dict[str, Any]] | None) -> dict[str, float]:
    """Seconds of each step in the guide; without one, shares."""
    if guide:
        known = {step["name"]: step["seconds"] or 0.0 for step in guide[0]}
        if sum(known.values()) > 0:
            return {name: known.get(name, 0.0) for name in STEP_SHARES}
    return STEP_SHARES


def _share_done(steps: Steps, guide: tuple[Steps, dict[str, Any]] | None) -> float:
    weights = _weights(guide)
    done = sum(weights.get(step["name"], 0.0) * _step_share(step) for step in steps)
    return round(done / sum(weights.values()), 4)


def _step_share(step: dict[str, Any]) -> float:
    if step["state"] == "done":
        return 1.0
    return min(step["done"] / step["total"], 1.0) if step["total"] else 0.0


def _seconds_left(
    run: Run, share: float | None, guide: tuple[Steps, dict[str, Any]] | None, now: datetime
) -> float | None:
    """From the last run's seconds where there is one, else from the progress so far; None for too little of it."""
    weights = _weights(guide)
    if weights is not STEP_SHARES and share is not None:
        return round(sum(weights.values()) * (1 - share), 1)
    if share is None or share < LEAST_SHARE or run.started_at is None:
        return None
    return round((now - run.started_at).total_seconds() * (1 - share) / share, 1)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            out |= _flat(value, f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}"] = value
    return out


def _etag(run: Run) -> str:
    parts = [run.public_id, run.state, run.is_cancel_requested, run.finished_at, run.has_rows]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
