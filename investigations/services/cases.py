"""Opening and changing cases: each verb checks the right, writes, counts the revision up and leaves an audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import Account
from core import audit
from core.access import Capability, require
from core.errors import AppError, Conflict, InvalidInput, NotFound
from core.models import AuditEntry, Dataset
from investigations.models import Case, CaseAccount, CaseCluster, CaseNote, Cluster, ClusterVersion, Verdict
from investigations.models.choices import (
    CASE_TRANSITIONS,
    CASE_UNDOABLE,
    OPEN_CASE_STATES,
    Abusive,
    CaseState,
    SameOperator,
    transition_needs_reason,
)
from investigations.services.text import Faults, text_clean, web_address_clean
from staff.models import User

CASE_OPENED = audit.register("case.opened", "A case was opened")
CASE_CHANGED = audit.register("case.changed", "A case's title, owner or ticket was changed")
CASE_MOVED = audit.register("case.moved", "A case went from one state to another")
CLUSTER_ADDED = audit.register("case.cluster_added", "A cluster was put into a case")
CLUSTER_REMOVED = audit.register("case.cluster_removed", "A cluster was taken out of a case")
ACCOUNT_ADDED = audit.register("case.account_added", "An account was put into a case")
ACCOUNT_REMOVED = audit.register("case.account_removed", "An account was taken out of a case")
NOTE_ADDED = audit.register("case.note_added", "A note was written in a case")

TITLE_LENGTH, NOTE_LENGTH, TICKET_LENGTH, REASON_LENGTH = 200, 20_000, 120, 2_000
THINGS_AT_ONCE = 1_000


class Unchanged(Enum):
    """Stands for "leave this field as it is", where None has a meaning of its own."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


@transaction.atomic
def case_open(
    dataset: Dataset,
    *,
    by: User,
    title: str,
    clusters: Sequence[Cluster] = (),
    accounts: Sequence[Account] = (),
    owner: User | None = None,
    ticket_id: str = "",
    ticket_url: str = "",
) -> Case:
    """A new case over clusters and accounts of one dataset, owned by `owner` or by who opens it."""
    require(by, Capability.CASEWORK)
    faults = Faults()
    fields = _fields_clean(faults, title=title, ticket_id=ticket_id, ticket_url=ticket_url)
    _owner_check(owner, faults)
    if not clusters and not accounts:
        faults.add("clusters", "A case needs at least one cluster or account.")
    if len(clusters) + len(accounts) > THINGS_AT_ONCE:
        faults.add("accounts", f"At most {THINGS_AT_ONCE:,} clusters and accounts at once; add the others later.")
    faults.raise_if_any()
    things: list[Cluster | Account] = [*clusters, *accounts]
    for thing in things:
        _same_dataset(thing, dataset)
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)  # numbers of cases have no gaps and no twins
    last = Case.objects.filter(dataset=dataset).aggregate(n=Max("number"))["n"] or 0
    case = Case.objects.create(dataset=dataset, number=last + 1, owner=owner or by, opened_by=by, **fields)
    versions = _versions_of(clusters)
    CaseCluster.objects.bulk_create(
        [
            CaseCluster(case=case, cluster=c, version=versions.get(c.current_id), added_by=by)
            for c in {c.pk: c for c in clusters}.values()
        ]
    )
    CaseAccount.objects.bulk_create(
        [CaseAccount(case=case, account=a, added_by=by) for a in {a.pk: a for a in accounts}.values()]
    )
    _record(
        CASE_OPENED,
        case,
        by,
        number=case.number,
        clusters=[c.public_id for c in clusters],
        accounts=[a.public_id for a in accounts],
        owner=(owner or by).public_id,
    )
    return case


@transaction.atomic
def case_change(
    case: Case,
    *,
    by: User,
    expected_revision: int | None = None,
    title: str | Unchanged = UNCHANGED,
    owner: User | Unchanged | None = UNCHANGED,
    ticket_id: str | Unchanged = UNCHANGED,
    ticket_url: str | Unchanged = UNCHANGED,
) -> Case:
    """The case with another title, owner or ticket; nothing is written when nothing differs."""
    require(by, Capability.CASEWORK)
    row = case_lock(case, expected_revision=expected_revision)
    faults = Faults()
    given = {"title": title, "ticket_id": ticket_id, "ticket_url": ticket_url}
    new: dict[str, Any] = _fields_clean(faults, **{k: v for k, v in given.items() if v is not UNCHANGED})
    if owner is not UNCHANGED:
        _owner_check(owner, faults)
        new["owner"] = owner
    faults.raise_if_any()
    changed = sorted(name for name, value in new.items() if getattr(row, name) != value)
    if not changed:
        return row
    for name in changed:
        setattr(row, name, new[name])
    case_save(row, *changed)
    _record(CASE_CHANGED, row, by, fields=changed, owner=row.owner.public_id if row.owner else None)
    return row


@transaction.atomic
def case_transition(case: Case, *, by: User, to: str, reason: str = "", expected_revision: int | None = None) -> Case:
    """The case in another state; the reason, where one is needed or given, becomes a note."""
    require(by, Capability.CASEWORK)
    row = case_lock(case, expected_revision=expected_revision)
    if to not in CASE_TRANSITIONS[row.state]:
        raise bad_transition(row, to)
    target = CaseState(to)
    _transition_check(row, target, by)
    faults = Faults()
    needed = transition_needs_reason(target, has_verdict=row.verdicts.exists())
    text = text_clean(
        reason, field="reason", faults=faults, max_length=REASON_LENGTH, is_required=needed, has_lines=True
    )
    faults.raise_if_any(what_to_do="Say why, in a sentence: it stays with the case.")
    if text:
        _note_make(row, by, f"{target.label}: {text}")
    case_move(row, target, by=by)
    return row


@transaction.atomic
def case_cluster_add(case: Case, cluster: Cluster, *, by: User) -> CaseCluster:
    """The cluster in the case, pinned to the version that is current now."""
    require(by, Capability.CASEWORK)
    return _cluster_put(case, cluster, version=_versions_of([cluster]).get(cluster.current_id), by=by)


@transaction.atomic
def case_cluster_remove(case: Case, cluster: Cluster, *, by: User) -> None:
    """Takes a cluster out of the case; one with a verdict stays, because the verdict speaks of it."""
    require(by, Capability.CASEWORK)
    row = _open_for_changes(case)
    inside = row.case_clusters.filter(cluster=cluster).select_related("version__run").first()
    if inside is None:
        raise _not_in_case(cluster, row)
    if Verdict.objects.filter(case=row, cluster=cluster).exists():
        raise Conflict(
            f"{cluster} has a verdict in case {row.number}, so it stays in it.",
            code="has_verdict",
            what_to_do="Record another verdict that supersedes it, if it was wrong.",
        )
    run_number = inside.version.run.number if inside.version else None
    inside.delete()
    case_save(row)
    _record(CLUSTER_REMOVED, row, by, cluster=cluster.public_id, run=run_number)


@transaction.atomic
def case_account_add(case: Case, account: Account, *, by: User) -> CaseAccount:
    """The account in the case, beside its clusters."""
    require(by, Capability.CASEWORK)
    row = _open_for_changes(case)
    _same_dataset(account, row.dataset)
    if row.case_accounts.filter(account=account).exists():
        raise _already_in_case(account, row)
    made = CaseAccount.objects.create(case=row, account=account, added_by=by)
    case_save(row)
    _record(ACCOUNT_ADDED, row, by, account=account.public_id)
    return made


@transaction.atomic
def case_account_remove(case: Case, account: Account, *, by: User) -> None:
    """Takes an account out of the case."""
    require(by, Capability.CASEWORK)
    row = _open_for_changes(case)
    n_removed, _ = row.case_accounts.filter(account=account).delete()
    if not n_removed:
        raise _not_in_case(account, row)
    case_save(row)
    _record(ACCOUNT_REMOVED, row, by, account=account.public_id)


@transaction.atomic
def case_undo(case: Case, *, by: User, entry: int) -> None:
    """Turns back one entry of the case's activity: what went in goes out, what went out comes back."""
    require(by, Capability.CASEWORK)
    told = AuditEntry.objects.filter(seq=entry, target=case.public_id, action__in=CASE_UNDOABLE).first()
    if told is None:
        raise NotFound(
            f"Case {case.number} has no step {entry} that can be undone.",
            what_to_do="Only adding and removing clusters and accounts can be undone.",
        )
    if told.action in (CLUSTER_ADDED.name, CLUSTER_REMOVED.name):
        cluster = Cluster.objects.get(public_id=told.details["cluster"])
        if told.action == CLUSTER_ADDED.name:
            return case_cluster_remove(case, cluster, by=by)
        version = ClusterVersion.objects.filter(cluster=cluster, run__number=told.details.get("run")).first()
        _cluster_put(case, cluster, version=version, by=by)
        return None
    account = Account.objects.get(public_id=told.details["account"])
    if told.action == ACCOUNT_ADDED.name:
        return case_account_remove(case, account, by=by)
    case_account_add(case, account, by=by)
    return None


@transaction.atomic
def case_note_add(case: Case, *, by: User, text: str) -> CaseNote:
    """A note, for good: a correction is another note. Notes can be written in every state."""
    require(by, Capability.CASEWORK)
    faults = Faults()
    clean = text_clean(text, field="text", faults=faults, max_length=NOTE_LENGTH, is_required=True, has_lines=True)
    faults.raise_if_any()
    note = _note_make(case, by, clean)
    Case.objects.filter(pk=case.pk).update(changed_at=timezone.now())
    _record(NOTE_ADDED, case, by, note=note.public_id)
    return note


# --- also for the service of verdicts ---------------------------------------------------------------------------------


def case_lock(case: Case, *, expected_revision: int | None = None) -> Case:
    """The case's row as it is now, locked; Conflict when it is no longer the revision that somebody looked at."""
    row = Case.objects.select_for_update(of=("self",)).select_related("dataset", "owner").get(pk=case.pk)
    if expected_revision is not None and row.revision != expected_revision:
        raise Conflict(
            f"Case {row.number} was changed meanwhile: you saw revision {expected_revision}, it is at {row.revision}.",
            code="revision_mismatch",
            title="The case was changed meanwhile",
            status=412,
            what_to_do="Load the case again, look at what changed, and repeat your change.",
            revision=row.revision,
        )
    return row


def case_save(row: Case, *fields: str) -> None:
    """Saves these fields and counts the revision up."""
    row.revision += 1
    row.save(update_fields=[*fields, "revision", "changed_at"])


def case_move(row: Case, to: CaseState, *, by: User) -> None:
    """Puts a locked case into a state and records it; callers have checked that it may go there."""
    before, row.state = row.state, to
    row.closed_at = timezone.now() if to == CaseState.CLOSED else None
    case_save(row, "state", "closed_at")
    _record(CASE_MOVED, row, by, before=str(before), after=str(to))


def case_settled(row: Case) -> Conflict:
    """The refusal to change what a decided or closed case holds."""
    return Conflict(
        f"Case {row.number} is {CaseState(row.state).label.lower()}.",
        code="case_settled",
        what_to_do="Reopen it first.",
    )


def bad_transition(row: Case, to: str) -> Conflict:
    """The refusal of a way that the list of transitions doesn't have; it names those that are open."""
    allowed = [str(state) for state in CASE_TRANSITIONS[row.state]]
    words = ", ".join(CaseState(state).label.lower() for state in allowed)
    return Conflict(
        f"Case {row.number} is {CaseState(row.state).label.lower()} and can't become “{str(to)[:40]}”.",
        code="bad_transition",
        what_to_do=f"From here it can become: {words}.",
        allowed=allowed,
    )


# --- helpers ----------------------------------------------------------------------------------------------------------


def _record(action: audit.Action, case: Case, by: User, **details: Any) -> None:
    audit.record(action, actor=by, target=case.public_id, dataset=case.dataset.name, **details)


def _fields_clean(faults: Faults, **given: Any) -> dict[str, str]:
    clean: dict[str, str] = {}
    if "title" in given:
        clean["title"] = text_clean(
            given["title"], field="title", faults=faults, max_length=TITLE_LENGTH, is_required=True
        )
    if "ticket_id" in given:
        clean["ticket_id"] = text_clean(given["ticket_id"], field="ticket_id", faults=faults, max_length=TICKET_LENGTH)
    if "ticket_url" in given:
        clean["ticket_url"] = web_address_clean(given["ticket_url"], field="ticket_url", faults=faults)
    return clean


def _owner_check(owner: User | Unchanged | None, faults: Faults) -> None:
    if isinstance(owner, User) and Capability.CASEWORK not in owner.capabilities:
        faults.add("owner", f"{owner.label} has no role that works on cases.")


def _same_dataset(thing: Cluster | Account, dataset: Dataset) -> None:
    if thing.dataset_id != dataset.pk:
        raise Conflict(
            f"{thing.public_id} belongs to another dataset than the case, which is of “{dataset.name}”.",
            code="other_dataset",
            what_to_do="Open a case of its own in that dataset.",
        )


def _versions_of(clusters: Sequence[Cluster]) -> dict[int | None, ClusterVersion]:
    found = ClusterVersion.objects.filter(pk__in=[c.current_id for c in clusters if c.current_id])
    return {version.pk: version for version in found}


def _open_for_changes(case: Case) -> Case:
    row = case_lock(case)
    if row.state not in OPEN_CASE_STATES:
        raise case_settled(row)
    return row


def _cluster_put(case: Case, cluster: Cluster, *, version: ClusterVersion | None, by: User) -> CaseCluster:
    row = _open_for_changes(case)
    _same_dataset(cluster, row.dataset)
    if row.case_clusters.filter(cluster=cluster).exists():
        raise _already_in_case(cluster, row)
    made = CaseCluster.objects.create(case=row, cluster=cluster, version=version, added_by=by)
    case_save(row)
    _record(CLUSTER_ADDED, row, by, cluster=cluster.public_id, run=version.run.number if version else None)
    return made


def _already_in_case(thing: Cluster | Account, row: Case) -> Conflict:
    return Conflict(f"{thing.public_id} is in case {row.number} already.", code="already_in_case")


def _not_in_case(thing: Cluster | Account, row: Case) -> AppError:
    return NotFound(
        f"{thing.public_id} is not in case {row.number}.",
        code="not_in_case",
        what_to_do="Load the case again: somebody may have taken it out.",
    )


def _note_make(case: Case, by: User, text: str) -> CaseNote:
    return CaseNote.objects.create(case=case, author=by, text=text)


def _transition_check(row: Case, to: CaseState, by: User) -> None:
    """Decisions rest on verdicts, and a verdict that can lead to a ban is not waved through by its own author."""
    standing = row.verdicts.filter(superseded_by__isnull=True)
    severe = standing.filter(same_operator=SameOperator.CONFIRMED, abusive=Abusive.YES)
    if to == CaseState.DECIDED and not standing.exists():
        raise InvalidInput(
            f"Case {row.number} has no verdict yet, so nothing is decided.",
            what_to_do="Record a verdict, or close the case with a reason.",
            fields={"to": ["There is no verdict yet."]},
        )
    if to == CaseState.AWAITING_SECOND and not severe.exists():
        raise InvalidInput(
            f"Case {row.number} has no verdict that needs a second person.",
            what_to_do="Only “confirmed” together with “abusive” does.",
            fields={"to": ["No verdict needs a second person."]},
        )
    if to == CaseState.DECIDED and severe.filter(author=by).exists():
        raise Conflict(
            "Your own verdict can lead to a ban, so a second person has to look at it.",
            code="second_person",
            what_to_do="Ask a colleague to review the case.",
        )
