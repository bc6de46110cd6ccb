"""Celery tasks of investigations: ids only, idempotent; the row is the truth, a message is a hint."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.db import transaction

from core import outbox
from core.models import Dataset
from core.models.dataset import DatasetKind
from investigations.models import Export, Run
from investigations.models.choices import RunState
from investigations.services.export_making import export_make
from investigations.services.exports import exports_remove_old, exports_to_hint
from investigations.services.runs import run_request_for_news, runs_to_hint

BATCH_LANDED = "batch.landed"


@shared_task(name="investigations.run_execute", ignore_result=True)
def run_task(run_id: int) -> None:
    """Carries out a run. A message that comes twice, or back while its run is alive, finds the run held and ends."""
    from investigations.services.run_execution import run_execute  # brings numba, which who sends the task needs not

    run = run_execute(run_id)
    if run is not None and run.state != RunState.RUNNING:
        following = run.dataset.runs.filter(state=RunState.QUEUED).exclude(pk=run.pk).order_by("number").first()
        if following is not None:
            run_hint(following)


@shared_task(name="investigations.runs_sweep", ignore_result=True)
def runs_sweep() -> int:
    """Takes up open runs that nobody works on: a message was lost, or a worker died. Returns how many."""
    found = list(runs_to_hint()[:50])
    for run in found:
        run_hint(run)
    return len(found)


def run_hint(run: Run) -> None:
    """Tells the workers of an open run once the transaction at hand is committed.

    A broker that is down fails nobody's request: the sweeper finds the row.
    """
    transaction.on_commit(lambda: run_task.delay(run.pk), robust=True)


@outbox.handles(BATCH_LANDED)
def batch_landed(payload: dict[str, Any]) -> None:
    """Asks for a run of a live dataset in which a batch has landed; the queued one is used if there is one."""
    dataset = Dataset.objects.filter(pk=payload["dataset"], kind=DatasetKind.LIVE).first()
    if dataset is not None:
        run_hint(run_request_for_news(dataset, reason="new data"))


@shared_task(name="investigations.export_make", ignore_result=True)
def export_task(export_id: int) -> None:
    """Makes an export's file. A message that comes twice finds the export held or ready, and ends."""
    export_make(export_id)


@shared_task(name="investigations.exports_sweep", ignore_result=True)
def exports_sweep() -> int:
    """Takes up exports that nobody works on: a message was lost, or a worker died. Returns how many."""
    found = exports_to_hint()
    for export in found:
        export_enqueue(export)
    return len(found)


@shared_task(name="investigations.exports_remove_old", ignore_result=True)
def exports_remove_old_task() -> int:
    """Removes the files of exports whose day is over."""
    return exports_remove_old()


def export_enqueue(export: Export) -> None:
    """Tells the workers of a queued export once the transaction at hand is committed."""
    transaction.on_commit(lambda: export_task.delay(export.pk), robust=True)
