"""Reading cases: the list with its totals, and one case with everything that happened in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from core import audit
from core.access import Capability
from core.models import AuditEntry, Dataset
from investigations.models import Case, CaseAccount, CaseCluster, CaseNote, Cluster, Verdict
from investigations.models.choices import (
    CASE_TRANSITIONS,
    CASE_UNDOABLE,
    OPEN_CASE_STATES,
    CaseState,
    transition_needs_reason,
)
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
    ActivityRow,
    CaseAccountRow,
    CaseClusterRow,
    CaseDetail,
    CaseFilters,
    CasePage,
    CaseRow,
    NoteRow,
    Person,
    TransitionRow,
    VerdictRow,
    user_person,
    version_figures,
)
from investigations.selectors.verdicts import rows_with_relations, verdict_row
from staff.models import User
from staff.roles import ROLE_CAPABILITIES

CASE_SORTS = {
    "number": "number",
    "title": "title",
    "state": "state",
    "owner": "owner__username",
    "opened_at": "opened_at",
    "changed_at": "changed_at",
}
NOTES_SHOWN = 200
ACTIVITY_SHOWN = 200


def case_list(
    dataset: Dataset | None,
    *,
    user: User,
    filters: CaseFilters | None = None,
    page: int = 1,
    size: int = 50,
    cursor: str = "",
) -> CasePage:
    """A page of cases and how many there are in each state. Three queries."""
    filters = filters or CaseFilters()
    everything = Case.objects.filter(dataset=dataset) if dataset else Case.objects.all()
    counted = everything.order_by().values_list("state").annotate(n=Count("pk"))
    by_state = {state.value: 0 for state in CaseState} | dict(counted)
    rows = case_rows(dataset, user=user, filters=filters)
    scope = f"cases {dataset} {filters} {user.pk if filters.mine else ''}"
    n_total = sum(by_state.values())
    found = page_read(rows, case_row, n_total=n_total, page=page, size=size, cursor=cursor, scope=scope)
    return CasePage(found, by_state, filters)


def case_rows(dataset: Dataset | None, *, user: User, filters: CaseFilters | None = None) -> QuerySet[Case]:
    """Cases in order, with the counts that a row shows."""
    filters = filters or CaseFilters()
    rows = rows_with_counts(Case.objects.all())
    if dataset is not None:
        rows = rows.filter(dataset=dataset)
    if filters.states:
        rows = rows.filter(state__in=filters.states)
    if filters.mine:
        rows = rows.filter(owner=user)
    if filters.owner == "none":
        rows = rows.filter(owner__isnull=True)
    elif filters.owner:
        rows = rows.filter(owner__public_id=known_id(filters.owner, "usr"))
    if filters.cluster:
        inside = CaseCluster.objects.filter(cluster__public_id=known_id(filters.cluster, "clu"))
        rows = rows.filter(pk__in=inside.values("case"))
    if filters.account:
        beside = CaseAccount.objects.filter(account__public_id=known_id(filters.account, "acc"))
        rows = rows.filter(pk__in=beside.values("case"))
    if filters.text:
        match = Q(title__icontains=filters.text) | Q(ticket_id__icontains=filters.text)
        if filters.text.isdecimal() and filters.text.isascii() and len(filters.text) < 10:
            match |= Q(number=int(filters.text))
        rows = rows.filter(match)
    return rows.order_by(*order_of(filters.sort, CASE_SORTS))


def case_filters_from(params: Mapping[str, Any]) -> CaseFilters:
    """Filters from a query string; names are the fields of CaseFilters, `states` is repeated or comma-separated."""
    check_names(params, CaseFilters)
    filters = CaseFilters(
        states=words_of(params, "states", CaseState.values),
        owner=str(params.get("owner") or ""),
        mine=flag_of(params, "mine"),
        text=text_of(params, "text"),
        cluster=str(params.get("cluster") or ""),
        account=str(params.get("account") or ""),
        sort=str(params.get("sort") or "-changed_at"),
    )
    order_of(filters.sort, CASE_SORTS)
    return filters


def rows_with_counts(rows: QuerySet[Case]) -> QuerySet[Case]:
    """The same cases with their people and counts; counted apart, so that the joins don't multiply."""

    def counted(model: Any, **where: Any) -> Coalesce:
        inner = model.objects.filter(case=OuterRef("pk"), **where).order_by().values("case")
        return Coalesce(Subquery(inner.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)

    members = CaseCluster.objects.filter(case=OuterRef("pk"), cluster__ended_in__isnull=True)
    n_members = members.order_by().values("case").annotate(n=Sum("cluster__current__n_accounts")).values("n")
    return rows.select_related("dataset", "owner", "opened_by").annotate(
        n_clusters=counted(CaseCluster),
        n_accounts=counted(CaseAccount),
        n_notes=counted(CaseNote),
        n_verdicts=counted(Verdict, superseded_by__isnull=True),
        n_members=Coalesce(Subquery(n_members, output_field=IntegerField()), 0),
    )


def case_row(case: Case) -> CaseRow:
    """The row of a case that came from `case_rows`; for any other the counts are looked up."""
    found: Any = case if hasattr(case, "n_members") else rows_with_counts(Case.objects.all()).get(pk=case.pk)
    return CaseRow(
        public_id=found.public_id,
        dataset=found.dataset.name,
        number=found.number,
        title=found.title,
        state=found.state,
        state_label=found.get_state_display(),
        owner=user_person(found.owner) if found.owner else None,
        opened_by=user_person(found.opened_by),
        opened_at=found.opened_at,
        changed_at=found.changed_at,
        closed_at=found.closed_at,
        n_clusters=found.n_clusters,
        n_accounts=found.n_accounts,
        n_members=found.n_members,
        n_notes=found.n_notes,
        n_verdicts=found.n_verdicts,
        ticket_id=found.ticket_id,
        ticket_url=found.ticket_url,
        revision=found.revision,
    )


def case_detail(case: Case, *, user: User) -> CaseDetail:
    """A case with what is in it and what happened in it. Eight queries, whatever the size."""
    row = case_row(rows_with_counts(Case.objects.all()).get(pk=case.pk))
    verdicts = tuple(
        verdict_row(v) for v in rows_with_relations(Verdict.objects.filter(case=case)).order_by("-created_at", "-id")
    )
    is_settled = row.state not in OPEN_CASE_STATES
    may_change = Capability.CASEWORK in user.capabilities
    told = AuditEntry.objects.filter(target=case.public_id)
    n_activity = told.count()
    activity = activity_rows(told.order_by("-seq")[:ACTIVITY_SHOWN], can_undo=may_change and not is_settled)
    moves = CASE_TRANSITIONS[row.state] if may_change else ()
    return CaseDetail(
        row=row,
        clusters=_cluster_rows(case, {v.cluster_public_id: v for v in verdicts if v.superseded_by is None}),
        accounts=_account_rows(case),
        notes=tuple(note_row(n) for n in note_list(case).order_by("-created_at", "-id")[:NOTES_SHOWN]),
        n_notes=row.n_notes,
        verdicts=verdicts,
        activity=activity,
        n_activity=n_activity,
        transitions=tuple(
            TransitionRow(to.value, to.label, transition_needs_reason(to, has_verdict=bool(verdicts))) for to in moves
        ),
        is_settled=is_settled,
    )


def note_list(case: Case) -> QuerySet[CaseNote]:
    """The notes of a case, oldest first."""
    return CaseNote.objects.filter(case=case).select_related("author", "case").order_by("created_at", "id")


def note_row(note: CaseNote) -> NoteRow:
    """A note with its author and case."""
    return NoteRow(
        note.public_id,
        user_person(note.author),
        note.text,
        note.created_at,
        note.case.public_id,
        note.case.number,
    )


def note_rows_of_cluster(cluster: Cluster) -> tuple[NoteRow, ...]:
    """The notes of the cases that hold a cluster, newest first, at most NOTES_SHOWN. One query."""
    notes = CaseNote.objects.filter(case__case_clusters__cluster=cluster).select_related("author", "case")
    return tuple(note_row(note) for note in notes.order_by("-created_at", "-id")[:NOTES_SHOWN])


def owner_choices() -> list[Person]:
    """Those who may own a case, by name."""
    roles = [role for role, capabilities in ROLE_CAPABILITIES.items() if Capability.CASEWORK in capabilities]
    holds = Q(role_grants__role__in=roles, role_grants__revoked_at__isnull=True)
    people = User.objects.filter(holds, is_active=True).distinct().order_by("username")
    return [user_person(user) for user in people]


def activity_rows(entries: QuerySet[AuditEntry], *, can_undo: bool) -> tuple[ActivityRow, ...]:
    """Audit entries in words, newest first; the last step about each cluster or account can be undone."""
    means = {action.name: action.means for action in audit.actions()}
    seen: set[str] = set()
    rows = []
    for entry in entries:
        about = entry.details.get("cluster") or entry.details.get("account") or ""
        is_last = bool(about) and about not in seen
        seen.add(about)
        rows.append(
            ActivityRow(
                seq=entry.seq,
                at=entry.at,
                actor_label=entry.actor_label,
                action=entry.action,
                text=activity_text(entry.action, entry.details) or means.get(entry.action, entry.action),
                details=entry.details,
                can_undo=can_undo and is_last and entry.action in CASE_UNDOABLE,
            )
        )
    return tuple(rows)


def activity_text(action: str, details: Mapping[str, Any]) -> str:
    """What an entry of a case says, in words; empty for actions of other things."""
    if action == "case.opened":
        inside = [_count(details[f"{word}s"], word) for word in ("cluster", "account") if details[f"{word}s"]]
        return f"opened the case with {' and '.join(inside)}"
    if action == "case.changed":
        return f"changed {', '.join(name.replace('_', ' ') for name in details['fields'])}"
    if action == "case.moved":
        before, after = CaseState(details["before"]).label, CaseState(details["after"]).label
        return f"moved it from {before.lower()} to {after.lower()}"
    words = {
        "case.cluster_added": "put in cluster {cluster}",
        "case.cluster_removed": "took out cluster {cluster}",
        "case.account_added": "put in account {account}",
        "case.account_removed": "took out account {account}",
        "case.note_added": "wrote a note",
        "verdict.recorded": "recorded a verdict on {cluster}, as run {run} found it",
    }
    return words.get(action, "").format_map(dict(details))


def _count(things: list[str], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _cluster_rows(case: Case, verdicts: Mapping[str, VerdictRow]) -> tuple[CaseClusterRow, ...]:
    inside = (
        CaseCluster.objects.filter(case=case)
        .select_related("cluster__current__run", "cluster__ended_in", "version__run", "added_by")
        .order_by("added_at", "id")
    )
    rows = []
    for entry in inside:
        cluster, then = entry.cluster, entry.version
        now = cluster.current if cluster.ended_in is None else None
        rows.append(
            CaseClusterRow(
                public_id=cluster.public_id,
                added_by=user_person(entry.added_by),
                added_at=entry.added_at,
                then=version_figures(then) if then else None,
                now=version_figures(now) if now else None,
                has_changed=_has_changed(then, now),
                ended_in=cluster.ended_in.number if cluster.ended_in else None,
                verdict=verdicts.get(cluster.public_id),
            )
        )
    return tuple(rows)


def _has_changed(then: Any, now: Any) -> bool:
    if then is None or now is None:
        return then is not now
    names = ("n_accounts", "n_actionable", "n_links", "bits", "families")
    return any(getattr(then, name) != getattr(now, name) for name in names)


def _account_rows(case: Case) -> tuple[CaseAccountRow, ...]:
    inside = CaseAccount.objects.filter(case=case).select_related("account", "added_by").order_by("added_at", "id")
    return tuple(
        CaseAccountRow(
            public_id=entry.account.public_id,
            status=entry.account.status,
            status_label=entry.account.get_status_display(),
            created_at=entry.account.created_at,
            n_sessions=entry.account.n_sessions,
            n_exchanges=entry.account.n_exchanges,
            added_by=user_person(entry.added_by),
            added_at=entry.added_at,
        )
        for entry in inside
    )
