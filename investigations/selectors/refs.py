"""Rows as references: short frozen dataclasses that lists, pages and the API show in place of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.kinds import kind_get
from accounts.models import Account, Identifier
from investigations.linkage.types import FAMILIES
from investigations.models import Case, CaseCluster, Cluster, Run, Verdict
from investigations.selectors.shapes.refs import AccountRef, CaseRef, ClusterRef, RunRef, ValueRef, VerdictRef

UINT64 = 2**64
NOTHING_SHARED = "—"


def bits_shown(millibits: int) -> float:
    """Millibits as bits."""
    return millibits / 1000


def families_of(mask: int) -> tuple[str, ...]:
    """The families in a bit mask, in their fixed order."""
    return tuple(name for i, name in enumerate(FAMILIES) if mask >> i & 1)


def account_ref(account: Account, *, shows_platform_ids: bool) -> AccountRef:
    """The account as lists show it."""
    return AccountRef(
        public_id=str(account.public_id),
        platform_id=account.platform_id if shows_platform_ids else None,
        status=account.status,
        status_label=account.get_status_display(),
        created_at=account.created_at,
        plan=account.plan,
    )


def run_ref(run: Run) -> RunRef:
    """The run in short."""
    return RunRef(str(run.public_id), run.number, run.state, run.finished_at)


def cluster_ref(cluster: Cluster) -> ClusterRef:
    """The cluster with its newest figures; the caller selects `current`."""
    version = cluster.current
    return ClusterRef(
        public_id=str(cluster.public_id),
        summary=version.summary if version else "",
        n_accounts=version.n_accounts if version else 0,
        is_ended=cluster.ended_in_id is not None,
    )


def case_ref(case: Case) -> CaseRef:
    """The case in short; the caller selects `owner`."""
    return CaseRef(
        public_id=str(case.public_id),
        number=case.number,
        title=case.title,
        state=case.state,
        state_label=case.get_state_display(),
        owner=case.owner.label if case.owner else "",
        owner_public_id=str(case.owner.public_id) if case.owner else "",
    )


def verdict_ref(verdict: Verdict) -> VerdictRef:
    """The verdict in short; the caller selects `author`."""
    return VerdictRef(
        public_id=str(verdict.public_id),
        same_operator=verdict.same_operator,
        same_operator_label=verdict.get_same_operator_display(),
        abusive=verdict.abusive,
        abusive_label=verdict.get_abusive_display(),
        likelihood_label=verdict.get_likelihood_display(),
        confidence_label=verdict.get_confidence_display(),
        author=verdict.author.label,
        created_at=verdict.created_at,
    )


def values_shown(pairs: Iterable[tuple[str, int | None]]) -> dict[tuple[str, int | None], ValueRef]:
    """How (kind, number) pairs of the engine are shown: identifiers by their mask, fingerprints in hex. One query."""
    wanted = set(pairs)
    numbers = {number for _, number in wanted if number is not None}
    found = Identifier.objects.filter(pk__in=numbers).only("kind", "public_id", "mask") if numbers else ()
    known: dict[tuple[str, int | None], Identifier] = {(row.kind, row.pk): row for row in found}
    return {pair: _value_ref(pair, known.get(pair)) for pair in wanted}


def identifier_ref(identifier: Identifier) -> ValueRef:
    """An identifier by its mask."""
    return _value_ref((identifier.kind, identifier.pk), identifier)


def cases_of_clusters(cluster_ids: Iterable[int]) -> dict[int, CaseRef]:
    """The newest case that each cluster is in. One query."""
    rows = CaseCluster.objects.filter(cluster__in=list(cluster_ids)).select_related("case", "case__owner")
    return {row.cluster_id: case_ref(row.case) for row in rows.order_by("case_id")}


def verdicts_of_clusters(cluster_ids: Iterable[int]) -> dict[int, VerdictRef]:
    """The newest standing verdict on each cluster. One query."""
    rows = Verdict.objects.filter(cluster__in=list(cluster_ids), superseded_by__isnull=True)
    return {row.cluster_id: verdict_ref(row) for row in rows.select_related("author").order_by("id")}


def _value_ref(pair: tuple[str, int | None], row: Any) -> ValueRef:
    kind, number = pair
    known = kind_get(kind)
    if row is not None:
        shown = row.mask
    else:
        shown = NOTHING_SHARED if number is None else f"{number % UINT64:016x}"
    return ValueRef(
        kind=kind,
        kind_label=known.label,
        family=known.family,
        shown=shown,
        public_id=str(row.public_id) if row is not None else None,
        is_personal=known.personal and row is not None,
    )
