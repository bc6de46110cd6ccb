"""What people decided and wrote about one cluster: standing verdicts with what changed since, and notes of its cases."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case as Case_
from django.db.models import When

from investigations.models import Case, CaseNote, Cluster, Verdict
from investigations.models.choices import OPEN_CASE_STATES
from investigations.selectors.cases import note_row
from investigations.selectors.refs import bits_shown, case_ref, verdict_ref
from investigations.selectors.shapes.cases import NoteRow
from investigations.selectors.shapes.refs import CaseRef, VerdictRef
from staff.models import User

NOTES_SHOWN = 50
CASES_OFFERED = 8


@dataclass(frozen=True)
class ClusterVerdict:
    """A standing verdict beside what the cluster was when it was given, and is now."""

    verdict: VerdictRef
    case_public_id: str
    case_number: int
    run_number: int
    n_accounts_then: int
    n_accounts_now: int | None  # None: the cluster has ended
    bits_then: float
    bits_now: float | None
    has_changed: bool


@dataclass(frozen=True)
class ClusterNote:
    note: NoteRow
    case_public_id: str
    case_number: int


def cluster_verdicts(cluster: Cluster) -> tuple[ClusterVerdict, ...]:
    """The standing verdicts on a cluster, newest first. One query; the caller selects `current`."""
    rows = (
        Verdict.objects.filter(cluster=cluster, superseded_by__isnull=True)
        .select_related("author", "case", "version__run")
        .defer("frozen", "rationale", "version__run__model", "version__run__settings", "version__value_rows")
        .order_by("-id")
    )
    return tuple(_verdict(row, cluster) for row in rows)


def cluster_notes(cluster: Cluster) -> tuple[tuple[ClusterNote, ...], int]:
    """The newest notes of the cases that hold a cluster, and how many there are. Two queries."""
    rows = CaseNote.objects.filter(case__case_clusters__cluster=cluster)
    shown = rows.select_related("author", "case").order_by("-created_at", "-id")[:NOTES_SHOWN]
    notes = tuple(
        ClusterNote(
            note_row(note),
            str(note.case.public_id),
            note.case.number,
        )
        for note in shown
    )
    return notes, rows.count()


def cases_to_join(cluster: Cluster, *, user: User) -> tuple[CaseRef, ...]:
    """Open cases that a cluster could be put into: the person's own first, then the latest changed. One query."""
    rows = (
        Case.objects.filter(dataset=cluster.dataset_id, state__in=OPEN_CASE_STATES)
        .exclude(case_clusters__cluster=cluster)
        .annotate(is_own=Case_(When(owner=user, then=0), default=1))
        .select_related("owner")
        .order_by("is_own", "-changed_at", "-id")
    )
    return tuple(case_ref(row) for row in rows[:CASES_OFFERED])


def _verdict(row: Verdict, cluster: Cluster) -> ClusterVerdict:
    now = cluster.current if cluster.ended_in_id is None else None
    then = row.version
    same = now is not None and (now.n_accounts, now.bits, now.families) == (then.n_accounts, then.bits, then.families)
    return ClusterVerdict(
        verdict=verdict_ref(row),
        case_public_id=str(row.case.public_id),
        case_number=row.case.number,
        run_number=then.run.number,
        n_accounts_then=then.n_accounts,
        n_accounts_now=now.n_accounts if now else None,
        bits_then=bits_shown(then.bits),
        bits_now=bits_shown(now.bits) if now else None,
        has_changed=not same,
    )
