"""The list of clusters as its address says: filters, sort, page, and the links that change one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from core.models import Dataset
from investigations import charts
from investigations.linkage.types import FAMILIES
from investigations.models import Run
from investigations.selectors.clusters import cluster_filters_from, cluster_list
from investigations.selectors.shapes.clusters import ClusterFilters, ClusterPage, ClusterRow, WorthReason
from investigations.selectors.shapes.runs import RunStatus
from investigations.ui.figures import families_mask, millibits, worth_meter
from investigations.ui.parts import PAGE_SIZE, Column, Link, Paging, changed, page_number, paging_for
from investigations.ui.templatetags.console import lower_first

FILTER_NAMES = tuple(ClusterFilters.__dataclass_fields__)
KEPT = (*FILTER_NAMES, "sort", "view")
LARGE = 0.5
"""Of the part size: 32 accounts."""
CHANGE_SYMBOLS = {"born": "new", "grew": "grown", "merged": "grown", "shrank": "seen", "split": "caution"}
COLUMNS = (
    Column("Cluster"),
    Column("What holds it"),
    Column("Worth a look", "worth", title="linkage × behaviour × size × novelty × unexplained, none below a tenth"),
    Column("Accounts", "accounts", numeric=True),
    Column("Core", "actionable", numeric=True, title="accounts of the actionable core", shown_from="m"),
    Column("Bits", "bits", numeric=True, title="median bits over the line"),
    Column("Families", shown_from="l"),
    Column("State", "new", title="decided, in a case, or what the run changed; sorts by accounts that joined"),
)


@dataclass(frozen=True)
class QueueRow:
    """A row of the list with its marks."""

    row: ClusterRow
    href: str
    meter: charts.LookMeter
    families: int
    bits: int
    symbol: str
    word: str
    detail: str
    tone: str
    title: str
    why: str
    why_title: str


@dataclass(frozen=True)
class Queue:
    """A page of clusters and everything its address decides."""

    found: ClusterPage
    rows: tuple[QueueRow, ...]
    columns: tuple[Column, ...]
    paging: Paging
    sort: str
    query: str
    families: tuple[Link, ...]
    filters: tuple[tuple[str, str], ...]
    is_filtered: bool
    clear_href: str
    export_fields: tuple[tuple[str, str], ...]

    @property
    def run_number(self) -> int:
        """The number of the run whose clusters these are; 0 before the first."""
        return self.found.run.number if self.found.run else 0


def queue_for(request: HttpRequest, dataset: Dataset, *, base: dict[str, str], run: Run | None = None) -> Queue:
    """The clusters that the request asks for; `base` holds filters that the chosen view adds."""
    params = request.GET.copy()
    for name, value in base.items():
        params.setdefault(name, value)
    filters = cluster_filters_from(params)
    sort = request.GET.get("sort") or "worth"
    page = page_number(request.GET)
    found = cluster_list(dataset, filters=filters, sort=sort, page=page, size=PAGE_SIZE, run=run)
    query = kept_query(request.GET)
    own = [(name, value) for name in FILTER_NAMES for value in request.GET.getlist(name) if value]
    return Queue(
        found=found,
        rows=tuple(_row(row, query) for row in found.page.items),
        columns=tuple(largest_first(COLUMNS, request.GET, sort=sort)),
        paging=paging_for(request.GET, page=found.page.number, total=found.page.n_matching),
        sort=sort,
        query=query,
        families=tuple(_family_link(request.GET, name, filters) for name in FAMILIES),
        filters=tuple(own),
        is_filtered=bool(own),
        clear_href=changed(request.GET, **dict.fromkeys(FILTER_NAMES)),
        export_fields=export_fields(params, sort),
    )


def kept_query(query: QueryDict) -> str:
    """The part of an address that says which list one came from, to be carried to a cluster and back."""
    kept = [(name, value) for name in KEPT for value in query.getlist(name) if value]
    return urlencode(kept)


def export_fields(params: QueryDict, sort: str) -> tuple[tuple[str, str], ...]:
    """The list's filters and order as fields of the form that asks for an export."""
    fields = [(name, value) for name in FILTER_NAMES for value in params.getlist(name) if value]
    return (*fields, ("sort", sort))


def largest_first(columns: tuple[Column, ...], query: QueryDict, *, sort: str) -> list[Column]:
    """Columns with links that sort by them: the largest first, and the smallest after a second press."""
    made = []
    for column in columns:
        if not column.key:
            made.append(column)
            continue
        is_current = sort.lstrip("-") == column.key
        is_smallest = is_current and sort.startswith("-")
        href = changed(query, sort=column.key if is_smallest or not is_current else f"-{column.key}")
        direction = ("ascending" if is_smallest else "descending") if is_current else ""
        made.append(replace(column, href=href, direction=direction))
    return made


def state_of(row: ClusterRow) -> tuple[str, str, str, str]:
    """Symbol, word, detail and tone of where a cluster stands: decided, in a case, or how it changed."""
    joined = f"+{row.n_new:,}" if 0 < row.n_new < row.n_accounts else ""
    if row.verdict:
        return "decided", row.verdict.same_operator_label, joined, "settled"
    if row.case:
        return "taken", f"Case {row.case.number}", joined, "active"
    return CHANGE_SYMBOLS.get(row.change, "seen"), row.change_label or "Seen", joined, "neutral"


def state_title(row: ClusterRow) -> str:
    """The same at length, for hover: what was decided, whose case it is, and how many accounts joined."""
    parts = []
    if row.verdict:
        parts.append(f"{row.verdict.same_operator_label}, abusive: {row.verdict.abusive_label.lower()}")
    if row.case:
        owner = f", {row.case.owner}" if row.case.owner else ""
        parts.append(f"case {row.case.number}, {row.case.state_label.lower()}{owner}")
    if row.n_new:
        parts.append(f"{row.n_new:,} of {row.n_accounts:,} accounts joined in this run")
    return "; ".join(parts)


def why_of(row: ClusterRow) -> str:
    """The reasons as a list of nouns; the preview and the hover have them as sentences."""
    told = [reason.label for reason in row.reasons if reason.part == "behaviour"]
    told += ["Many accounts"] if _is_large(row) else []
    text = ", ".join(told[:1] + [lower_first(label) for label in told[1:]])
    against = next((_against(reason) for reason in row.reasons if reason.speaks == "against"), "")
    return f"{text}; {lower_first(against)}" if text and against else text or against


def why_title(row: ClusterRow) -> str:
    """The reasons at length, for hover."""
    return " ".join(reason.text for reason in row.reasons)


def _against(reason: WorthReason) -> str:
    return "Judged before" if reason.part == "novelty" else f"Could be: {lower_first(reason.label)}"


def _is_large(row: ClusterRow) -> bool:
    return any(part.name == "size" and part.value >= LARGE for part in row.worth_parts)


def stale_words(status: RunStatus) -> tuple[str, str]:
    """What is to be said of a newer run than the one shown: words and tone, empty where there is none."""
    shown = f"Scores from run {status.latest.number}" if status.latest else "Nothing has been linked yet"
    if status.open:
        share = status.open.share_done
        at = f"is at {share:.0%}".replace("%", " %") if share is not None else "waits for its turn"
        return f"{shown}; run {status.open.number} {at}.", "info"
    if status.failed:
        return f"{shown}; run {status.failed.number} failed and changed nothing.", "caution"
    return "", ""


def _row(row: ClusterRow, query: str) -> QueueRow:
    symbol, word, detail, tone = state_of(row)
    return QueueRow(
        row=row,
        href=f"/clusters/{row.public_id}/" + (f"?{query}" if query else ""),
        meter=worth_meter(row),
        families=families_mask(row.families),
        bits=millibits(row.bits),
        symbol=symbol,
        word=word,
        detail=detail,
        tone=tone,
        title=state_title(row),
        why=why_of(row),
        why_title=why_title(row),
    )


def _family_link(query: QueryDict, name: str, filters: ClusterFilters) -> Link:
    chosen = [f for f in filters.families if f != name]
    is_on = name in filters.families
    wanted: Any = ",".join(chosen if is_on else [*chosen, name]) or None
    return Link(name, changed(query, families=wanted), current=is_on)
