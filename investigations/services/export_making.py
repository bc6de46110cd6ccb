"""Making an export's file: claimed by one worker at a time, tried three times, written row by row."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from core.errors import AppError, problem
from investigations.models import Cluster, Export, Run
from investigations.models.choices import ExportFormat, ExportState, ExportSubject
from investigations.reports.cluster_report import cluster_report_pdf
from investigations.reports.csv import csv_write
from investigations.reports.table import Head
from investigations.reports.xlsx import xlsx_write
from investigations.selectors.cluster_report import cluster_report
from investigations.selectors.export_tables import export_tables
from investigations.services.export_files import export_store, making

log = structlog.get_logger("exports")
ATTEMPTS = 3
STALE_AFTER = timedelta(seconds=120)


class _Lost(Exception):
    """Another worker has taken the export over."""


class _GivenUp(AppError):
    code, title, status = "export_failed", "The export could not be made", 500


def export_make(export_id: int) -> Export | None:
    """Makes the file of an open export that nobody works on; None when there is nothing to do or somebody has it."""
    export = _claim(export_id)
    if export is None:
        return None
    try:
        with making(export) as path:
            n_rows = _write(export, path)
            stored = export_store(export, path)
    except _Lost:
        return None
    except (AppError, OSError) as error:
        _fail(export, _as_problem(error))
    except Exception as error:
        log.exception("export.failed", export=export.public_id, attempt=export.attempts)
        if export.attempts >= ATTEMPTS:
            _fail(export, _as_problem(error))
        else:
            _own(export).update(state=ExportState.QUEUED)
    else:
        _own(export).update(
            state=ExportState.READY,
            finished_at=timezone.now(),
            n_rows=n_rows,
            n_rows_total=n_rows,
            n_bytes=stored.n_bytes,
            digest=stored.digest,
            stored_as=stored.stored_as,
            error=None,
        )
    export.refresh_from_db()
    return export


@transaction.atomic
def _claim(export_id: int) -> Export | None:
    """The export, marked as being made by us; the attempt is counted and committed before the work."""
    export = (
        Export.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("dataset", "requested_by")
        .filter(pk=export_id, state__in=(ExportState.QUEUED, ExportState.WORKING))
        .first()
    )
    now = timezone.now()
    if export is None or (
        export.state == ExportState.WORKING and export.heartbeat_at and export.heartbeat_at > now - STALE_AFTER
    ):
        return None
    if export.attempts >= ATTEMPTS:
        error = _GivenUp(
            f"It was tried {ATTEMPTS} times, and each time the worker died.",
            what_to_do="Look at the worker's log and its memory, then make the export again.",
        )
        export.state, export.finished_at, export.error = ExportState.FAILED, now, problem(error)
        export.save(update_fields=["state", "finished_at", "error"])
        return None
    export.state, export.heartbeat_at, export.n_rows = ExportState.WORKING, now, 0
    export.attempts += 1
    export.save(update_fields=["state", "heartbeat_at", "n_rows", "attempts"])
    return export


def _own(export: Export) -> Any:
    """The row, as long as this attempt still holds it."""
    return Export.objects.filter(pk=export.pk, attempts=export.attempts, state=ExportState.WORKING)


def _fail(export: Export, error: dict[str, Any]) -> None:
    _own(export).update(state=ExportState.FAILED, finished_at=timezone.now(), error=error)


def _write(export: Export, path: Path) -> int:
    run = Run.objects.filter(public_id=export.filters["run"]).first() if "run" in export.filters else None
    if export.subject == ExportSubject.CLUSTER_REPORT:
        return _write_report(export, run, path)
    tables = export_tables(export, run)
    head = Head(
        title=export.get_subject_display(),
        dataset=export.dataset.name,
        run=f"{run.number} ({run.public_id})" if run else "none: what people decided",
        filters=filters_text(export.filters),
        made_at=timezone.now(),
        made_by=export.requested_by.label,
    )

    def progress(n: int) -> None:
        if not _own(export).update(n_rows=n, heartbeat_at=timezone.now()):
            raise _Lost

    if export.format == ExportFormat.XLSX:
        return xlsx_write(path, head, tables.sheets, progress=progress)
    return csv_write(path, head, tables.sheets[0], progress=progress)


def _write_report(export: Export, run: Run | None, path: Path) -> int:
    assert run is not None
    cluster = Cluster.objects.select_related("dataset").get(dataset=export.dataset, public_id=export.filters["cluster"])
    report = cluster_report(
        cluster,
        run=run,
        made_at=timezone.now(),
        made_by=export.requested_by.label,
        shows_platform_ids=export.shows_platform_ids,
    )
    path.write_bytes(cluster_report_pdf(report))
    return len(report.members)


def filters_text(filters: dict[str, Any]) -> str:
    """The filters in one line, without the run, which stands apart."""
    said = [
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in sorted(filters.items())
        if name != "run"
    ]
    return "; ".join(said) or "none"


def _as_problem(error: Exception) -> dict[str, Any]:
    if isinstance(error, AppError):
        return problem(error)
    if isinstance(error, OSError):
        detail = f"The file could not be written: {error.strerror or type(error).__name__}."
        return problem(_GivenUp(detail, what_to_do="Free some space where HYDRASCOPE_HOME lies, then try again."))
    return problem(
        _GivenUp("It failed three times on a fault of ours, which was logged.", what_to_do="Report it with the time.")
    )
