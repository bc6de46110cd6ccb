"""Batches as rows: how they begin, how those whose process died are told from those that are loading, how they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.ingest.mapping import Mapping
from accounts.models import Batch, BatchFile, BatchState, FileState
from accounts.models.batch import OPEN_BATCH_STATES
from core import audit, outbox
from core.models import Dataset

BATCH_LOCK = 0x1A6E58  # the advisory locks of batches; the second number is the batch's
LANDED_TOPIC = "batch.landed"
BATCH_LOADED = audit.register("batch.loaded", "An import was loaded")
BATCH_INTERRUPTED = audit.register("batch.interrupted", "An import was cut off; what had landed stays")


def batch_create(dataset: Dataset, *, mapping: Mapping, strict: bool, started_by: Any) -> Batch:
    """A batch that is queued, without files yet."""
    return Batch.objects.create(dataset=dataset, mapping=mapping.text, is_strict=strict, started_by=started_by)


@contextmanager
def batch_hold(batch: Batch) -> Iterator[bool]:
    """Gives whether this process has the batch to itself; the database lets go of it when the process dies."""
    is_held = _try_hold(batch)
    try:
        yield is_held
    finally:
        if is_held and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", _lock_of(batch))


def batches_interrupted() -> int:
    """Ends the open batches of commands that are no longer there; how many there were.

    What of them had landed stays, and is told. Uploads are not among them: they are sealed and load again.
    """
    waiting = Batch.objects.filter(state__in=OPEN_BATCH_STATES).exclude(files__stored_as__gt="")
    n = 0
    for batch in waiting.select_related("dataset", "started_by"):
        with batch_hold(batch) as is_held:
            if is_held:
                n += _interrupt(batch)
    return n


def batch_tell(batch: Batch) -> None:
    """Tells others, in the transaction that ends a batch, that something of it landed: once, however many files."""
    if batch.files.filter(state=FileState.LANDED).exists():
        outbox.put(LANDED_TOPIC, dataset=batch.dataset_id, batch=batch.pk)


def _interrupt(batch: Batch) -> bool:
    """Ends a batch that nobody holds; False when it ended by itself in the meantime."""
    error = {
        "code": "interrupted",
        "detail": "The command that loaded this was cut off before its end.",
        "what_to_do": "Load the same files again: what landed is known again, and nothing is doubled.",
    }
    with transaction.atomic():
        batch.refresh_from_db(fields=["state"])
        if batch.state not in OPEN_BATCH_STATES:
            return False
        unsettled = BatchFile.objects.filter(batch=batch, state__in=(FileState.QUEUED, FileState.LOADING))
        has_told = unsettled.update(state=FileState.FAILED, error=error) > 0
        landed = batch.files.filter(state__in=(FileState.LANDED, FileState.DUPLICATE)).count()
        batch.state = BatchState.PARTLY if landed else BatchState.FAILED
        batch.finished_at, batch.error = timezone.now(), None if has_told else error
        batch.save(update_fields=["state", "finished_at", "error"])
        batch_tell(batch)
        audit.record(
            BATCH_INTERRUPTED,
            actor=batch.started_by,
            target=str(batch.public_id),
            dataset=batch.dataset.name,
            files=landed,
        )
    return True


def _try_hold(batch: Batch) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", _lock_of(batch))
        return bool(cursor.fetchone()[0])


def _lock_of(batch: Batch) -> list[int]:
    return [BATCH_LOCK, batch.pk % 2**31]
