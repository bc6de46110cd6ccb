"""Recording verdicts: a person's decision on a cluster, with the evidence frozen as it was seen."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from core import audit
from core.access import Capability, require
from core.errors import Conflict, NotFound
from investigations.models import Case, Cluster, ClusterVersion, Member, Verdict, VerdictStanding
from investigations.models.choices import OPEN_CASE_STATES, Abusive, CaseState, SameOperator, Standing
from investigations.selectors.frozen import digest_of, frozen_verify
from investigations.services.cases import case_lock, case_move, case_save, case_settled
from investigations.services.frozen import frozen_make
from investigations.services.verdict_rules import (
    STANDING_DEFAULTS,
    CleanVerdict,
    HypothesisInput,
    StandingInput,
    VerdictInput,
    verdict_clean,
)
from staff.models import User

__all__ = [
    "STANDING_DEFAULTS",
    "HypothesisInput",
    "StandingInput",
    "VerdictInput",
    "frozen_verify",
    "verdict_record",
]

VERDICT_RECORDED = audit.register("verdict.recorded", "A verdict on a cluster was recorded in a case")


@transaction.atomic
def verdict_record(
    case: Case, cluster: Cluster, *, by: User, decision: VerdictInput, expected_run: str = ""
) -> Verdict:
    """A verdict with its standings and frozen evidence; it supersedes the case's last one on this cluster.

    `expected_run` is the public id of the run whose version the form showed: when a newer one has landed, Conflict
    says what changed. A verdict that can lead to a ban leaves the case waiting for a second person.
    """
    require(by, Capability.VERDICT)
    row = case_lock(case)
    if row.state not in OPEN_CASE_STATES:
        raise case_settled(row)
    version = _version_now(row, cluster, expected_run)
    members = list(Member.objects.filter(version=version).values_list("account_id", "account__public_id", "position"))
    clean = verdict_clean(decision, members=frozenset(public_id for _, public_id, _ in members))
    frozen = frozen_make(cluster, version)
    verdict = _verdict_make(row, cluster, version, clean, by=by, frozen=frozen)
    n_standings = _standings_make(verdict, members, clean)
    _case_follow(row, by)
    _recorded(verdict, row, n_standings, by=by)
    return verdict


def _verdict_make(
    row: Case, cluster: Cluster, version: ClusterVersion, clean: CleanVerdict, *, by: User, frozen: dict[str, Any]
) -> Verdict:
    """The verdict's row, in the place of the case's last one on this cluster."""
    standing = Verdict.objects.filter(case=row, cluster=cluster, superseded_by__isnull=True)
    return Verdict.objects.create(
        case=row,
        cluster=cluster,
        version=version,
        supersedes=standing.first(),
        same_operator=clean.same_operator,
        abusive=clean.abusive,
        likelihood=clean.likelihood,
        confidence=clean.confidence,
        policy=clean.policy,
        rationale=clean.rationale,
        hypotheses=clean.hypotheses,
        author=by,
        frozen=frozen,
        frozen_digest=digest_of(frozen),
    )


def _recorded(verdict: Verdict, row: Case, n_standings: int, *, by: User) -> None:
    """The entry in the audit log: what was decided on what, never the rationale."""
    audit.record(
        VERDICT_RECORDED,
        actor=by,
        target=row.public_id,
        dataset=row.dataset.name,
        verdict=verdict.public_id,
        cluster=verdict.cluster.public_id,
        run=verdict.version.run.number,
        same_operator=verdict.same_operator,
        abusive=verdict.abusive,
        likelihood=verdict.likelihood,
        confidence=verdict.confidence,
        supersedes=verdict.supersedes.public_id if verdict.supersedes else None,
        standings=n_standings,
        frozen_digest=verdict.frozen_digest,
    )


def _version_now(row: Case, cluster: Cluster, expected_run: str) -> ClusterVersion:
    """The cluster's current version, locked against a run that lands meanwhile."""
    if not row.case_clusters.filter(cluster=cluster).exists():
        raise NotFound(
            f"{cluster.public_id} is not in case {row.number}.",
            code="not_in_case",
            what_to_do="Put it into the case first.",
        )
    now = Cluster.objects.select_for_update(no_key=True, of=("self",)).get(pk=cluster.pk)
    version = ClusterVersion.objects.select_related("run").filter(pk=now.current_id).first() if now.current_id else None
    if version is None or now.ended_in_id or not version.run.has_rows:
        raise Conflict(
            f"{cluster.public_id} has no members in the latest run, so there is nothing to judge.",
            code="cluster_ended",
            title="The cluster has ended",
            what_to_do="Its lineage names what became of it: judge that cluster instead.",
        )
    if expected_run and expected_run != version.run.public_id:
        raise _changed_meanwhile(cluster, version, expected_run)
    return version


def _changed_meanwhile(cluster: Cluster, version: ClusterVersion, expected_run: str) -> Conflict:
    runs = {run.public_id: run for run in _runs_of(cluster)}
    seen = ClusterVersion.objects.filter(cluster=cluster, run=runs.get(expected_run)).first()
    changed: dict[str, Any] = {"run": [seen.run.number if seen else None, version.run.number]}
    words = []
    if seen:
        for name, label in (("n_accounts", "accounts"), ("n_actionable", "actionable"), ("n_links", "links")):
            then, now = getattr(seen, name), getattr(version, name)
            changed[name] = [then, now]
            words += [f"{label} {then:,} → {now:,}"] if then != now else []
        if seen.bits != version.bits:
            words.append(f"bits {seen.bits / 1000:.1f} → {version.bits / 1000:.1f}")
        changed["bits"] = [seen.bits, version.bits]
    return Conflict(
        f"Run {version.run.number} landed since you opened the form: {', '.join(words) or 'the same figures'}.",
        code="cluster_changed",
        title="A newer run changed what you judge",
        what_to_do="Look at the cluster again, then record the verdict; what you wrote is still in the form.",
        changed=changed,
        run=version.run.public_id,
    )


def _runs_of(cluster: Cluster) -> list[Any]:
    versions = ClusterVersion.objects.filter(cluster=cluster).select_related("run")
    return [version.run for version in versions]


def _standings_make(verdict: Verdict, members: list[tuple[int, str, str]], clean: CleanVerdict) -> int:
    """A confirmed verdict speaks of every member, a benign one excludes each, the others only of those named."""
    rows = []
    for pk, public_id, position in members:
        said = clean.overrides.get(public_id)
        if said is None and clean.same_operator == SameOperator.CONFIRMED:
            said = clean.defaults[position]
        if said is None and clean.same_operator == SameOperator.BENIGN_SHARED:
            said = StandingInput(Standing.EXCLUDED, "Benign shared resource")
        if said is not None:
            rows.append(VerdictStanding(verdict=verdict, account_id=pk, standing=said.standing, reason=said.reason))
    VerdictStanding.objects.bulk_create(rows, batch_size=5_000)
    return len(rows)


def _case_follow(row: Case, by: User) -> None:
    """The state that the standing verdicts ask for: second review, decided, or more work on the other clusters."""
    standing = Verdict.objects.filter(case=row, superseded_by__isnull=True)
    severe = standing.filter(same_operator=SameOperator.CONFIRMED, abusive=Abusive.YES)
    judged = set(standing.values_list("cluster_id", flat=True))
    if severe.exists():
        to = CaseState.AWAITING_SECOND
    elif set(row.case_clusters.values_list("cluster_id", flat=True)) <= judged:
        to = CaseState.DECIDED
    else:
        to = CaseState.IN_REVIEW
    if row.state == to:
        case_save(row)
    else:
        case_move(row, to, by=by)
