from __future__ import annotations

from celery import shared_task

from accounts.models import Batch
from accounts.services.batches import batches_interrupted
from accounts.services.retention import retention_sweep
from accounts.services.uploads import batch_load, batches_stale


@shared_task(name="accounts.batch_ingest", ignore_result=True)
def batch_ingest(batch_id: int) -> None:
    """Loads a queued batch; a lost worker's batch is taken up again by the sweep, at most three times."""
    batch = Batch.objects.select_related("dataset", "started_by").filter(pk=batch_id).first()
    if batch is not None:
        batch_load(batch)


@shared_task(name="accounts.batches_sweep", ignore_result=True)
def batches_sweep() -> None:
    """Sends batches again whose worker was lost or whose message never came; ends those of commands that died."""
    batches_interrupted()
    for number in batches_stale():
        batch_ingest.delay(number)


@shared_task(name="accounts.retention", ignore_result=True)
def retention() -> None:
    """Removes what has outlived its retention; beat runs it every hour."""
    retention_sweep()
