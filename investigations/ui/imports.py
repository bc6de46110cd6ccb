"""What the pages of imports are given: batches in words, live progress by file, refused rows, the format expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from accounts.ingest.tables import TABLES, Table
from accounts.models import Batch, BatchFile, Reject
from accounts.models.batch import OPEN_BATCH_STATES
from accounts.selectors.imports import BatchDetail, FileRow, batch_detail, batch_list, reject_list
from core.access import Capability
from core.models import Dataset
from investigations.ui.parts import PAGE_SIZE, Fact, Link, Paging, Step, page_number, paging_for
from investigations.ui.runs import State
from investigations.ui.templatetags.console import byte_size, number, percent

BATCH_LOOKS = {
    "queued": ("queued", "neutral"),
    "loading": ("running", "active"),
    "landed": ("done", "settled"),
    "partly": ("caution", "caution"),
    "failed": ("failed", "failed"),
}
STEP_STATES = {
    "queued": "waiting",
    "loading": "running",
    "landed": "done",
    "duplicate": "done",
    "refused": "failed",
    "failed": "failed",
}
TABLE_NOTES = {
    "accounts": "one row an account",
    "sessions": "one row a session: where from, on what",
    "identifiers": "one row a value that an account was seen with",
    "exchanges": "one row a request, by fingerprints",
    "truth": "known operators, for evaluation only",
}
REJECT_COLUMNS = ("file", "table", "line", "column", "code", "reason")


@dataclass(frozen=True)
class ImportLine:
    """A row of the list."""

    href: str
    name: str
    state: State
    created_at: datetime
    started_by: str
    n_files: int
    n_bytes: int
    accepted: int
    refused: int
    duplicates: int
    waiting: int


@dataclass(frozen=True)
class Format:
    """What one table of the format holds."""

    name: str
    note: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


@dataclass(frozen=True)
class ImportListPage:
    title: str
    lines: tuple[ImportLine, ...]
    paging: Paging
    may_import: bool
    create_href: str
    datasets: tuple[str, ...]
    formats: tuple[Format, ...]
    is_live: bool
    refresh_href: str


@dataclass(frozen=True)
class Problem:
    """A file that did not land."""

    file: str
    word: str
    detail: str
    what_to_do: str


@dataclass(frozen=True)
class ImportProgressPart:
    """The part of the page that refreshes itself while files load."""

    title: str
    state: State
    percent: float
    sentence: str
    announcement: str
    steps: tuple[Step, ...]
    href: str
    is_live: bool


@dataclass(frozen=True)
class RejectPage:
    rows: tuple[Reject, ...]
    paging: Paging
    n_refused: int
    csv_href: str


@dataclass(frozen=True)
class ImportPage:
    detail: BatchDetail
    title: str
    crumbs: tuple[Link, ...]
    progress: ImportProgressPart
    problems: tuple[Problem, ...]
    has_landed: bool
    facts: tuple[Fact, ...]
    rejects: RejectPage


def import_list_page(dataset: Dataset | None, query: QueryDict, capabilities: frozenset[Capability]) -> ImportListPage:
    """The dataset's imports and what the form beside them needs."""
    page = page_number(query)
    found = batch_list(dataset) if dataset else Batch.objects.none()
    total = found.count()
    rows = list(found.prefetch_related("files")[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    n_open = sum(batch.state in OPEN_BATCH_STATES for batch in rows)
    return ImportListPage(
        title=f"{n_open} of {total} imports under way" if n_open else "Imports",
        lines=tuple(_line(batch) for batch in rows),
        paging=paging_for(query, page=page, total=total),
        may_import=Capability.IMPORT in capabilities,
        create_href=reverse("import-create"),
        datasets=tuple(Dataset.objects.values_list("name", flat=True)),
        formats=tuple(_format(table) for table in TABLES.values()),
        is_live=bool(n_open),
        refresh_href=f"{reverse('import-list')}?page={page}",
    )


def import_page(batch: Batch, query: QueryDict) -> ImportPage:
    """Everything the page of one import shows."""
    detail = batch_detail(batch)
    return ImportPage(
        detail=detail,
        title=_title(detail),
        crumbs=(Link("Imports", reverse("import-list")), Link(_name([file.name for file in detail.files]))),
        progress=import_progress(detail),
        problems=tuple(_problems(detail)),
        has_landed=any(sum(counts[0] for _, *counts in file.counts) for file in detail.files) and not detail.is_open,
        facts=_facts(detail),
        rejects=_rejects(batch, detail, query),
    )


def import_progress(detail: BatchDetail) -> ImportProgressPart:
    """The live part: each file with how much of it was read."""
    symbol, tone = BATCH_LOOKS[detail.state]
    n_over = sum(file.state not in OPEN_BATCH_STATES for file in detail.files)
    return ImportProgressPart(
        title=_title(detail),
        state=State(symbol, detail.state_label, tone),
        percent=round(100 * detail.share, 1),
        sentence=_sentence(detail),
        announcement=f"Import: {detail.state_label}, {n_over} of {len(detail.files)} files",
        steps=tuple(_step(file) for file in detail.files),
        href=reverse("import-progress", args=[detail.public_id]),
        is_live=detail.is_open,
    )


def reject_lines(rejects: Iterable[Reject]) -> Iterator[tuple[object, ...]]:
    """Refused rows for a file: where and why, never the row itself."""
    for row in rejects:
        yield row.batch_file.name, row.table, row.line, row.column, row.code, row.reason


def _line(batch: Any) -> ImportLine:
    symbol, tone = BATCH_LOOKS[batch.state]
    files: list[BatchFile] = list(batch.files.all())
    read, size = sum(file.n_bytes_read for file in files), sum(file.n_bytes for file in files)
    detail = percent(read / size) if batch.state == "loading" and size else ""
    return ImportLine(
        href=reverse("import-detail", args=[batch.public_id]),
        name=_name([file.name for file in files]),
        state=State(symbol, batch.get_state_display(), tone, detail),
        created_at=batch.created_at,
        started_by=batch.started_by.label if batch.started_by else "command",
        n_files=len(files),
        n_bytes=size,
        accepted=sum(sum(file.accepted.values()) for file in files),
        refused=sum(sum(file.refused.values()) for file in files),
        duplicates=sum(sum(file.duplicates.values()) for file in files),
        waiting=sum(sum(file.waiting.values()) for file in files),
    )


def _name(names: list[str]) -> str:
    """The first file and how many more."""
    if not names:
        return "no files"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _format(table: Table) -> Format:
    optional = tuple(name for name in table.names if name not in table.required)
    return Format(table.name, TABLE_NOTES[table.name], table.required, optional)


def _sums(detail: BatchDetail) -> tuple[int, ...]:
    """Rows accepted, refused, there already, waiting."""
    return tuple(sum(counts[i] for _, *counts in detail.totals) for i in range(4))


def _title(detail: BatchDetail) -> str:
    accepted, refused, same, _ = _sums(detail)
    if detail.is_open:
        return "The import is waiting to load" if detail.state == "queued" else "The import is loading"
    if detail.state == "failed" or not (accepted or refused or same):
        return "Nothing of this import landed" if detail.state == "failed" else "This import brought nothing new"
    also = f", {refused:,} were refused" if refused else ""
    return f"{accepted:,} rows landed{also}"


def _sentence(detail: BatchDetail) -> str:
    if detail.state == "queued":
        return "Waiting for a worker. It starts as soon as one is free; you can leave this page."
    n_rows = sum(file.n_rows_read for file in detail.files)
    if detail.is_open:
        read = sum(file.n_bytes_read for file in detail.files)
        size = sum(file.n_bytes for file in detail.files)
        return f"{percent(detail.share)} read: {number(n_rows)} rows, {byte_size(read)} of {byte_size(size)}."
    return f"{number(n_rows)} rows read."


def _step(file: FileRow) -> Step:
    rows = f"{file.n_rows_read:,} rows" if file.n_rows_read else ""
    label = file.state_label if file.state in ("duplicate", "refused", "failed") else rows
    return Step(file.name, STEP_STATES[file.state], 100 * file.share, label, byte_size(file.n_bytes))


def _problems(detail: BatchDetail) -> Iterator[Problem]:
    if detail.error:
        heading = "Cut off" if detail.error.get("code") == "interrupted" else "Given up"
        yield Problem("", heading, detail.error.get("detail", ""), detail.error.get("what_to_do", ""))
    for file in detail.files:
        if file.error:
            yield Problem(file.name, file.state_label, file.error.get("detail", ""), file.error.get("what_to_do", ""))
        elif file.state == "refused":
            yield Problem(
                file.name,
                file.state_label,
                "It has rows that were refused, and it was to be taken whole or not at all.",
                "Correct the rows listed below and send it again.",
            )


def _facts(detail: BatchDetail) -> tuple[Fact, ...]:
    return (
        Fact("Dataset", detail.dataset),
        Fact("Sent by", detail.started_by or "command"),
        Fact("Bad rows", "refuse their file" if detail.is_strict else "are left out and listed"),
        Fact("Mapping file", "yes" if detail.has_mapping else "none"),
        Fact("Size", byte_size(sum(file.n_bytes for file in detail.files))),
        Fact("Sent", at=detail.created_at),
        *((Fact("Over", at=detail.finished_at),) if detail.finished_at else ()),
        Fact("Id", detail.public_id, copies="import id"),
    )


def _rejects(batch: Batch, detail: BatchDetail, query: QueryDict) -> RejectPage:
    page = page_number(query)
    rows = reject_list(batch).defer("row_sealed")[(page - 1) * PAGE_SIZE : page * PAGE_SIZE] if detail.n_rejects else ()
    return RejectPage(
        rows=tuple(rows),
        paging=paging_for(query, page=page, total=detail.n_rejects),
        n_refused=_sums(detail)[1],
        csv_href=reverse("import-rejects-csv", args=[detail.public_id]),
    )
