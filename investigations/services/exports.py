"""Taking lists and reports out: asked for, recorded, made at once or by a worker, downloaded, removed after a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from core import audit
from core.access import Capability, require
from core.errors import AppError, Conflict, InvalidInput
from core.models import Dataset
from investigations.models import Cluster, Export, Run
from investigations.models.choices import ExportFormat, ExportState, ExportSubject, Position
from investigations.selectors.clusters import CLUSTER_SORTS, cluster_filters_from
from investigations.selectors.export_tables import export_tables
from investigations.selectors.exports import KEPT_FOR
from investigations.selectors.listing import known_id
from investigations.selectors.runs import run_latest
from investigations.selectors.shapes.clusters import ClusterFilters
from investigations.selectors.verdicts import verdict_filters_from
from investigations.services.export_files import export_folder, export_path
from investigations.services.export_making import STALE_AFTER, export_make
from investigations.services.text import Faults
from staff.models import User

EXPORT_REQUESTED = audit.register("export.requested", "Somebody asked for a list or report to take out")
EXPORT_DOWNLOADED = audit.register("export.downloaded", "Somebody downloaded an export")
EXPORT_REMOVED = audit.register("export.removed", "An export's file was removed because its time was up")

ROWS_AT_ONCE = 5_000
CONTENT_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ExportFormat.PDF: "application/pdf",
}
FORMATS: dict[str, tuple[str, ...]] = {
    ExportSubject.CLUSTERS: (ExportFormat.CSV, ExportFormat.XLSX),
    ExportSubject.MEMBERS: (ExportFormat.CSV, ExportFormat.XLSX),
    ExportSubject.VERDICTS: (ExportFormat.CSV, ExportFormat.XLSX),
    ExportSubject.CLUSTER_REPORT: (ExportFormat.PDF,),
}
FILTERS: dict[str, tuple[str, ...]] = {
    ExportSubject.CLUSTERS: (*ClusterFilters.__dataclass_fields__, "sort", "run"),
    ExportSubject.MEMBERS: ("run", "cluster", "position", "actionable"),
    ExportSubject.VERDICTS: (
        "same_operator", "abusive", "author", "case", "cluster", "standing_only", "text", "sort", "table",
    ),
    ExportSubject.CLUSTER_REPORT: ("run", "cluster"),
}  # fmt: skip
TABLES = ("verdicts", "standings")


@dataclass(frozen=True)
class ExportFile:
    """A finished file, ready to be sent."""

    path: Path
    name: str
    content_type: str
    n_bytes: int
    digest: str


def export_request(
    dataset: Dataset,
    *,
    by: User,
    subject: str,
    format: str,  # noqa: A002
    filters: Mapping[str, Any] | None = None,
) -> Export:
    """The export, recorded; ready on return when it is small, else queued for a worker (the caller hints one)."""
    require(by, Capability.EXPORT)
    _kind_check(subject, format)
    clean = _filters_clean(dataset, subject, format, filters or {})
    export = Export(
        dataset=dataset,
        subject=subject,
        format=format,
        filters=clean,
        shows_platform_ids=Capability.PLATFORM_IDS in by.capabilities,
        requested_by=by,
    )
    is_list = subject != ExportSubject.CLUSTER_REPORT
    export.n_rows_total = export_tables(export, export_run(export)).n_rows if is_list else 1
    with transaction.atomic():
        export.save()
        audit.record(
            EXPORT_REQUESTED,
            actor=by,
            target=export.public_id,
            dataset=dataset.name,
            subject=subject,
            format=format,
            filters={name: value for name, value in clean.items() if name != "text"},
            shows_platform_ids=export.shows_platform_ids,
            n_rows=export.n_rows_total,
        )
    if export.n_rows_total <= ROWS_AT_ONCE:
        export_make(export.pk)
        export.refresh_from_db()
    return export


def export_open(export: Export, *, by: User) -> ExportFile:
    """The finished file, with an audit entry for the download; only for the person who asked for it."""
    require(by, Capability.EXPORT)
    row = Export.objects.select_related("dataset").get(pk=export.pk)
    if row.requested_by_id != by.pk:
        raise _gone(row)
    if row.state in (ExportState.QUEUED, ExportState.WORKING):
        raise Conflict("The export is still being made.", code="export_not_ready", what_to_do="Come back in a moment.")
    path = export_path(row)
    if row.state != ExportState.READY or not path.is_file():
        raise _gone(row)
    audit.record(EXPORT_DOWNLOADED, actor=by, target=row.public_id, dataset=row.dataset.name, digest=row.digest)
    return ExportFile(path, _file_name(row), CONTENT_TYPES[ExportFormat(row.format)], row.n_bytes, row.digest)


def exports_to_hint() -> list[Export]:
    """Exports that nobody works on: a message was lost, or a worker died."""
    now = timezone.now()
    waiting = Q(state=ExportState.QUEUED, created_at__lt=now - timedelta(seconds=10))
    stale = Q(state=ExportState.WORKING, heartbeat_at__lt=now - STALE_AFTER)
    return list(Export.objects.filter(waiting | stale).order_by("created_at")[:50])


def exports_remove_old() -> int:
    """Removes the files of exports whose day is over, and what died half-made; returns how many exports expired."""
    now = timezone.now()
    over = Export.objects.filter(state=ExportState.READY, finished_at__lt=now - KEPT_FOR)
    n = 0
    for export in over.select_related("dataset"):
        export_path(export).unlink(missing_ok=True)
        with transaction.atomic():
            if not Export.objects.filter(pk=export.pk, state=ExportState.READY).update(state=ExportState.EXPIRED):
                continue
            audit.record(EXPORT_REMOVED, target=export.public_id, dataset=export.dataset.name)
        n += 1
    _orphans_remove((now - KEPT_FOR - STALE_AFTER).timestamp())
    return n


def export_run(export: Export) -> Run | None:
    """The run that the export's filters name."""
    return Run.objects.filter(public_id=export.filters["run"]).first() if "run" in export.filters else None


# --- helpers ----------------------------------------------------------------------------------------------------------


def _kind_check(subject: str, format: str) -> None:  # noqa: A002
    faults = Faults()
    if subject not in FORMATS:
        faults.add("subject", f"Choose one of: {', '.join(FORMATS)}.")
    elif format not in FORMATS[subject]:
        faults.add("format", f"{ExportSubject(subject).label} come as {' or '.join(FORMATS[subject])}.")
    faults.raise_if_any()


def _filters_clean(dataset: Dataset, subject: str, format: str, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002
    """The filters as they are kept: checked, without empty ones, pinned to a run where a run matters."""
    unknown = sorted(set(given) - set(FILTERS[subject]))
    if unknown:
        raise InvalidInput(
            f"{ExportSubject(subject).label} have no filter “{str(unknown[0])[:40]}”.",
            code="bad_filter",
            what_to_do=f"Filters: {', '.join(FILTERS[subject])}.",
            fields={str(name)[:40]: ["Unknown filter."] for name in unknown},
        )
    clean = {name: _value(value) for name, value in given.items() if value not in (None, "", [], ())}
    if subject == ExportSubject.VERDICTS:
        verdict_filters_from({name: value for name, value in clean.items() if name != "table"})
        if format == ExportFormat.CSV:  # one table a file
            clean.setdefault("table", "verdicts")
        if clean.get("table", "verdicts") not in TABLES:
            raise _bad_filter("table", f"Choose one of: {', '.join(TABLES)}.")
        for name, prefix in (("author", "usr"), ("case", "cas"), ("cluster", "clu")):
            if name in clean:
                known_id(clean[name], prefix)
        return clean
    run = _run_pinned(dataset, clean.get("run"))
    clean["run"] = run.public_id
    if subject == ExportSubject.CLUSTERS:
        cluster_filters_from({name: value for name, value in clean.items() if name not in ("run", "sort")})
        if clean.get("sort", "worth").removeprefix("-") not in CLUSTER_SORTS:
            raise _bad_filter("sort", f"Choose one of: {', '.join(CLUSTER_SORTS)}.")
        return clean
    _members_check(dataset, subject, run, clean)
    return clean


def _members_check(dataset: Dataset, subject: str, run: Run, clean: dict[str, Any]) -> None:
    if not run.has_rows:
        raise Conflict(
            f"The members of run {run.number} are gone: only the last two runs keep them.",
            code="run_without_rows",
            what_to_do="Export from the latest run.",
        )
    if clean.get("position") and clean["position"] not in Position.values:
        raise _bad_filter("position", f"Choose one of: {', '.join(Position.values)}.")
    if "actionable" in clean:
        if str(clean["actionable"]).lower() not in _YES_NO:
            raise _bad_filter("actionable", "true or false.")
        clean["actionable"] = _YES_NO[str(clean["actionable"]).lower()]
    if "cluster" in clean:
        number = known_id(str(clean["cluster"]), "clu")
        if not Cluster.objects.filter(dataset=dataset, public_id=number, versions__run=run).exists():
            raise _bad_filter("cluster", f"Run {run.number} of “{dataset.name}” found no such cluster.")
    elif subject == ExportSubject.CLUSTER_REPORT:
        raise _bad_filter("cluster", "Say which cluster the report is about.")


_YES_NO = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False}


def _run_pinned(dataset: Dataset, given: object) -> Run:
    if not given:
        run = run_latest(dataset)
        if run is None:
            raise Conflict(
                f"“{dataset.name}” has no finished run, so there is nothing to take out.",
                code="no_run",
                what_to_do="Start a run first.",
            )
        return run
    found = Run.objects.filter(dataset=dataset, public_id=known_id(str(given), "run"), state="done").first()
    if found is None:
        raise _bad_filter("run", f"“{dataset.name}” has no finished run with this id.")
    return found


def _value(value: Any) -> Any:
    """A filter's value as JSON keeps it; a text that can't be stored is refused."""
    if isinstance(value, list | tuple):
        return [_value(v) for v in value]
    if isinstance(value, bool | int | float):
        return value
    text = str(value)
    if len(text) > 200 or "\x00" in text or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise InvalidInput(
            "A filter's value is longer than 200 characters or holds what is no character.", code="bad_filter"
        )
    return text


def _bad_filter(name: str, message: str) -> InvalidInput:
    return InvalidInput(f"{name}: {message}", code="bad_filter", fields={name: [message]})


def _gone(row: Export) -> AppError:
    return Conflict(
        "The file of this export is not here any more.",
        code="export_gone",
        title="The export is gone",
        status=410,
        what_to_do="Files are kept for 24 hours. Make the export again.",
    )


def _file_name(row: Export) -> str:
    run = export_run(row)
    parts = [row.dataset.name, row.subject.replace("_", "-"), f"run-{run.number}" if run else ""]
    return f"hydrascope-{'-'.join(p for p in parts if p)}-{row.created_at:%Y%m%d-%H%M%S}.{row.format}"


def _orphans_remove(before: float) -> None:
    """Files and half-made folders that no finished export owns and that nobody can be writing any more."""
    root = export_folder()
    if not root.is_dir():
        return
    known = set(Export.objects.filter(state=ExportState.READY).values_list("stored_as", flat=True))
    for path in root.glob("*/*"):
        name = f"{path.parent.name}/{path.name}"
        if name in known or path.stat().st_mtime >= before:
            continue
        if path.is_dir():
            for inner in path.iterdir():
                inner.unlink(missing_ok=True)
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
