"""The triage list: clusters of a run, filtered, sorted and paged in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import OrderBy

from core.errors import InvalidInput
from core.models import Dataset
from core.public_ids import public_id_to_number
from investigations.linkage.triage import PART_MEANS
from investigations.linkage.types import FAMILIES
from investigations.models import CaseCluster, ClusterVersion, LineageEvent, Run
from investigations.models.choices import OPEN_CASE_STATES, Hypothesis, LineageKind
from investigations.selectors.paging import cursor_scope, page_of, page_start
from investigations.selectors.refs import bits_shown, cases_of_clusters, families_of, run_ref, verdicts_of_clusters
from investigations.selectors.runs import run_latest
from investigations.selectors.shapes.clusters import ClusterFilters, ClusterPage, ClusterRow, WorthPart, WorthReason
from investigations.selectors.shapes.page import Page
from investigations.selectors.shapes.refs import CaseRef, VerdictRef

CLUSTER_SORTS = {
    "worth": "worth",
    "accounts": "n_accounts",
    "bits": "bits",
    "new": "n_new",
    "actionable": "n_actionable",
    "last_seen": "last_seen_at",
    "output_tokens": "n_output_tokens",
}
"""Sorts by name, the largest first; with a minus before it the smallest first."""
BEHAVIOUR_LABELS = {
    "volume": "Heavy use",
    "narrowness": "Uniform requests",
    "template": "One system prompt",
    "coverage": "Taking turns",
    "hours": "Long hours",
    "quota": "Use near the quota",
    "handoff": "Hand-offs",
}
REASON_LABELS = {name: name.capitalize() for name in PART_MEANS} | dict(Hypothesis.choices) | BEHAVIOUR_LABELS
CASE_FILTERS = ("none", "open", "decided")
LIST_CHANGES = tuple(kind for kind in LineageKind.values if kind != LineageKind.ENDED)
TEXT_MAX = 40


@dataclass(frozen=True)
class Neighbours:
    """Where a cluster stands in a list: the ones before and after it."""

    previous: str | None
    next: str | None
    position: int  # from 1; 0 when the list does not hold it
    n_total: int


def cluster_list(
    dataset: Dataset,
    *,
    filters: ClusterFilters | None = None,
    sort: str = "worth",
    page: int = 1,
    size: int = 50,
    cursor: str = "",
    run: Run | None = None,
) -> ClusterPage:
    """Clusters as a run found them, by default the newest done one. Eight queries at most.

    A cursor stays with the run whose list it pages through, also when a newer run lands in between.
    """
    filters = filters or ClusterFilters()
    order = _order(sort)
    run = run or _run_of_cursor(dataset, cursor) or run_latest(dataset)
    if run is None:
        page_start(page=page, size=size, cursor=cursor)
        return ClusterPage(None, Page((), 0, 0, 1, size, None, None), filters, sort)
    scope = str(run.public_id)
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=scope)
    everything = ClusterVersion.objects.filter(run=run)
    n_total = everything.count()
    matching = _filtered(everything, run, filters)
    n_matching = n_total if filters.is_empty else matching.count()
    versions = list(
        matching.select_related("cluster")
        .defer("value_rows", "family_rows", "hypothesis_rows", "behaviour_rows")
        .order_by(order, "id")[offset : offset + size]
    )
    rows = cluster_rows(versions, run)
    page_shown = page_of(
        rows, lambda row: row, offset=offset, size=size, n_matching=n_matching, n_total=n_total, scope=scope
    )
    return ClusterPage(run_ref(run), page_shown, filters, sort)


def cluster_counts(dataset: Dataset, *, owner: str = "") -> dict[str, int]:
    """How many clusters of the newest run each view of the queue holds. Two queries."""
    run = run_latest(dataset)
    if run is None:
        return dict.fromkeys(("look", "grown", "open", "decided", "mine", "all"), 0)
    cases = CaseCluster.objects.filter(cluster=OuterRef("cluster"))
    is_open = Q(case__state__in=OPEN_CASE_STATES)
    grew = LineageEvent.objects.filter(run=run, kind=LineageKind.GREW, cluster=OuterRef("cluster"))
    theirs = cases.filter(is_open, case__owner__public_id=owner) if owner else cases.none()
    counts: dict[str, int] = ClusterVersion.objects.filter(run=run).aggregate(
        look=Count("pk", filter=~Exists(cases)),
        grown=Count("pk", filter=Exists(grew)),
        open=Count("pk", filter=Exists(cases.filter(is_open))),
        decided=Count("pk", filter=Exists(cases.exclude(is_open))),
        mine=Count("pk", filter=Exists(theirs)),
        all=Count("pk"),
    )
    return counts


def cluster_rows(versions: Iterable[ClusterVersion], run: Run) -> list[ClusterRow]:
    """Versions as rows of a list, with change, case and verdict. Three queries; the caller selects `cluster`."""
    versions = list(versions)
    numbers = [version.cluster_id for version in versions]
    changes = dict(
        LineageEvent.objects.filter(run=run, cluster__in=numbers).order_by("-id").values_list("cluster_id", "kind")
    )
    cases, verdicts = cases_of_clusters(numbers), verdicts_of_clusters(numbers)
    return [
        cluster_row(v, changes.get(v.cluster_id, ""), cases.get(v.cluster_id), verdicts.get(v.cluster_id))
        for v in versions
    ]


def cluster_row(version: ClusterVersion, change: str, case: CaseRef | None, verdict: VerdictRef | None) -> ClusterRow:
    """One version as a row of a list, with its change, newest case and newest standing verdict."""
    return ClusterRow(
        public_id=str(version.cluster.public_id),
        summary=version.summary,
        n_accounts=version.n_accounts,
        n_actionable=version.n_actionable,
        n_new=version.n_new,
        n_links=version.n_links,
        bits=bits_shown(version.bits),
        cohesion=version.cohesion,
        families=families_of(version.families),
        worth=version.worth,
        worth_parts=tuple(
            WorthPart(name, name.capitalize(), float(version.worth_parts[name]), means)
            for name, means in PART_MEANS.items()
            if name in version.worth_parts
        ),
        reasons=tuple(
            WorthReason(label=REASON_LABELS.get(row["name"], row["name"]), **row) for row in version.worth_reasons
        ),
        n_sessions=version.n_sessions,
        n_exchanges=version.n_exchanges,
        n_output_tokens=version.n_output_tokens,
        first_seen_at=version.first_seen_at,
        last_seen_at=version.last_seen_at,
        change=change,
        change_label=LineageKind(change).label if change else "",
        case=case,
        verdict=verdict,
    )


def cluster_versions(
    run: Run, *, filters: ClusterFilters | None = None, sort: str = "worth"
) -> QuerySet[ClusterVersion]:
    """The rows behind the list, all of them, in its order: for exports."""
    rows = _filtered(ClusterVersion.objects.filter(run=run), run, filters or ClusterFilters())
    return rows.order_by(_order(sort), "id")


def cluster_neighbours(
    dataset: Dataset, public_id: str, *, filters: ClusterFilters | None = None, sort: str = "worth"
) -> Neighbours:
    """The clusters before and after one in the list that filters and sort give. Two queries."""
    run = run_latest(dataset)
    if run is None:
        return Neighbours(None, None, 0, 0)
    rows = _filtered(ClusterVersion.objects.filter(run=run), run, filters or ClusterFilters())
    ids = [str(found) for found in rows.order_by(_order(sort), "id").values_list("cluster__public_id", flat=True)]
    if public_id not in ids:
        return Neighbours(None, ids[0] if ids else None, 0, len(ids))
    at = ids.index(public_id)
    return Neighbours(ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None, at + 1, len(ids))


def cluster_filters_from(params: Mapping[str, Any]) -> ClusterFilters:
    """Filters from a query string; InvalidInput with a message per field for what can't be one."""
    faults: dict[str, list[str]] = {}

    def read(name: str, convert: Any, expected: str) -> Any:
        text = str(params.get(name) or "").strip()
        try:
            return convert(text) if text else None
        except (ValueError, KeyError):
            faults[name] = [f"“{text[:TEXT_MAX]}” is not {expected}."]
            return None

    found = ClusterFilters(
        min_accounts=read("min_accounts", _whole, "a whole number"),
        max_accounts=read("max_accounts", _whole, "a whole number"),
        min_bits=read("min_bits", _bits, "a number of bits"),
        is_actionable=read("is_actionable", lambda t: _YES_NO[t.lower()], "true or false"),
        change=read("change", lambda t: LIST_CHANGES[LIST_CHANGES.index(t)], f"one of {', '.join(LIST_CHANGES)}") or "",
        case=read("case", lambda t: CASE_FILTERS[CASE_FILTERS.index(t)], f"one of {', '.join(CASE_FILTERS)}") or "",
        public_id=str(params.get("public_id") or "").strip()[:TEXT_MAX],
        owner=read("owner", _person_id, "a person's id") or "",
    )
    families = _names(params, "families")
    unknown = [name for name in families if name not in FAMILIES]
    if unknown:
        faults["families"] = [f"“{unknown[0][:TEXT_MAX]}” is not one of {', '.join(FAMILIES)}."]
    if faults:
        raise InvalidInput("A filter is not valid.", code="bad_filter", fields=faults)
    return replace(found, families=tuple(name for name in FAMILIES if name in families))


_YES_NO = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False}


def _names(params: Mapping[str, Any], name: str) -> list[str]:
    """A repeated parameter, or one with commas."""
    given = params.getlist(name) if hasattr(params, "getlist") else params.get(name) or []
    listed = [given] if isinstance(given, str) else list(given)
    return [part.strip() for text in listed for part in str(text).split(",") if part.strip()]


def _whole(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**31:
        raise ValueError(text)
    return number


def _person_id(text: str) -> str:
    public_id_to_number(text, "usr")
    return text


def _bits(text: str) -> float:
    number = float(text)
    if not -(10**5) <= number <= 10**5:
        raise ValueError(text)
    return number


def _order(sort: str) -> OrderBy:
    name = sort.removeprefix("-")
    if name not in CLUSTER_SORTS:
        message = f"“{sort[:TEXT_MAX]}” is not one of {', '.join(CLUSTER_SORTS)}."
        raise InvalidInput(f"The sort is not valid: {message}", code="bad_sort", fields={"sort": [message]})
    field = F(CLUSTER_SORTS[name])
    if name == "last_seen":
        return field.asc(nulls_last=True) if sort.startswith("-") else field.desc(nulls_last=True)
    return field.asc() if sort.startswith("-") else field.desc()


def _run_of_cursor(dataset: Dataset, cursor: str) -> Run | None:
    """The run that a cursor belongs to; another list's cursor fails later, at page_start."""
    scope = cursor_scope(cursor)
    if not scope.startswith("run_"):
        return None
    return Run.objects.filter(dataset=dataset, public_id=scope).first() if len(scope) == len("run_") + 12 else None


def _filtered(rows: QuerySet[ClusterVersion], run: Run, filters: ClusterFilters) -> QuerySet[ClusterVersion]:
    if filters.families:
        mask = sum(1 << FAMILIES.index(name) for name in filters.families)
        rows = rows.annotate(wanted=F("families").bitand(mask)).filter(wanted=mask)
    if filters.min_accounts is not None:
        rows = rows.filter(n_accounts__gte=filters.min_accounts)
    if filters.max_accounts is not None:
        rows = rows.filter(n_accounts__lte=filters.max_accounts)
    if filters.min_bits is not None:
        rows = rows.filter(bits__gte=round(filters.min_bits * 1000))
    if filters.is_actionable is not None:
        rows = rows.filter(n_actionable__gt=0) if filters.is_actionable else rows.filter(n_actionable=0)
    if filters.change:
        events = LineageEvent.objects.filter(run=run, kind=filters.change, cluster=OuterRef("cluster"))
        rows = rows.filter(Exists(events))
    if filters.public_id:
        rows = rows.filter(cluster__public_id=filters.public_id) if _is_cluster_id(filters.public_id) else rows.none()
    if filters.owner:
        theirs = CaseCluster.objects.filter(
            cluster=OuterRef("cluster"), case__owner__public_id=filters.owner, case__state__in=OPEN_CASE_STATES
        )
        rows = rows.filter(Exists(theirs))
    return _filtered_by_case(rows, filters.case)


def _filtered_by_case(rows: QuerySet[ClusterVersion], case: str) -> QuerySet[ClusterVersion]:
    looks = CaseCluster.objects.filter(cluster=OuterRef("cluster"))
    if case == "none":
        return rows.filter(~Exists(looks))
    if case == "open":
        return rows.filter(Exists(looks.filter(case__state__in=OPEN_CASE_STATES)))
    if case == "decided":
        return rows.filter(Exists(looks.exclude(case__state__in=OPEN_CASE_STATES)))
    return rows


def _is_cluster_id(text: str) -> bool:
    try:
        public_id_to_number(text, "clu")
    except ValueError:
        return False
    return True
