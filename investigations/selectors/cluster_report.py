"""Everything the printable cluster report says, gathered into its dataclass."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from investigations.models import Cluster, Member, Run, Verdict
from investigations.models.choices import Standing
from investigations.reports.cluster_report import (
    MEMBERS_SHOWN,
    ClusterReport,
    ExplanationLine,
    Fact,
    FamilyLine,
    MemberLine,
    ValueLine,
    VerdictBlock,
)
from investigations.selectors.cluster import cluster_detail, cluster_version
from investigations.selectors.shapes.cases import mask_families
from investigations.selectors.shapes.clusters import ClusterDetail, ClusterRow
from investigations.selectors.verdicts import hypothesis_rows, rows_with_relations


def cluster_report(
    cluster: Cluster, *, run: Run, made_at: datetime, made_by: str, shows_platform_ids: bool
) -> ClusterReport:
    """The report of a cluster as a run found it, with its newest standing verdict. About twenty queries."""
    detail = cluster_detail(cluster, run=run)
    version = cluster_version(cluster, run=run)
    standing = Verdict.objects.filter(cluster=cluster, superseded_by__isnull=True)
    verdict = rows_with_relations(standing).order_by("-created_at", "-id").first()
    headline, _, rest = detail.sentence.partition("; ")
    return ClusterReport(
        title=headline,
        sentence=_sentence(rest, detail),
        cluster=cluster.public_id,
        dataset=detail.dataset,
        run_number=run.number,
        run_finished_at=run.finished_at,
        engine_version=run.engine_version,
        model_digest=run.model_digest,
        input_digest=run.input_digest,
        made_at=made_at,
        made_by=made_by,
        facts=_facts(detail.row),
        families=tuple(
            FamilyLine(e.family, e.label, e.bits_for, e.bits_against, e.n_links, e.parts_without)
            for e in detail.evidence
        ),
        fragility=detail.fragility,
        values=tuple(
            ValueLine(v.value.family, v.value.kind_label, v.value.shown, v.n_members, v.n_holders, v.bits, v.is_hub)
            for v in detail.values
        ),
        explanations=_explanations(detail, verdict),
        explanations_from=(
            f"As {verdict.author.label} answered them in the verdict below."
            if verdict
            else "What the figures say by rules of thumb; no person has answered these yet."
        ),
        verdict=_verdict(verdict) if verdict else None,
        members=_members(version.pk, shows_platform_ids=shows_platform_ids),
        n_members=version.n_accounts,
        shows_platform_ids=shows_platform_ids,
    )


def _sentence(rest: str, detail: ClusterDetail) -> str:
    """What follows the headline; the headline alone when there is nothing more to say."""
    return rest[:1].upper() + rest[1:] if rest else detail.row.summary


def _facts(row: ClusterRow) -> tuple[Fact, ...]:
    seen = row.first_seen_at.strftime("%Y-%m-%d") if row.first_seen_at else "–"
    return (
        Fact("Bits over the line", f"{row.bits:.1f}"),
        Fact("Members", f"{row.n_accounts:,}"),
        Fact("Actionable core", f"{row.n_actionable:,}"),
        Fact("Links", f"{row.n_links:,}"),
        Fact("Sessions", f"{row.n_sessions:,}"),
        Fact("Exchanges", f"{row.n_exchanges:,}"),
        Fact("Output tokens", f"{row.n_output_tokens:,}"),
        Fact("First seen", seen),
    )


def _explanations(detail: ClusterDetail, verdict: Verdict | None) -> tuple[ExplanationLine, ...]:
    if verdict is None:
        return tuple(ExplanationLine(e.label, e.answer, e.answer_label, e.text) for e in detail.explanations)
    answers = hypothesis_rows(verdict.hypotheses)
    return tuple(ExplanationLine(h.label, h.answer, h.answer_label, h.note) for h in answers)


def _verdict(verdict: Verdict) -> VerdictBlock:
    counts = Counter(verdict.standings.values_list("standing", flat=True))
    return VerdictBlock(
        public_id=verdict.public_id,
        case=f"case {verdict.case.number} “{verdict.case.title}”",
        same_operator=verdict.get_same_operator_display(),
        abusive=verdict.get_abusive_display(),
        likelihood=verdict.get_likelihood_display(),
        confidence=verdict.get_confidence_display(),
        policy=verdict.policy,
        rationale=verdict.rationale,
        author=verdict.author.label,
        created_at=verdict.created_at,
        run_number=verdict.version.run.number,
        standings=tuple(Fact(s.label.lower(), f"{counts[s.value]:,}") for s in Standing if counts[s.value]),
        frozen_digest=verdict.frozen_digest,
    )


def _members(version_id: int, *, shows_platform_ids: bool) -> tuple[MemberLine, ...]:
    rows = Member.objects.filter(version=version_id).select_related("account").order_by("-bits", "id")
    return tuple(
        MemberLine(
            account=member.account.public_id,
            platform_id=member.account.platform_id if shows_platform_ids else "",
            position=member.get_position_display(),
            is_actionable=member.is_actionable,
            bits=member.bits / 1000,
            degree=member.degree,
            families=mask_families(member.families),
            created_at=member.account.created_at,
            n_sessions=member.account.n_sessions,
            n_exchanges=member.account.n_exchanges,
        )
        for member in rows[:MEMBERS_SHOWN]
    )
