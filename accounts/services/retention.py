"""What goes by itself: sealed uploads and refused rows after their hours, old exchanges, rows that waited in vain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.event_store.store import EXCHANGES, ROWS_PER_GROUP, EventWriter, moment, orphans_remove, store_root
from accounts.models import Batch, EventDirectory, Reject, WaitingRow
from accounts.models.batch import OPEN_BATCH_STATES
from accounts.services.load_lock import load_lock
from accounts.services.uploads import uploads_remove
from core import audit
from core.models import Dataset
from core.models.dataset import DatasetKind

EXCHANGES_EXPIRED = audit.register("exchanges.expired", "Exchanges older than the dataset's retention were removed")


@dataclass
class Swept:
    """What one sweep removed."""

    n_uploads: int = 0
    n_rejected_rows: int = 0
    n_waiting: int = 0
    n_exchanges: int = 0


def retention_sweep() -> Swept:
    """Removes what has outlived its retention, in all live datasets; demo and evaluation data stay."""
    now, swept = timezone.now(), Swept()
    swept.n_rejected_rows = Reject.objects.filter(expires_at__lte=now, row_sealed__isnull=False).update(row_sealed=None)
    swept.n_waiting = WaitingRow.objects.filter(expires_at__lte=now).delete()[0]
    for dataset in Dataset.objects.filter(kind=DatasetKind.LIVE):
        if dataset.upload_retention_hours is not None:
            before = now - timedelta(hours=dataset.upload_retention_hours)
            old = Batch.objects.filter(dataset=dataset, created_at__lte=before).exclude(state__in=OPEN_BATCH_STATES)
            for batch in old.filter(files__stored_as__gt="").distinct():
                uploads_remove(batch)
                swept.n_uploads += 1
        if dataset.exchange_retention_days is not None:
            swept.n_exchanges += exchanges_expire(dataset, days=dataset.exchange_retention_days)
    return swept


def exchanges_expire(dataset: Dataset, *, days: int) -> int:
    """Removes exchanges older than `days` before the dataset's newest one; returns how many went.

    A directory that is wholly older is no longer listed; one that straddles the line is rewritten under a new row.
    """
    listed = EventDirectory.objects.filter(dataset=dataset, replaced_at__isnull=True)
    newest = listed.aggregate(newest=Max("max_at"))["newest"]
    if newest is None or not listed.filter(min_at__lt=newest - timedelta(days=days)).exists():
        return 0
    line = newest - timedelta(days=days)
    with load_lock(dataset):
        n = sum(_directory_expire(row, int(line.timestamp() * 1_000_000)) for row in listed.filter(min_at__lt=line))
        EventDirectory.objects.filter(dataset=dataset, replaced_at__isnull=False).delete()
        orphans_remove(dataset)
    audit.record(EXCHANGES_EXPIRED, dataset=dataset.name, exchanges=n, before=line.isoformat())
    return n


def _directory_expire(row: EventDirectory, line: int) -> int:
    writer, earliest = EventWriter(row.dataset), None
    for path in sorted((store_root() / row.path).glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_PER_GROUP):
            at = np.asarray(batch.column("at"))
            young = at >= line
            if young.any():
                writer.write(batch.cast(EXCHANGES).filter(pa.array(young)))
                first = int(at[young].min())
                earliest = first if earliest is None else min(earliest, first)
    n_gone = row.n_rows - writer.n_rows
    with transaction.atomic():
        row.replaced_at = timezone.now()
        row.save(update_fields=["replaced_at"])
        if earliest is not None:
            written = writer.finish()
            EventDirectory.objects.create(
                dataset=row.dataset,
                batch_file=row.batch_file,
                path=written.path,
                digest=written.digest,
                key_id=row.key_id,
                n_rows=written.n_rows,
                n_bytes=written.n_bytes,
                min_at=max(row.min_at, moment(earliest)),
                max_at=row.max_at,
            )
    return int(n_gone)
