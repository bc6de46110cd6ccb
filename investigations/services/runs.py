"""Asking for a run and cancelling it. What carries it out is run_execution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from core import audit
from core.access import Capability, require
from core.errors import Conflict, InvalidInput
from core.models import Dataset
from investigations.linkage import Settings, SettingsError
from investigations.models import Run
from investigations.models.choices import OPEN_RUN_STATES, RunState
from investigations.services.run_claim import STALE_SECONDS
from staff.models import User

RUN_REQUESTED = audit.register("run.requested", "A run was asked for")
RUN_CANCELLED = audit.register("run.cancelled", "A run was cancelled, or asked to stop")
RUN_LANDED = audit.register("run.landed", "A run's links and clusters became visible")
RUN_FAILED = audit.register("run.failed", "A run failed; the results before it stay")

WAITS_SECONDS = 5


def run_request(
    dataset: Dataset, *, settings: Mapping[str, Any] | None = None, by: User | None = None, reason: str = ""
) -> Run:
    """A new queued run. `by` is None for commands and the system. One open run per dataset: else Conflict.

    The caller sends the hint (investigations.tasks.run_hint) or executes it; the sweeper finds it anyway.
    """
    if by is not None:
        require(by, Capability.RUN)
    wanted = settings_checked(settings or {})
    with transaction.atomic():
        open_run = _open_run_locked(dataset)
        if open_run is not None:
            raise _conflict(open_run)
        return _queued(dataset, wanted, by, reason)


def run_request_for_news(dataset: Dataset, *, reason: str) -> Run:
    """The queued run that will read what has just landed: the one that waits already, or a new one.

    A run under way has read its input, so another one is queued behind it.
    """
    with transaction.atomic():
        _open_run_locked(dataset)
        waiting = dataset.runs.filter(state=RunState.QUEUED, claims=0).first()
        return waiting or _queued(dataset, settings_of_last(dataset), None, reason)


def run_cancel(run: Run, *, by: User | None = None) -> Run:
    """Cancels a queued run at once, and asks one under way to stop at the next chance. Conflict when it is over."""
    if by is not None:
        require(by, Capability.RUN)
    with transaction.atomic():
        found = Run.objects.select_for_update().select_related("dataset").get(pk=run.pk)
        if found.state not in OPEN_RUN_STATES:
            raise Conflict(
                f"Run {found.number} is over ({found.get_state_display().lower()}), so it can't be cancelled.",
                code="run_over",
                what_to_do="Start another run if you need one.",
            )
        found.is_cancel_requested = True
        if found.state == RunState.QUEUED:
            found.state, found.finished_at = RunState.CANCELLED, timezone.now()
        found.save(update_fields=["is_cancel_requested", "state", "finished_at"])
        audit.record(
            RUN_CANCELLED,
            actor=by,
            target=found.public_id,
            dataset=found.dataset.name,
            was_running=found.state == RunState.RUNNING,
        )
    return found


def settings_checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The full settings of a run from what somebody gave; InvalidInput names every value that is not allowed."""
    try:
        return Settings.from_dict(values).to_dict()
    except (SettingsError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"The settings are not valid: {error}",
            code="bad_settings",
            what_to_do="Correct the value, or leave it out to get the default.",
            fields={"settings": getattr(error, "problems", [str(error)])},
        ) from error


def settings_of_last(dataset: Dataset) -> dict[str, Any]:
    """The settings of the dataset's newest done run that this version still takes, else the defaults."""
    last = dataset.runs.filter(state=RunState.DONE).order_by("-number").first()
    try:
        return settings_checked(last.settings if last else {})
    except InvalidInput:
        return settings_checked({})


def runs_to_hint() -> QuerySet[Run]:
    """Open runs that nobody works on: gone stale, or queued for a while with no other run in the way."""
    now = timezone.now()
    stale = Q(state=RunState.RUNNING) & (
        Q(heartbeat_at__lt=now - timedelta(seconds=STALE_SECONDS)) | Q(heartbeat_at__isnull=True)
    )
    busy = Run.objects.filter(state=RunState.RUNNING).values("dataset")
    waiting = Q(state=RunState.QUEUED, created_at__lt=now - timedelta(seconds=WAITS_SECONDS))
    return Run.objects.filter(stale | (waiting & ~Q(dataset__in=busy))).order_by("id")


def _open_run_locked(dataset: Dataset) -> Run | None:
    """The dataset's open run; requests of one dataset wait for each other here."""
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    return dataset.runs.filter(state__in=OPEN_RUN_STATES).order_by("number").first()


def _queued(dataset: Dataset, settings: dict[str, Any], by: User | None, reason: str) -> Run:
    number = (dataset.runs.aggregate(last=Max("number"))["last"] or 0) + 1
    run = Run.objects.create(
        dataset=dataset, number=number, settings=settings, requested_by=by, reason=reason.strip()[:200]
    )
    audit.record(RUN_REQUESTED, actor=by, target=run.public_id, dataset=dataset.name, number=number)
    return run


def _conflict(run: Run) -> Conflict:
    is_running = run.state == RunState.RUNNING
    verb = "is under way" if is_running else "is waiting to start"
    return Conflict(
        f"Run {run.number} of this dataset {verb}; there is one at a time.",
        code="run_running" if is_running else "run_queued",
        what_to_do="Wait until it is done, or cancel it first.",
        run=run.public_id,
    )
