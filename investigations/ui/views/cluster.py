"""One cluster: is this one operator, and what else could it be? Each tab is an address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.access import Capability, allow
from core.errors import InvalidInput, NotFound
from investigations import charts
from investigations.access import cluster_get_for, run_get_for
from investigations.models import Cluster, Run
from investigations.selectors.activity import cluster_activity
from investigations.selectors.cluster import MEMBER_SORTS, cluster_detail, cluster_version, member_list
from investigations.selectors.cluster_casework import cases_to_join, cluster_notes, cluster_verdicts
from investigations.selectors.clusters import Neighbours, cluster_filters_from, cluster_neighbours
from investigations.selectors.links import links_of_cluster
from investigations.selectors.runs import run_status
from investigations.selectors.shapes.clusters import ClusterDetail
from investigations.selectors.shapes.runs import RunStatus
from investigations.ui.addresses import address, csv_response
from investigations.ui.export_menu import ExportMenu, cluster_exports
from investigations.ui.figures import activity_bands, families_mask, family_evidence, millibits
from investigations.ui.parts import Action, Column, Fact, Link, SelectionAction, changed, page_number, paging_for
from investigations.ui.queue import kept_query, stale_words
from investigations.ui.readings import reading_of
from investigations.ui.templatetags.console import compact_number, day_utc, number, whole_bits

TABS = (
    ("cluster-detail", "Evidence"),
    ("cluster-members", "Members"),
    ("cluster-activity", "Activity"),
    ("cluster-lineage", "Lineage"),
    ("cluster-casework", "Cases & notes"),
)
MEMBER_COLUMNS = (
    Column("Account"),
    Column("Position"),
    Column("Actionable"),
    Column("Bits", "bits", numeric=True, title="of the strongest link, over the line"),
    Column("Links", "degree", numeric=True),
    Column("Families"),
    Column("Exchanges", "exchanges", numeric=True, shown_from="m"),
    Column("Created", "created", numeric=True, shown_from="l"),
    Column(
        "Linked since",
        numeric=True,
        title="What was before a change of hands (new device, client and network at once) is somebody else's",
        shown_from="l",
    ),
    Column("Last seen", "last_seen", numeric=True),
    Column("Status"),
)
STATUS_SYMBOLS = {"active": "active", "suspended": "waiting", "banned": "cancelled", "closed": "closed"}


@dataclass(frozen=True)
class ClusterHead:
    """What stands above each tab of a cluster."""

    detail: ClusterDetail
    title: str
    reading: str
    crumbs: tuple[Link, ...]
    tabs: tuple[Link, ...]
    facts: tuple[Fact, ...]
    neighbours: Neighbours | None
    previous_href: str
    next_href: str
    position: str
    status: RunStatus
    stale: str
    stale_tone: str
    stale_href: str
    newest_href: str
    case_open_href: str
    joinable: tuple[Action, ...]
    verdict_href: str
    verdict_why: str
    exports: ExportMenu | None
    query: str


@allow(Capability.VIEW)
@require_safe
def cluster_evidence(request: HttpRequest, public_id: str) -> HttpResponse:
    """What speaks for one operator, what against, and what else it could be."""
    cluster, run = _cluster_and_run(request, public_id)
    head = _head(request, cluster, run, "cluster-detail")
    evidence = family_evidence(head.detail)
    links = links_of_cluster(cluster, size=8, run=cluster_version(cluster, run=run).run)
    context = {
        "head": head,
        "bars": charts.evidence_bars(evidence),
        "evidence_title": _evidence_title(head.detail),
        "links": [(step, families_mask(step.families), millibits(step.bits)) for step in links.items],
        "n_links": links.n_matching,
        "values": [(value, millibits(value.bits)) for value in head.detail.values],
        "has_hubs": any(value.is_hub for value in head.detail.values),
        "n_untested": head.detail.n_untested,
    }
    return render(request, "cluster/evidence.html", context)


@allow(Capability.VIEW)
@require_safe
def cluster_evidence_csv(request: HttpRequest, public_id: str) -> HttpResponse:
    """The evidence by family as CSV: the twin of the bars."""
    cluster, run = _cluster_and_run(request, public_id)
    detail = cluster_detail(cluster, run=run)
    rows = [(e.family, e.bits_for, e.bits_against, e.n_links, e.parts_without) for e in detail.evidence]
    head = ("family", "median_bits_for", "median_bits_against", "links", "parts_without")
    return csv_response(f"{public_id}-evidence", head, rows)


@allow(Capability.VIEW)
@require_safe
def cluster_members(request: HttpRequest, public_id: str) -> HttpResponse:
    """Who is in it: position, actionable core, what each rests on."""
    cluster, run = _cluster_and_run(request, public_id)
    head = _head(request, cluster, run, "cluster-members")
    position = request.GET.get("position", "")
    sort = request.GET.get("sort", "bits") if request.GET.get("sort") in MEMBER_SORTS else "bits"
    found = member_list(
        cluster,
        position=position,
        is_actionable={"true": True, "false": False}.get(request.GET.get("actionable", "")),
        page=page_number(request.GET),
        run=run,
        sort=sort,
        shows_platform_ids=_shows_platform_ids(request),
    )
    context = {
        "head": head,
        "rows": [
            (m, families_mask(m.families), millibits(m.bits), STATUS_SYMBOLS.get(m.account.status, "open"))
            for m in found.items
        ],
        "columns": _member_columns(request, sort),
        "filters": _member_filters(request, head.detail),
        "paging": paging_for(request.GET, page=found.number, total=found.n_matching),
        "n_total": found.n_total,
        "is_filtered": bool(position or request.GET.get("actionable")),
        "clear_href": changed(request.GET, position=None, actionable=None),
        "shows_platform_ids": _shows_platform_ids(request),
        "pair_actions": [SelectionAction("Compare the two", main=True, exactly=2)],
    }
    return render(request, "cluster/members.html", context)


@allow(Capability.VIEW)
@require_safe
def cluster_activity_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """When members were active, beside matched accounts that are in no cluster."""
    cluster, run = _cluster_and_run(request, public_id)
    head = _head(request, cluster, run, "cluster-activity")
    found = cluster_activity(cluster, run=run)
    bands = activity_bands(found)
    context = {
        "head": head,
        "found": found,
        "chart": charts.activity_chart(bands, title=found.finding, unit="sessions") if found.buckets else None,
        "drawing": charts.activity_drawing(bands) if found.buckets else None,
    }
    return render(request, "cluster/activity.html", context)


@allow(Capability.VIEW)
@require_safe
def cluster_activity_csv(request: HttpRequest, public_id: str) -> HttpResponse:
    """The shown accounts' sessions per interval as CSV: the twin of the heatmap."""
    cluster, run = _cluster_and_run(request, public_id)
    found = cluster_activity(cluster, run=run)
    head = ("account", "group", *(f"{at:%Y-%m-%dT%H:%M}Z" for at in found.buckets))
    rows = [(r.account.public_id, "member" if r.is_member else "matched", *r.counts) for r in found.rows]
    return csv_response(f"{public_id}-activity", head, rows)


@allow(Capability.VIEW)
@require_safe
def cluster_lineage(request: HttpRequest, public_id: str) -> HttpResponse:
    """How the cluster came to be what it is, run by run."""
    cluster, run = _cluster_and_run(request, public_id)
    return render(request, "cluster/lineage.html", {"head": _head(request, cluster, run, "cluster-lineage")})


@allow(Capability.VIEW)
@require_safe
def cluster_casework(request: HttpRequest, public_id: str) -> HttpResponse:
    """The cases that hold it, their notes, and the verdicts with what has changed since."""
    cluster, run = _cluster_and_run(request, public_id)
    head = _head(request, cluster, run, "cluster-casework")
    notes, n_notes = cluster_notes(cluster)
    context = {
        "head": head,
        "cases": [(case, address("case-detail", case.public_id)) for case in head.detail.cases],
        "verdicts": [
            (said, address("verdict-detail", said.verdict.public_id), address("case-detail", said.case_public_id))
            for said in cluster_verdicts(cluster)
        ],
        "notes": [(row, address("case-detail", row.case_public_id)) for row in notes],
        "n_notes": n_notes,
    }
    return render(request, "cluster/casework.html", context)


def _cluster_and_run(request: HttpRequest, public_id: str) -> tuple[Cluster, Run | None]:
    """The cluster, and the older run that the address names."""
    user: Any = request.user
    cluster = cluster_get_for(user, public_id)
    request.dataset = cluster.dataset  # type: ignore[attr-defined]
    named = request.GET.get("run", "")
    return cluster, run_get_for(user, named, dataset=cluster.dataset) if named else None


def _head(request: HttpRequest, cluster: Cluster, run: Run | None, tab: str) -> ClusterHead:
    user: Any = request.user
    detail = cluster_detail(cluster, run=run)
    status = run_status(cluster.dataset)
    query = kept_query(request.GET)
    neighbours = _neighbours(request, cluster)
    stale, tone = stale_words(status) if run is None else ("", "")
    newest = status.open or status.failed
    verdict_href, why = _verdict(detail, user)
    return ClusterHead(
        detail=detail,
        title=_title(detail),
        reading=reading_of(detail, can_judge=bool(verdict_href), can_open=Capability.CASEWORK in user.capabilities),
        crumbs=(
            Link("Triage" if request.GET.get("view") != "all" else "Clusters", f"/?{query}" if query else "/"),
            Link(detail.row.public_id),
        ),
        tabs=_tabs(detail, tab, query, request.GET.get("run", "")),
        facts=_facts(detail),
        neighbours=neighbours,
        previous_href=_sibling(neighbours.previous if neighbours else None, query),
        next_href=_sibling(neighbours.next if neighbours else None, query),
        position=f"{neighbours.position:,} of {neighbours.n_total:,}" if neighbours and neighbours.position else "",
        status=status,
        stale=stale,
        stale_tone=tone,
        stale_href=address("run-detail", newest.public_id) if newest else "",
        newest_href=address("cluster-detail", detail.row.public_id),
        case_open_href=address("case-open") if Capability.CASEWORK in user.capabilities else "",
        joinable=_joinable(cluster, user),
        verdict_href=verdict_href,
        verdict_why=why,
        exports=cluster_exports(user, detail, tab=tab, run=request.GET.get("run", "")),
        query=query,
    )


def _joinable(cluster: Cluster, user: Any) -> tuple[Action, ...]:
    """Open cases to put it into, for those who may."""
    if Capability.CASEWORK not in user.capabilities:
        return ()
    return tuple(
        Action(f"{case.number}: {case.title}", address("case-cluster-add", case.public_id))
        for case in cases_to_join(cluster, user=user)
    )


def _verdict(detail: ClusterDetail, user: Any) -> tuple[str, str]:
    """Where a verdict on it is written, or why it can't be yet."""
    if Capability.VERDICT not in user.capabilities:
        return "", "Your roles don't allow verdicts"
    open_cases = [case for case in detail.cases if case.state not in ("decided", "closed")]
    if not open_cases:
        return "", "A verdict is part of a case: open one first"
    return address("verdict-create", open_cases[0].public_id, detail.row.public_id), ""


def _neighbours(request: HttpRequest, cluster: Cluster) -> Neighbours | None:
    """Where it stands in the list that the address carries; nowhere when that list is not understood."""
    params = request.GET.copy()
    if not any(params.get(name) for name in ("case", "view", "change", "owner", "families", "min_accounts")):
        params["case"] = "none"
    try:
        filters = cluster_filters_from(params)
        sort = request.GET.get("sort") or "worth"
        return cluster_neighbours(cluster.dataset, str(cluster.public_id), filters=filters, sort=sort)
    except (InvalidInput, NotFound):
        return None


def _sibling(public_id: str | None, query: str) -> str:
    return f"/clusters/{public_id}/" + (f"?{query}" if query else "") if public_id else ""


def _title(detail: ClusterDetail) -> str:
    """The answer in one sentence."""
    noun = "account looks" if detail.row.n_accounts == 1 else "accounts look"
    said = f"{number(detail.row.n_accounts)} {noun} like one operator"
    return f"{said}: {', '.join(detail.strongest)}" if detail.strongest else said


def _tabs(detail: ClusterDetail, tab: str, query: str, run: str) -> tuple[Link, ...]:
    counts = {
        "cluster-members": detail.row.n_accounts,
        "cluster-lineage": len(detail.lineage),
        "cluster-casework": len(detail.cases),
    }
    parts = "&".join(p for p in (query, f"run={run}" if run else "") if p)
    return tuple(
        Link(
            label,
            address(name, detail.row.public_id) + (f"?{parts}" if parts else ""),
            name == tab,
            counts.get(name) or None,
        )
        for name, label in TABS
    )


def _facts(detail: ClusterDetail) -> tuple[Fact, ...]:
    row = detail.row
    return (
        Fact("Bits over the line", whole_bits(millibits(row.bits)), "median; not calibrated here"),
        Fact("Actionable core", number(row.n_actionable), f"of {number(row.n_accounts)}"),
        Fact("Links", number(row.n_links)),
        Fact("Sessions", compact_number(row.n_sessions), title=number(row.n_sessions)),
        Fact("Exchanges", compact_number(row.n_exchanges), title=number(row.n_exchanges)),
        Fact("Output tokens", compact_number(row.n_output_tokens), title=number(row.n_output_tokens)),
        Fact("Seen", day_utc(row.first_seen_at) or "—", f"to {day_utc(row.last_seen_at)}" if row.last_seen_at else ""),
    )


def _evidence_title(detail: ClusterDetail) -> str:
    strong = [e.label for e in sorted(detail.evidence, key=lambda e: -e.bits_for * e.n_links) if e.bits_for > 0][:3]
    if not strong:
        return "No family carries it"
    listed = strong[0] if len(strong) == 1 else f"{', '.join(strong[:-1])} and {strong[-1].lower()}"
    text = listed.lower()
    return f"{text[:1].upper()}{text[1:]} carr{'ies' if len(strong) == 1 else 'y'} it"


def _member_columns(request: HttpRequest, sort: str) -> list[Column]:
    """The columns with links that sort by them; each has one direction."""
    made = []
    for column in MEMBER_COLUMNS:
        direction = ""
        if column.key == sort:
            direction = "ascending" if sort == "created" else "descending"
        href = changed(request.GET, sort=column.key) if column.key else ""
        made.append(replace(column, href=href, direction=direction))
    return made


def _member_filters(request: HttpRequest, detail: ClusterDetail) -> list[Link]:
    position, actionable = request.GET.get("position", ""), request.GET.get("actionable", "")
    links = [
        Link(
            "All",
            changed(request.GET, position=None, actionable=None),
            current=not position and not actionable,
            count=detail.row.n_accounts,
        )
    ]
    links += [
        Link(
            p.label,
            changed(request.GET, position=None if p.position == position else p.position),
            current=p.position == position,
            count=p.n,
        )
        for p in detail.positions
        if p.n or p.position == position
    ]
    links.append(
        Link(
            "Actionable core",
            changed(request.GET, actionable=None if actionable == "true" else "true"),
            current=actionable == "true",
            count=detail.row.n_actionable,
        )
    )
    return links


def _shows_platform_ids(request: HttpRequest) -> bool:
    user: Any = request.user
    return Capability.PLATFORM_IDS in user.capabilities
