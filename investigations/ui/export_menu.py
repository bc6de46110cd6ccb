"""The menu of everything that can be taken out of a page: lists and reports, which are recorded, and its charts' rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from core.access import Capability
from investigations.models.choices import ExportFormat, ExportSubject
from investigations.selectors.shapes.clusters import ClusterDetail
from investigations.ui.parts import Link

CHARTS = {
    "cluster-detail": ("cluster-evidence-csv", "Evidence by family (CSV)"),
    "cluster-activity": ("cluster-activity-csv", "Activity of the shown accounts (CSV)"),
}
"""By a cluster's tab the address of its chart's rows, and what they are."""
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ExportGroup:
    """One thing in the formats that it comes in; `fields` say which."""

    label: str
    fields: tuple[tuple[str, str], ...]
    formats: tuple[tuple[str, str], ...]  # value and words


@dataclass(frozen=True)
class ExportMenu:
    """What stands in the menu; `downloads` are rows of the page's charts, which need no right of their own."""

    href: str
    groups: tuple[ExportGroup, ...]
    downloads: tuple[Link, ...] = ()


def export_menu(user: Any, groups: Sequence[ExportGroup], downloads: Sequence[Link] = ()) -> ExportMenu | None:
    """The menu for this person; None where it would be empty."""
    may = Capability.EXPORT in user.capabilities
    if not (downloads or (may and groups)):
        return None
    return ExportMenu(reverse("export-create"), tuple(groups) if may else (), tuple(downloads))


def list_group(label: str, subject: ExportSubject, fields: Fields, *, excel: str = "Excel (XLSX)") -> ExportGroup:
    """A list as CSV or Excel."""
    formats = ((ExportFormat.CSV.value, "CSV"), (ExportFormat.XLSX.value, excel))
    return ExportGroup(label, (("subject", subject.value), *fields), formats)


def cluster_exports(user: Any, detail: ClusterDetail, *, tab: str, run: str) -> ExportMenu | None:
    """What can be taken out of a tab of a cluster: its members, its report, the rows behind the tab's chart."""
    which = (("dataset", detail.dataset), ("cluster", detail.row.public_id), ("run", detail.run.public_id))
    report = (("subject", ExportSubject.CLUSTER_REPORT.value), *which)
    groups = (
        list_group(f"All {detail.row.n_accounts:,} members", ExportSubject.MEMBERS, which),
        ExportGroup("Report for the file", report, ((ExportFormat.PDF.value, "PDF"),)),
    )
    name, label = CHARTS.get(tab, ("", ""))
    query = f"?{urlencode({'run': run})}" if run else ""
    rows = [Link(label, reverse(name, args=[detail.row.public_id]) + query)] if name else []
    return export_menu(user, groups, rows)
