"""Reading exports: those that a person made, newest first."""

from __future__ import annotations

from datetime import timedelta

from core.models import Dataset
from investigations.models import Export
from investigations.models.choices import ExportState
from investigations.selectors.listing import page_read
from investigations.selectors.shapes.cases import ExportRow
from investigations.selectors.shapes.page import Page
from staff.models import User

KEPT_FOR = timedelta(hours=24)
"""How long a finished file can be downloaded."""


def export_list(
    dataset: Dataset | None, *, user: User, page: int = 1, size: int = 50, cursor: str = ""
) -> Page[ExportRow]:
    """A page of the person's own exports. Two queries."""
    rows = Export.objects.filter(requested_by=user).select_related("dataset").order_by("-created_at", "-id")
    if dataset is not None:
        rows = rows.filter(dataset=dataset)
    scope = f"exports {dataset} {user.pk}"
    return page_read(rows, export_row, n_total=rows.count(), page=page, size=size, cursor=cursor, scope=scope)


def export_row(export: Export) -> ExportRow:
    """An export as lists and its page show it."""
    ready = export.state == ExportState.READY and export.finished_at is not None
    return ExportRow(
        public_id=export.public_id,
        dataset=export.dataset.name,
        subject=export.subject,
        subject_label=export.get_subject_display(),
        format=export.format,
        state=export.state,
        state_label=export.get_state_display(),
        filters=export.filters,
        created_at=export.created_at,
        finished_at=export.finished_at,
        expires_at=export.finished_at + KEPT_FOR if ready and export.finished_at else None,
        n_rows=export.n_rows,
        n_rows_total=export.n_rows_total,
        n_bytes=export.n_bytes,
        digest=export.digest,
        shows_platform_ids=export.shows_platform_ids,
        error=export.error,
    )
