"""The queue of clusters that need a look, and the list of all clusters of the newest run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.access import Capability, allow
from core.models import Dataset
from core.requests import SignedInRequest
from investigations.access import cluster_get_for
from investigations.models.choices import ExportSubject
from investigations.selectors.cluster import cluster_detail
from investigations.selectors.clusters import cluster_counts
from investigations.selectors.runs import run_status
from investigations.selectors.shapes.runs import RunStatus
from investigations.ui.addresses import address
from investigations.ui.datasets import dataset_for
from investigations.ui.export_menu import ExportGroup, ExportMenu, export_menu, list_group
from investigations.ui.parts import Action, Link
from investigations.ui.previews import Preview, preview_of
from investigations.ui.queue import Queue, kept_query, queue_for, stale_words

VIEWS: tuple[tuple[str, str], ...] = (
    ("look", "Needs a look"),
    ("grown", "Grown"),
    ("open", "In a case"),
    ("decided", "Decided"),
    ("mine", "Mine"),
    ("all", "All"),
)
SIZES = (
    ("", "any size"),
    ("3", "≥ 3 accounts"),
    ("10", "≥ 10 accounts"),
    ("100", "≥ 100 accounts"),
    ("1000", "≥ 1,000 accounts"),
)
BITS = (("", "any bits"), ("10", "≥ 10 bits"), ("20", "≥ 20 bits"), ("40", "≥ 40 bits"))


@dataclass(frozen=True)
class TriagePage:
    """Everything that the list's template needs."""

    name: str
    heading: str
    dataset: Dataset | None
    queue: Queue | None
    views: tuple[Link, ...]
    preview: Preview | None
    status: RunStatus | None
    stale: str
    stale_tone: str
    stale_href: str
    sizes: tuple[tuple[str, str], ...]
    bits: tuple[tuple[str, str], ...]
    chosen: dict[str, str]
    case_open_href: str
    exports: ExportMenu | None
    first: tuple[Action, ...]


@allow(Capability.VIEW)
@require_safe
def triage(request: SignedInRequest) -> HttpResponse:
    """What should I look at next, and why that?"""
    return _page(request, name="triage", default="look")


@allow(Capability.VIEW)
@require_safe
def cluster_list(request: SignedInRequest) -> HttpResponse:
    """Every cluster of the newest run."""
    return _page(request, name="cluster-list", default="all")


@allow(Capability.VIEW)
@require_safe
def cluster_preview(request: SignedInRequest, public_id: str) -> HttpResponse:
    """The pane beside the list for one cluster, for htmx."""
    cluster = cluster_get_for(request.user, public_id)
    preview = preview_of(cluster_detail(cluster), query=kept_query(request.GET))
    return render(request, "triage/preview.html", {"preview": preview})


def _page(request: SignedInRequest, *, name: str, default: str) -> HttpResponse:
    user: Any = request.user
    dataset = dataset_for(request)
    view = request.GET.get("view", default)
    view = view if view in dict(VIEWS) else default
    if dataset is None:
        return render(request, "triage/triage.html", {"page": _empty(name, user)})
    status = run_status(dataset)
    queue = queue_for(request, dataset, base=_base(view, user))
    counts = cluster_counts(dataset, owner=str(user.public_id))
    stale, tone = stale_words(status)
    newest = status.open or status.failed
    page = TriagePage(
        name=name,
        heading=_heading(queue, counts, view),
        dataset=dataset,
        queue=queue,
        views=tuple(
            Link(label, _view_href(request, key, default), key == view, counts.get(key)) for key, label in VIEWS
        ),
        preview=_preview(request, queue),
        status=status,
        stale=stale,
        stale_tone=tone,
        stale_href=address("run-detail", newest.public_id) if newest else "",
        sizes=SIZES,
        bits=BITS,
        chosen={key: request.GET.get(key, "") for key in ("min_accounts", "min_bits", "is_actionable")},
        case_open_href=address("case-open") if Capability.CASEWORK in user.capabilities else "",
        exports=export_menu(user, _exports(queue, dataset)),
        first=_first(user),
    )
    return render(request, "triage/triage.html", {"page": page})


def _base(view: str, user: Any) -> dict[str, str]:
    """The filters that a view stands for."""
    return {
        "look": {"case": "none"},
        "grown": {"change": "grew"},
        "open": {"case": "open"},
        "decided": {"case": "decided"},
        "mine": {"owner": str(user.public_id)},
    }.get(view, {})


def _view_href(request: SignedInRequest, key: str, default: str) -> str:
    query = request.GET.copy()
    for name in ("page", "at", "view", "case", "change", "owner"):
        query.pop(name, None)
    if key != default:
        query["view"] = key
    return f"?{query.urlencode()}"


def _heading(queue: Queue, counts: dict[str, int], view: str) -> str:
    n = queue.found.page.n_matching
    noun = "cluster" if n == 1 else "clusters"
    if queue.found.run is None:
        return "Nothing has been linked yet"
    if queue.is_filtered:
        return f"{n:,} {noun} {'matches' if n == 1 else 'match'} these filters"
    if view == "look":
        grown = f"; {counts['grown']:,} grew in run {queue.run_number}" if counts["grown"] else ""
        return f"{n:,} {noun} {'is' if n == 1 else 'are'} worth a look{grown}"
    words = {
        "grown": f"{n:,} {noun} grew in run {queue.run_number}",
        "open": f"{n:,} {noun} in open cases",
        "decided": f"{n:,} {noun} in decided cases",
        "mine": f"{n:,} {noun} in your open cases",
    }
    return words.get(view, f"{n:,} {noun} in run {queue.run_number}")


def _exports(queue: Queue, dataset: Dataset) -> list[ExportGroup]:
    """The list as the address says it; nothing of an empty one."""
    n = queue.found.page.n_matching
    if not n:
        return []
    label = "The cluster of this list" if n == 1 else f"All {n:,} clusters of this list"
    return [list_group(label, ExportSubject.CLUSTERS, [("dataset", str(dataset.name)), *queue.export_fields])]


def _preview(request: SignedInRequest, queue: Queue) -> Preview | None:
    """The pane for the row that the address names, else for the first."""
    shown = [row.row.public_id for row in queue.rows]
    if not shown:
        return None
    wanted = request.GET.get("at", "")
    public_id = wanted if wanted in shown else shown[0]
    return preview_of(cluster_detail(cluster_get_for(request.user, public_id)), query=queue.query)


def _first(user: Any) -> tuple[Action, ...]:
    steps = (
        ("Import an extract", "import-list", Capability.IMPORT),
        ("Start a run", "run-list", Capability.RUN),
    )
    found = [(text, address(name)) for text, name, right in steps if right in user.capabilities and address(name)]
    return tuple(Action(text, href, main=i == 0) for i, (text, href) in enumerate(found))


def _empty(name: str, user: Any) -> TriagePage:
    return TriagePage(
        name, "There is no dataset yet", None, None, (), None, None, "", "", "", (), (), {}, "", None, _first(user)
    )
