"""Batches, their files and refused rows, as the import page and the API show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet, Sum

from accounts.models import Batch, BatchFile, Reject
from accounts.models.batch import OPEN_BATCH_STATES
from core.models import Dataset


@dataclass(frozen=True)
class FileRow:
    """One file of a batch."""

    name: str
    state: str
    state_label: str
    n_bytes: int
    n_bytes_read: int
    n_rows_read: int
    counts: tuple[tuple[str, int, int, int, int], ...]
    """Table with rows accepted, refused, there already, waiting for their account."""
    error: dict[str, str] | None
    n_rejects: int

    @property
    def share(self) -> float:
        """How much of the file was read, 0 to 1."""
        return self.n_bytes_read / self.n_bytes if self.n_bytes else 0.0


@dataclass(frozen=True)
class BatchDetail:
    """A batch with its files and totals."""

    public_id: str
    dataset: str
    state: str
    state_label: str
    is_open: bool
    is_strict: bool
    has_mapping: bool
    started_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: dict[str, Any] | None
    files: tuple[FileRow, ...]
    n_rejects: int

    @property
    def share(self) -> float:
        """How much of all files was read, 0 to 1."""
        total = sum(file.n_bytes for file in self.files)
        return sum(file.n_bytes_read for file in self.files) / total if total else 0.0

    @property
    def totals(self) -> tuple[tuple[str, int, int, int, int], ...]:
        """The files' counts summed by table."""
        sums: dict[str, list[int]] = {}
        for file in self.files:
            for table, *counts in file.counts:
                sums[table] = [a + b for a, b in zip(sums.get(table, [0] * 4), counts, strict=True)]
        return tuple((table, *counts) for table, counts in sums.items())  # type: ignore[misc]


def batch_list(dataset: Dataset | None = None) -> QuerySet[Batch]:
    """Batches, the newest first, with `n_files` and `n_bytes`."""
    rows = Batch.objects.select_related("dataset", "started_by")
    rows = rows.filter(dataset=dataset) if dataset else rows
    return rows.annotate(n_files=Count("files"), n_bytes=Sum("files__n_bytes")).order_by("-created_at", "-id")


def batch_detail(batch: Batch) -> BatchDetail:
    """Everything that the import's page shows but its refused rows. One query beyond the batch's own."""
    files = BatchFile.objects.filter(batch=batch).annotate(n_rejects=Count("rejects")).order_by("id")
    rows = tuple(_file_row(file) for file in files)
    return BatchDetail(
        public_id=str(batch.public_id),
        dataset=batch.dataset.name,
        state=batch.state,
        state_label=batch.get_state_display(),
        is_open=batch.state in OPEN_BATCH_STATES,
        is_strict=batch.is_strict,
        has_mapping=bool(batch.mapping),
        started_by=batch.started_by.get_username() if batch.started_by else "",
        created_at=batch.created_at,
        started_at=batch.started_at,
        finished_at=batch.finished_at,
        error=batch.error,
        files=rows,
        n_rejects=sum(row.n_rejects for row in rows),
    )


def reject_list(batch: Batch) -> QuerySet[Reject]:
    """The batch's refused rows with their files, in order."""
    return (
        Reject.objects.filter(batch_file__batch=batch).select_related("batch_file").order_by("batch_file", "line", "id")
    )


def _file_row(file: Any) -> FileRow:
    tables = dict.fromkeys([*file.accepted, *file.refused, *file.duplicates, *file.waiting])
    columns = (file.accepted, file.refused, file.duplicates, file.waiting)
    return FileRow(
        name=file.name,
        state=file.state,
        state_label=file.get_state_display(),
        n_bytes=file.n_bytes,
        n_bytes_read=file.n_bytes_read,
        n_rows_read=file.n_rows_read,
        counts=tuple((table, *(column.get(table, 0) for column in columns)) for table in tables),  # type: ignore[misc]
        error=file.error,
        n_rejects=file.n_rejects,
    )
