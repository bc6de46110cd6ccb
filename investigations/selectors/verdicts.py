"""Reading verdicts: the list, one with its frozen evidence, and how far the cluster has drifted since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet

from core.models import Dataset
from investigations.models import Cluster, Member, Verdict
from investigations.models.choices import Abusive, Hypothesis, HypothesisAnswer, SameOperator, Standing
from investigations.selectors.frozen import frozen_read, frozen_verify
from investigations.selectors.listing import (
    check_names,
    flag_of,
    known_id,
    order_of,
    page_read,
    text_of,
    words_of,
)
from investigations.selectors.shapes.cases import (
    Drift,
    HypothesisRow,
    StandingRow,
    VerdictDetail,
    VerdictFilters,
    VerdictPage,
    VerdictRow,
    mask_families,
    user_person,
)

VERDICT_SORTS = {
    "created_at": "created_at",
    "same_operator": "same_operator",
    "abusive": "abusive",
    "policy": "policy",
    "author": "author__username",
    "case": "case__number",
}


def verdict_list(
    dataset: Dataset | None,
    *,
    filters: VerdictFilters | None = None,
    page: int = 1,
    size: int = 50,
    cursor: str = "",
) -> VerdictPage:
    """A page of verdicts, newest first. Three queries."""
    filters = filters or VerdictFilters()
    rows = verdict_rows(dataset, filters=filters)
    everything = Verdict.objects.filter(case__dataset=dataset) if dataset else Verdict.objects.all()
    scope = f"verdicts {dataset} {filters}"
    n_total = everything.count()
    found = page_read(rows, verdict_row, n_total=n_total, page=page, size=size, cursor=cursor, scope=scope)
    return VerdictPage(found, filters)


def verdict_rows(dataset: Dataset | None, *, filters: VerdictFilters | None = None) -> QuerySet[Verdict]:
    """Verdicts in order, with what a row needs and without their frozen evidence."""
    filters = filters or VerdictFilters()
    rows = rows_with_relations(Verdict.objects.all())
    if dataset is not None:
        rows = rows.filter(case__dataset=dataset)
    if filters.same_operator:
        rows = rows.filter(same_operator__in=filters.same_operator)
    if filters.abusive:
        rows = rows.filter(abusive__in=filters.abusive)
    for field, prefix, value in (
        ("author__public_id", "usr", filters.author),
        ("case__public_id", "cas", filters.case),
        ("cluster__public_id", "clu", filters.cluster),
    ):
        if value:
            rows = rows.filter(**{field: known_id(value, prefix)})
    if filters.standing_only:
        rows = rows.filter(superseded_by__isnull=True)
    if filters.text:
        text = filters.text
        rows = rows.filter(Q(policy__icontains=text) | Q(rationale__icontains=text) | Q(case__title__icontains=text))
    return rows.order_by(*order_of(filters.sort, VERDICT_SORTS))


def rows_with_relations(rows: QuerySet[Verdict]) -> QuerySet[Verdict]:
    """The same verdicts with what a row needs, and without their frozen evidence."""
    return rows.select_related(
        "case__dataset", "cluster", "version__run", "author", "supersedes", "superseded_by"
    ).defer(
        "frozen",
        "supersedes__frozen",
        "supersedes__rationale",
        "superseded_by__frozen",
        "superseded_by__rationale",
        "version__family_rows",
        "version__value_rows",
        "version__run__model",
        "version__run__settings",
        "version__run__statistics",
    )


def verdict_filters_from(params: Mapping[str, Any]) -> VerdictFilters:
    """Filters from a query string; names are the fields of VerdictFilters, lists are repeated or comma-separated."""
    check_names(params, VerdictFilters)
    filters = VerdictFilters(
        same_operator=words_of(params, "same_operator", SameOperator.values),
        abusive=words_of(params, "abusive", Abusive.values),
        author=str(params.get("author") or ""),
        case=str(params.get("case") or ""),
        cluster=str(params.get("cluster") or ""),
        standing_only=flag_of(params, "standing_only"),
        text=text_of(params, "text"),
        sort=str(params.get("sort") or "-created_at"),
    )
    order_of(filters.sort, VERDICT_SORTS)
    return filters


def verdict_row(verdict: Verdict) -> VerdictRow:
    """The row of a verdict that came from `verdict_rows`."""
    later = getattr(verdict, "superseded_by", None)
    return VerdictRow(
        public_id=verdict.public_id,
        dataset=verdict.case.dataset.name,
        case_public_id=verdict.case.public_id,
        case_number=verdict.case.number,
        case_title=verdict.case.title,
        cluster_public_id=verdict.cluster.public_id,
        run_number=verdict.version.run.number,
        n_accounts=verdict.version.n_accounts,
        same_operator=verdict.same_operator,
        same_operator_label=verdict.get_same_operator_display(),
        abusive=verdict.abusive,
        abusive_label=verdict.get_abusive_display(),
        likelihood=verdict.likelihood,
        likelihood_label=verdict.get_likelihood_display(),
        confidence=verdict.confidence,
        confidence_label=verdict.get_confidence_display(),
        policy=verdict.policy,
        author=user_person(verdict.author),
        created_at=verdict.created_at,
        supersedes=verdict.supersedes.public_id if verdict.supersedes else None,
        superseded_by=later.public_id if later else None,
    )


def verdict_detail(verdict: Verdict) -> VerdictDetail:
    """A verdict with its frozen evidence, checked, and the drift since. Five queries, whatever the size."""
    row = verdict_row(rows_with_relations(Verdict.objects.all()).get(pk=verdict.pk))
    standings = tuple(
        StandingRow(account, standing, Standing(standing).label, reason)
        for account, standing, reason in verdict.standings.order_by("standing", "id").values_list(
            "account__public_id", "standing", "reason"
        )
    )
    return VerdictDetail(
        row=row,
        rationale=verdict.rationale,
        hypotheses=hypothesis_rows(verdict.hypotheses),
        standings=standings,
        standing_counts=dict(Counter(s.standing for s in standings)),
        frozen=frozen_read(verdict.frozen),
        frozen_digest=verdict.frozen_digest,
        is_intact=frozen_verify(verdict),
        drift=verdict_drift(verdict),
    )


def hypothesis_rows(answers: Mapping[str, Mapping[str, str]]) -> tuple[HypothesisRow, ...]:
    """Every benign explanation in its fixed order; one without an answer is untested."""
    rows = []
    for hypothesis in Hypothesis:
        said = answers.get(hypothesis.value, {})
        answer = HypothesisAnswer(said.get("answer", HypothesisAnswer.UNTESTED))
        rows.append(HypothesisRow(hypothesis.value, hypothesis.label, answer.value, answer.label, said.get("note", "")))
    return tuple(rows)


def verdict_drift(verdict: Verdict) -> Drift:
    """The cluster as decided upon against the cluster now. Two queries."""
    cluster = Cluster.objects.select_related("current__run").get(pk=verdict.cluster_id)
    frozen = verdict.frozen
    then = _Then(frozen["run"]["number"], frozen["figures"], frozenset(row[0] for row in frozen["members"]))
    is_same = cluster.current_id == verdict.version_id
    return _drift(then, cluster, then.members if is_same else _members_now(cluster))


def verdict_drift_of_cluster(cluster: Cluster) -> list[tuple[VerdictRow, Drift]]:
    """Every verdict on a cluster, newest first, with the drift since. Three queries."""
    now = Cluster.objects.select_related("current__run").get(pk=cluster.pk)
    members = _members_now(now)
    rows = rows_with_relations(Verdict.objects.filter(cluster=cluster)).annotate(
        then_run=F("frozen__run__number"), then_figures=F("frozen__figures"), then_members=F("frozen__members")
    )
    found = []
    for verdict in rows.order_by("-created_at", "-id"):
        told: Any = verdict
        then = _Then(told.then_run, told.then_figures, frozenset(row[0] for row in told.then_members))
        found.append((verdict_row(verdict), _drift(then, now, members)))
    return found


@dataclass(frozen=True)
class _Then:
    run_number: int
    figures: Mapping[str, Any]
    members: frozenset[str]


def _members_now(cluster: Cluster) -> frozenset[str]:
    rows = Member.objects.filter(version=cluster.current_id) if cluster.current_id else Member.objects.none()
    return frozenset(rows.values_list("account__public_id", flat=True))


def _drift(then: _Then, cluster: Cluster, now: frozenset[str]) -> Drift:
    current = None if cluster.ended_in_id else cluster.current
    families = then.figures["families"]
    if current is None:
        now = then.members
    gained = current.families & ~families if current else 0
    lost = families & ~current.families if current else 0
    bits_now = current.bits if current else None
    return Drift(
        has_changed=now != then.members or bool(gained or lost) or bits_now != then.figures["bits"],
        is_ended=current is None,
        run_then=then.run_number,
        run_now=current.run.number if current else None,
        joined=tuple(sorted(now - then.members)),
        left=tuple(sorted(then.members - now)),
        bits_then=then.figures["bits"],
        bits_now=bits_now,
        families_gained=mask_families(gained),
        families_lost=mask_families(lost),
        n_then=len(then.members),
        n_now=len(now) if current else 0,
        n_actionable_then=then.figures["n_actionable"],
        n_actionable_now=current.n_actionable if current else 0,
    )
