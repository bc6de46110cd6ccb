"""One cluster: the sentence, what proves it, what speaks against it, who is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, F, Q

from accounts.kinds import FAMILY_LABELS
from core.errors import InvalidInput, NotFound
from investigations.holding import family_words
from investigations.linkage.units import MILLION
from investigations.models import CaseCluster, Cluster, ClusterVersion, LineageEvent, Member, Run, Verdict
from investigations.models.choices import Hypothesis, HypothesisAnswer, LineageKind, Position
from investigations.selectors.clusters import BEHAVIOUR_LABELS, cluster_row
from investigations.selectors.paging import page_of, page_start
from investigations.selectors.refs import (
    account_ref,
    bits_shown,
    case_ref,
    cluster_ref,
    families_of,
    run_ref,
    values_shown,
    verdict_ref,
)
from investigations.selectors.shapes.clusters import (
    BehaviourRow,
    ClusterDetail,
    ClusterValue,
    Explanation,
    FamilyEvidence,
    Figure,
    LineageRow,
    MemberRow,
    PositionCount,
)
from investigations.selectors.shapes.page import Page

MEMBER_SORTS = {
    "bits": "-bits",
    "degree": "-degree",
    "created": "account__created_at",
    "last_seen": "-account__last_seen_at",
    "exchanges": "-account__n_exchanges",
}
STRONGEST_SHOWN = 3
LINEAGE_SHOWN = 50
NOT_TOLD = {"answer": "untested", "text": "This run did not test it. A new run will.", "figures": []}


def cluster_version(cluster: Cluster, *, run: Run | None = None) -> ClusterVersion:
    """The cluster's version of a run, by default its newest; NotFound when the run did not find it."""
    if run is None and Cluster.current.is_cached(cluster) and cluster.current is not None:
        cluster.current.cluster = cluster
        return cluster.current
    rows = ClusterVersion.objects.select_related("cluster__dataset", "run").defer("run__model")
    wanted = rows.filter(cluster=cluster, run=run) if run else rows.filter(pk__in=[cluster.current_id])
    version = wanted.first()
    if version is None:
        raise NotFound(
            f"Run {run.number} did not find this cluster." if run else "This cluster has no version any more.",
            code="no_version",
            what_to_do="Open its newest version.",
        )
    return version


def cluster_detail(cluster: Cluster, *, run: Run | None = None) -> ClusterDetail:
    """Everything the cluster's page shows but its lists. Seven queries, whatever its size."""
    version = cluster_version(cluster, run=run)
    own = version.cluster
    seen = _members_seen(version)
    explanations = _explanations(version)
    n_untested = sum(e.answer == HypothesisAnswer.UNTESTED for e in explanations)
    headline, strongest = _headline(version), _strongest(version)
    standing = Verdict.objects.filter(cluster=own, superseded_by__isnull=True).select_related("author")
    verdicts = tuple(verdict_ref(row) for row in standing)
    looks = CaseCluster.objects.filter(cluster=own).select_related("case__owner").order_by("-case_id")
    cases = tuple(case_ref(row.case) for row in looks)
    change = LineageEvent.objects.filter(run=version.run_id, cluster=own).order_by("id").values_list("kind", flat=True)
    return ClusterDetail(
        row=cluster_row(version, change.first() or "", next(iter(cases), None), next(iter(verdicts), None)),
        run=run_ref(version.run),
        dataset=own.dataset.name,
        version=version.pk,
        is_ended=own.ended_in_id is not None,
        is_current=own.current_id == version.pk,
        has_members=version.run.has_rows,
        headline=headline,
        strongest=strongest,
        sentence=_sentence(headline, strongest, n_untested),
        n_untested=n_untested,
        evidence=_evidence(version),
        fragility=_fragility(version),
        values=_values(version),
        explanations=explanations,
        behaviour=_behaviour(version),
        lineage=_lineage(own),
        positions=tuple(PositionCount(p.value, p.label, seen[p.value]) for p in Position),
        cases=cases,
        verdicts=verdicts,
        model_digest=version.run.model_digest,
    )


def member_list(
    cluster: Cluster,
    *,
    position: str = "",
    is_actionable: bool | None = None,
    page: int = 1,
    size: int = 50,
    cursor: str = "",
    run: Run | None = None,
    sort: str = "bits",
    shows_platform_ids: bool = False,
) -> Page[MemberRow]:
    """Members of the cluster, strongest link first. Four queries."""
    if position and position not in Position.values:
        raise _bad("position", position, Position.values)
    if sort not in MEMBER_SORTS:
        raise _bad("sort", sort, list(MEMBER_SORTS))
    version = cluster_version(cluster, run=run)
    scope = f"members-{version.pk}"
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=scope)
    everybody = Member.objects.filter(version=version)
    rows = everybody.filter(position=position) if position else everybody
    if is_actionable is not None:
        rows = rows.filter(is_actionable=is_actionable)
    ordered = rows.select_related("account").order_by(*_member_order(sort))
    n_total = everybody.count()
    return page_of(
        list(ordered[offset : offset + size]),
        lambda member: _member_row(member, shows_platform_ids=shows_platform_ids),
        offset=offset,
        size=size,
        n_matching=rows.count() if position or is_actionable is not None else n_total,
        n_total=n_total,
        scope=scope,
    )


def _member_order(sort: str) -> tuple[Any, str]:
    if sort == "last_seen":
        return F("account__last_seen_at").desc(nulls_last=True), "id"
    return MEMBER_SORTS[sort], "id"


def _member_row(member: Member, *, shows_platform_ids: bool) -> MemberRow:
    account = member.account
    return MemberRow(
        account=account_ref(account, shows_platform_ids=shows_platform_ids),
        position=member.position,
        position_label=member.get_position_display(),
        is_actionable=member.is_actionable,
        bits=bits_shown(member.bits),
        degree=member.degree,
        families=families_of(member.families),
        since=member.since,
        n_sessions=account.n_sessions,
        n_exchanges=account.n_exchanges,
        n_output_tokens=account.n_output_tokens,
        last_seen_at=account.last_seen_at,
    )


def _headline(version: ClusterVersion) -> str:
    bits = bits_shown(version.bits)
    return (
        f"{version.n_accounts:,} accounts look like one operator ({bits:.0f} bits over the line; not calibrated here)"
    )


def _strongest(version: ClusterVersion) -> tuple[str, ...]:
    """The families that carry the most, each by the kind of value that its bits rest on."""
    ranked = sorted(version.family_rows, key=lambda row: -row["bits_for"] * row["n_links"])
    return tuple(
        family_words(row["family"], version.value_rows) for row in ranked[:STRONGEST_SHOWN] if row["bits_for"] > 0
    )


def _sentence(headline: str, strongest: Sequence[str], n_untested: int) -> str:
    said = headline
    if strongest:
        said += f"; strongest: {', '.join(strongest)}"
    noun = "explanation" if n_untested == 1 else "explanations"
    return f"{said}. {n_untested or 'No'} benign {noun} untested."


def _evidence(version: ClusterVersion) -> tuple[FamilyEvidence, ...]:
    by_family = {row["family"]: row for row in version.family_rows}
    best = max(by_family.values(), key=lambda row: row["bits_for"] * row["n_links"], default=None)
    return tuple(
        FamilyEvidence(
            family=family,
            label=label,
            bits_for=bits_shown(by_family[family]["bits_for"]),
            bits_against=bits_shown(by_family[family]["bits_against"]),
            n_links=by_family[family]["n_links"],
            parts_without=by_family[family]["parts_without"],
            is_strongest=by_family[family] is best,
        )
        for family, label in FAMILY_LABELS.items()
        if family in by_family
    )


def _fragility(version: ClusterVersion) -> str:
    """In how many parts the cluster falls without each family, in words."""
    falls = [
        f"without {row['family']} it falls into {row['parts_without']:,} parts"
        for row in version.family_rows
        if row["parts_without"] > 1
    ]
    if not falls:
        return "It stays whole without any one family."
    rest = "; without any other one it stays whole" if len(falls) < len(version.family_rows) else ""
    text = "; ".join(falls) + rest + "."
    return text[:1].upper() + text[1:]


def _values(version: ClusterVersion) -> tuple[ClusterValue, ...]:
    shown = values_shown((row["kind"], row["value"]) for row in version.value_rows)
    return tuple(
        ClusterValue(
            value=shown[row["kind"], row["value"]],
            n_members=row["members"],
            n_holders=row["holders"],
            n_others=max(row["holders"] - row["members"], 0),
            bits=bits_shown(row["bits"]),
            is_hub=row["hub"],
        )
        for row in version.value_rows
    )


def _members_seen(version: ClusterVersion) -> dict[str, Any]:
    """How many members stand in each position."""
    counts = {p.value: Count("pk", filter=Q(position=p)) for p in Position}
    return Member.objects.filter(version=version).aggregate(**counts)


def _explanations(version: ClusterVersion) -> tuple[Explanation, ...]:
    """What the engine says of each benign explanation; untested for a version from before it tested them."""
    told = {row["hypothesis"]: row for row in version.hypothesis_rows}
    return tuple(_explanation(hypothesis, told.get(hypothesis.value, NOT_TOLD)) for hypothesis in Hypothesis)


def _explanation(hypothesis: Hypothesis, told: dict[str, Any]) -> Explanation:
    answer = HypothesisAnswer(told["answer"])
    figures = tuple(Figure(row["name"], row["value"]) for row in told["figures"])
    return Explanation(hypothesis.value, hypothesis.label, answer.value, answer.label, told["text"], figures)


def _behaviour(version: ClusterVersion) -> tuple[BehaviourRow, ...]:
    def share(number: int | None) -> float | None:
        return None if number is None else number / MILLION

    return tuple(
        BehaviourRow(
            name=row["measure"],
            label=BEHAVIOUR_LABELS[row["measure"]],
            value=share(row["value"]),
            ordinary=share(row["ordinary"]),
            unusual=share(row["unusual"]),
            text=row["text"],
        )
        for row in version.behaviour_rows
    )


def _lineage(cluster: Cluster) -> tuple[LineageRow, ...]:
    rows = (
        LineageEvent.objects.filter(cluster=cluster).select_related("run", "other__current").order_by("-run_id", "id")
    )
    return tuple(
        LineageRow(
            run=run_ref(row.run),
            kind=row.kind,
            kind_label=LineageKind(row.kind).label,
            n_before=row.n_before,
            n_after=row.n_after,
            n_shared=row.n_shared,
            other=cluster_ref(row.other) if row.other else None,
        )
        for row in rows.defer("run__model", "run__settings", "run__steps")[:LINEAGE_SHOWN]
    )


def _bad(name: str, given: str, allowed: Sequence[str]) -> InvalidInput:
    message = f"“{given[:40]}” is not one of {', '.join(allowed)}."
    return InvalidInput(message, code=f"bad_{name}", fields={name: [message]})
