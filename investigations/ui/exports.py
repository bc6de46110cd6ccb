"""What the pages of exports show: one's own exports, the form that asks for one, and one export while it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from core.access import Capability
from core.models import Dataset
from investigations.models import Export
from investigations.models.choices import ExportFormat, ExportState, ExportSubject
from investigations.selectors.exports import export_list, export_row
from investigations.selectors.shapes.cases import ExportRow
from investigations.ui.cases import State
from investigations.ui.entries import NOTHING, Draft, Entry, Option, options_of
from investigations.ui.parts import Fact, Link, Paging, page_number, paging_for

STATES: dict[str, tuple[str, str]] = {
    ExportState.QUEUED: ("queued", "neutral"),
    ExportState.WORKING: ("running", "active"),
    ExportState.READY: ("done", "settled"),
    ExportState.FAILED: ("failed", "failed"),
    ExportState.EXPIRED: ("closed", "neutral"),
}
FORM = "export"


@dataclass(frozen=True)
class ExportLine:
    row: ExportRow
    state: State
    href: str
    download_href: str  # empty while there is no file
    percent: float
    filters: tuple[Fact, ...]

    @property
    def is_live(self) -> bool:
        return self.row.state in (ExportState.QUEUED, ExportState.WORKING)


@dataclass(frozen=True)
class ExportListPage:
    title: str
    dataset: str
    lines: tuple[ExportLine, ...]
    paging: Paging
    subject: tuple[Option, ...]
    format: tuple[Option, ...]
    chosen_subject: str
    chosen_format: str
    subject_error: str
    format_error: str
    cluster: Entry
    ids_words: str
    error: str
    what_to_do: str


@dataclass(frozen=True)
class ExportPage:
    line: ExportLine
    crumbs: tuple[Link, ...]
    title: str
    problem: str
    progress_href: str
    sentence: str


def export_list_page(dataset: Dataset | None, query: QueryDict, user: Any, draft: Draft = NOTHING) -> ExportListPage:
    """One's own exports of a dataset, and the form that asks for another."""
    found = export_list(dataset, user=user, page=page_number(query))
    n = found.n_matching
    unplaced = draft.unplaced(("subject", "format", "cluster"))
    text = ""
    if draft.error:
        text = f"Nothing was exported. {unplaced}".strip() if draft.errors else draft.error.detail
    shows_ids = Capability.PLATFORM_IDS in user.capabilities
    return ExportListPage(
        title=f"{n:,} export{'' if n == 1 else 's'} of yours" if n else "No exports of yours yet",
        dataset=dataset.name if dataset else "",
        lines=tuple(export_line(row) for row in found.items),
        paging=paging_for(query, page=found.number, total=n, size=found.size),
        subject=options_of(ExportSubject.choices),
        format=options_of(ExportFormat.choices),
        chosen_subject=draft.value(FORM, "subject", ExportSubject.CLUSTERS),
        chosen_format=draft.value(FORM, "format", ExportFormat.CSV),
        subject_error=draft.fault(FORM, "subject"),
        format_error=draft.fault(FORM, "format"),
        cluster=Entry(
            "cluster",
            "Cluster",
            draft.value(FORM, "cluster"),
            draft.fault(FORM, "cluster"),
            help="For members, verdicts or a report of one cluster: its id, clu_…",
            max_length=40,
            prefix="export-",
        ),
        ids_words=(
            "Your files name accounts by the platform's own ids beside ours."
            if shows_ids
            else "Your files name accounts by our ids only; values of people are masked."
        ),
        error=text,
        what_to_do=draft.error.what_to_do if draft.error else "",
    )


def export_page(export: Export) -> ExportPage:
    """One export."""
    line = export_line(export_row(export))
    row = line.row
    problem = row.error or {}
    return ExportPage(
        line=line,
        crumbs=(Link("Exports", reverse("export-list")), Link(row.public_id)),
        title=f"{row.subject_label} of {row.dataset} as {ExportFormat(row.format).label}",
        problem=f"{problem.get('detail', '')} {problem.get('what_to_do', '')}".strip(),
        progress_href=reverse("export-progress", args=[row.public_id]),
        sentence=_sentence(row),
    )


def export_line(row: ExportRow) -> ExportLine:
    """An export as a line of the list."""
    symbol, tone = STATES[row.state]
    is_ready = row.state == ExportState.READY
    share = 100 * row.n_rows / row.n_rows_total if row.n_rows_total else 0.0
    return ExportLine(
        row=row,
        state=State(symbol, tone, row.state_label),
        href=reverse("export-detail", args=[row.public_id]),
        download_href=reverse("export-download", args=[row.public_id]) if is_ready else "",
        percent=100.0 if is_ready else min(share, 100.0),
        filters=tuple(Fact(name.replace("_", " "), _shown(value)) for name, value in sorted(row.filters.items())),
    )


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _sentence(row: ExportRow) -> str:
    total = f" of {row.n_rows_total:,}" if row.n_rows_total else ""
    return {
        ExportState.QUEUED: "Waiting for a worker. You can leave this page.",
        ExportState.WORKING: f"{row.n_rows:,}{total} rows written. You can leave this page.",
        ExportState.READY: "The file is ready, and is kept for 24 hours.",
        ExportState.FAILED: "The file could not be made. Nothing of it was kept.",
        ExportState.EXPIRED: "The file was removed after 24 hours. Ask for it again.",
    }[ExportState(row.state)]
