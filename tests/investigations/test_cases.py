from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from core.errors import AppError, Conflict, Forbidden, InvalidInput, NotFound
from core.models import AuditEntry
from investigations.access import case_get_for
from investigations.models import Case, CaseNote
from investigations.models.choices import CASE_TRANSITIONS, CASE_UNDOABLE, CaseState
from investigations.selectors.cases import (
    case_detail,
    case_filters_from,
    case_list,
    note_rows_of_cluster,
    owner_choices,
)
from investigations.selectors.shapes.cases import CaseFilters
from investigations.services import cases
from investigations.services.cases import (
    case_account_add,
    case_account_remove,
    case_change,
    case_cluster_add,
    case_cluster_remove,
    case_note_add,
    case_open,
    case_transition,
    case_undo,
)
from tests.cast import Cast
from tests.factories import accounts_make, dataset_make, network_make, run_make
from tests.investigations.decisions import case_make

CASEWORKERS = {"investigator", "lead", "integration"}


def fields_of(error: pytest.ExceptionInfo[AppError]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = error.value.extra["fields"]
    return found


def actions_of(case: Case) -> list[str]:
    return list(AuditEntry.objects.filter(target=case.public_id).order_by("seq").values_list("action", flat=True))


def test_it_opens_a_case_over_clusters_and_accounts(cast: Cast) -> None:
    case = case_make(cast, accounts=cast.neighbours[:2], ticket_id="TS-9", ticket_url="https://jira/browse/TS-9")
    detail = case_detail(case, user=cast.people.investigator)
    assert (detail.row.number, detail.row.state, detail.row.owner.username) == (1, "open", "investigator")
    assert (detail.row.n_clusters, detail.row.n_accounts, detail.row.n_members) == (1, 2, 6)
    assert detail.clusters[0].then == detail.clusters[0].now
    assert not detail.clusters[0].has_changed
    assert detail.row.ticket_url == "https://jira/browse/TS-9"
    assert detail.activity[0].text == "opened the case with 1 cluster and 2 accounts"
    assert actions_of(case) == ["case.opened"]
    assert (
        case_detail(case_make(cast), user=cast.people.investigator).activity[0].text == "opened the case with 1 cluster"
    )


def test_it_numbers_cases_by_dataset(cast: Cast) -> None:
    other = dataset_make("other")
    theirs = accounts_make(other, 1)
    assert [case_make(cast).number, case_make(cast).number] == [1, 2]
    assert case_open(other, by=cast.people.lead, title="There", accounts=theirs).number == 1


def test_it_takes_a_thing_given_twice_once(cast: Cast) -> None:
    case = case_make(cast, clusters=[cast.cards, cast.cards], accounts=[cast.neighbours[0]] * 2)
    assert (case.case_clusters.count(), case.case_accounts.count()) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "  \n "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": None}, "title"),
        ({"clusters": []}, "clusters"),
        ({"ticket_id": "x" * 121}, "ticket_id"),
        ({"ticket_url": "javascript:alert(1)"}, "ticket_url"),
        ({"ticket_url": "ftp://host/x"}, "ticket_url"),
        ({"ticket_url": "https://"}, "ticket_url"),
        ({"ticket_url": "https://user:pass@host/"}, "ticket_url"),
        ({"ticket_url": "https://host:port/"}, "ticket_url"),
        ({"ticket_url": 'https://host/"><script>'}, "ticket_url"),
        ({"ticket_url": "https://host/" + "x" * 500}, "ticket_url"),
    ],
)
def test_it_names_the_field_that_is_wrong(cast: Cast, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        case_make(cast, **changed)
    assert list(fields_of(error)) == [field]
    assert error.value.what_to_do
    assert not Case.objects.exists()


def test_it_names_all_fields_at_once(cast: Cast) -> None:
    with pytest.raises(InvalidInput) as error:
        case_make(cast, title="", ticket_url="nonsense", clusters=[])
    assert set(fields_of(error)) == {"title", "ticket_url", "clusters"}


def test_it_refuses_an_owner_who_does_no_casework(cast: Cast) -> None:
    with pytest.raises(InvalidInput) as error:
        case_make(cast, owner=cast.people.viewer)
    assert "owner" in fields_of(error)
    assert case_make(cast, owner=cast.people.lead).owner == cast.people.lead
    assert [p.username for p in owner_choices()] == ["integration", "investigator", "lead"]


def test_it_refuses_things_of_another_dataset(cast: Cast) -> None:
    other = dataset_make("other")
    stranger = accounts_make(other, 1)
    with pytest.raises(Conflict) as error:
        case_make(cast, accounts=stranger)
    assert error.value.code == "other_dataset"
    case = case_make(cast)
    with pytest.raises(Conflict):
        case_account_add(case, stranger[0], by=cast.people.investigator)


@pytest.mark.parametrize("verb", ["open", "change", "move", "note", "cluster", "account", "undo"])
def test_only_people_who_do_casework_may_change_cases(cast: Cast, verb: str) -> None:
    case = case_make(cast)

    def attempt(by: Any) -> None:
        if verb == "open":
            case_make(cast, by=by)
        elif verb == "change":
            case_change(case, by=by, title="Another")
        elif verb == "move":
            case_transition(case, by=by, to="in_review")
        elif verb == "note":
            case_note_add(case, by=by, text="seen")
        elif verb == "cluster":
            case_cluster_add(case, cast.pair, by=by)
        elif verb == "account":
            case_account_add(case, cast.neighbours[0], by=by)
        else:
            case_account_add(case, cast.neighbours[1], by=cast.people.lead)
            case_undo(case, by=by, entry=AuditEntry.objects.order_by("-seq")[0].seq)

    for role, person in cast.people.by_role().items():
        with transaction.atomic():
            if role in CASEWORKERS:
                attempt(person)
            else:
                with pytest.raises(Forbidden), transaction.atomic():
                    attempt(person)
            transaction.set_rollback(True)


def test_readers_get_cases_and_outsiders_do_not(cast: Cast) -> None:
    case = case_make(cast)
    assert case_get_for(cast.people.viewer, case.public_id) == case
    with pytest.raises(NotFound):
        case_get_for(cast.people.viewer, "cas_000000000000")
    with pytest.raises(NotFound):
        case_get_for(cast.people.viewer, "nonsense\x00")
    with pytest.raises(NotFound):
        case_get_for(cast.people.viewer, case.public_id, dataset=dataset_make("other"))
    with pytest.raises((NotFound, Forbidden)):
        case_get_for(cast.people.outsider, case.public_id)


def test_it_changes_what_differs_and_records_that(cast: Cast) -> None:
    case = case_make(cast)
    by = cast.people.lead
    row = case_change(case, by=by, title="Better", owner=None, ticket_id="A-1", expected_revision=1)
    assert (row.title, row.owner, row.ticket_id, row.revision) == ("Better", None, "A-1", 2)
    assert case_change(case, by=by, title="Better").revision == 2
    assert actions_of(case) == ["case.opened", "case.changed"]
    assert AuditEntry.objects.get(action="case.changed").details["fields"] == ["owner", "ticket_id", "title"]


def test_it_refuses_a_change_of_what_somebody_else_changed(cast: Cast) -> None:
    case = case_make(cast)
    case_change(case, by=cast.people.lead, title="First")
    with pytest.raises(Conflict) as error:
        case_change(case, by=cast.people.investigator, title="Second", expected_revision=1)
    assert (error.value.code, error.value.status, error.value.extra["revision"]) == ("revision_mismatch", 412, 2)
    with pytest.raises(Conflict):
        case_transition(case, by=cast.people.investigator, to="in_review", expected_revision=1)
    case.refresh_from_db()
    assert (case.title, case.state) == ("First", "open")


@pytest.mark.parametrize("before", CaseState.values)
@pytest.mark.parametrize("to", [*CaseState.values, "nonsense", ""])
def test_it_moves_only_along_the_list_of_transitions(cast: Cast, before: str, to: str) -> None:
    case = case_make(cast)
    Case.objects.filter(pk=case.pk).update(state=before)
    if to not in CASE_TRANSITIONS[before]:
        with pytest.raises(Conflict) as error:
            case_transition(case, by=cast.people.lead, to=to, reason="why not")
        assert error.value.code == "bad_transition"
        assert error.value.extra["allowed"] == [s.value for s in CASE_TRANSITIONS[before]]
    elif to in ("decided", "awaiting_second"):  # there is no verdict
        with pytest.raises(InvalidInput) as refused:
            case_transition(case, by=cast.people.lead, to=to)
        assert "to" in fields_of(refused)
    else:
        assert case_transition(case, by=cast.people.lead, to=to, reason="because").state == to


def test_closing_without_a_verdict_and_reopening_need_a_reason(cast: Cast) -> None:
    case, by = case_make(cast), cast.people.investigator
    with pytest.raises(InvalidInput) as error:
        case_transition(case, by=by, to="closed")
    assert "reason" in fields_of(error)
    closed = case_transition(case, by=by, to="closed", reason="A test of ours")
    assert closed.closed_at is not None
    assert CaseNote.objects.get().text == "Closed: A test of ours"
    with pytest.raises(InvalidInput):
        case_transition(case, by=by, to="reopened", reason="  ")
    opened = case_transition(case, by=by, to="reopened", reason="It was not")
    assert opened.closed_at is None
    assert actions_of(case) == ["case.opened", "case.moved", "case.moved"]


def test_it_adds_and_removes_and_undoes(cast: Cast) -> None:
    case, by = case_make(cast), cast.people.investigator
    case_cluster_add(case, cast.pair, by=by)
    case_account_add(case, cast.neighbours[0], by=by)
    with pytest.raises(Conflict) as error:
        case_cluster_add(case, cast.pair, by=by)
    assert error.value.code == "already_in_case"
    with pytest.raises(Conflict):
        case_account_add(case, cast.neighbours[0], by=by)
    case_cluster_remove(case, cast.cards, by=by)
    steps = [(row.action, row.can_undo) for row in case_detail(case, user=by).activity]
    assert steps == [
        ("case.cluster_removed", True),
        ("case.account_added", True),
        ("case.cluster_added", True),
        ("case.opened", False),
    ]
    for row in case_detail(case, user=by).activity[:3]:
        case_undo(case, by=by, entry=row.seq)
    assert [c.cluster for c in case.case_clusters.all()] == [cast.cards]
    assert case.case_clusters.get().version == cast.cards.current
    assert not case.case_accounts.exists()
    with pytest.raises(NotFound) as gone:
        case_account_remove(case, cast.neighbours[0], by=by)
    assert gone.value.code == "not_in_case"
    assert not case_detail(case, user=cast.people.viewer).activity[0].can_undo


def test_it_undoes_only_steps_of_this_case(cast: Cast) -> None:
    case, other, by = case_make(cast), case_make(cast), cast.people.investigator
    case_account_add(other, cast.neighbours[0], by=by)
    theirs = AuditEntry.objects.get(action="case.account_added").seq
    own = AuditEntry.objects.get(target=case.public_id).seq
    for entry in (theirs, own, 10**9):
        with pytest.raises(NotFound):
            case_undo(case, by=by, entry=entry)


def test_a_settled_case_holds_what_it_holds(cast: Cast) -> None:
    case, by = case_make(cast), cast.people.investigator
    case_transition(case, by=by, to="closed", reason="done")
    for attempt in (
        lambda: case_cluster_add(case, cast.pair, by=by),
        lambda: case_cluster_remove(case, cast.cards, by=by),
        lambda: case_account_add(case, cast.neighbours[0], by=by),
    ):
        with pytest.raises(Conflict) as error:
            attempt()
        assert error.value.code == "case_settled"
    assert case_note_add(case, by=by, text="Afterthought").text == "Afterthought"
    assert case_detail(case, user=by).is_settled


@pytest.mark.parametrize("text", ["", "   ", "a\x00b", "\udfff", "x" * 20_001, "bell\x07", None, 7])
def test_it_refuses_a_note_that_is_none(cast: Cast, text: Any) -> None:
    with pytest.raises(InvalidInput) as error:
        case_note_add(case_make(cast), by=cast.people.lead, text=text)
    assert list(fields_of(error)) == ["text"]
    assert not CaseNote.objects.exists()


def test_notes_keep_lines_and_any_script(cast: Cast) -> None:
    text = "Erste Zeile\n\tзторой ряд\n三行目 🙂 =1+1"
    assert case_note_add(case_make(cast), by=cast.people.lead, text=text).text == text


def test_it_reads_the_notes_about_a_cluster_over_all_its_cases(cast: Cast) -> None:
    for number, text in ((1, "First"), (2, "Second")):
        case_note_add(case_make(cast), by=cast.people.lead, text=text)
        assert Case.objects.filter(number=number).exists()
    case_note_add(case_make(cast, clusters=[cast.pair]), by=cast.people.lead, text="Elsewhere")
    notes = note_rows_of_cluster(cast.cards)
    assert [(n.text, n.case_number) for n in notes] == [("Second", 2), ("First", 1)]


def test_the_database_refuses_to_change_a_note(cast: Cast) -> None:
    note = case_note_add(case_make(cast), by=cast.people.lead, text="As it was")
    for attempt in (lambda: CaseNote.objects.update(text="Otherwise"), note.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    note.refresh_from_db()
    assert note.text == "As it was"


def test_it_shows_how_a_cluster_changed_since(cast: Cast) -> None:
    case = case_make(cast)
    newcomers = accounts_make(cast.dataset, 2)
    run = run_make(cast.dataset)
    network_make(run, [*cast.cards_accounts, *newcomers], [_card(cast)], cluster=cast.cards, bits=30_000)
    row = case_detail(case, user=cast.people.viewer).clusters[0]
    assert (row.then.n_accounts, row.now.n_accounts, row.has_changed) == (6, 8, True)
    cast.cards.ended_in = run
    cast.cards.save()
    ended = case_detail(case, user=cast.people.viewer)
    assert (ended.clusters[0].now, ended.clusters[0].ended_in, ended.row.n_members) == (None, 2, 0)


def test_it_lists_filters_sorts_and_pages(cast: Cast) -> None:
    lead, investigator = cast.people.lead, cast.people.investigator
    for i in range(5):
        case_make(cast, title=f"Case {i} 100%_", owner=lead if i % 2 else None)
    case_make(cast, title="Phones", clusters=[cast.pair], accounts=[cast.neighbours[0]])
    case_transition(Case.objects.get(number=1), by=lead, to="closed", reason="x")

    def titles(user: Any = lead, **kwargs: Any) -> list[str]:
        page = case_list(cast.dataset, user=user, filters=CaseFilters(sort="number", **kwargs)).page
        assert page.n_total == 6
        return [row.title.removesuffix(" 100%_") for row in page.items]

    assert titles(mine=True) == ["Case 1", "Case 3"]
    assert titles(states=("closed",)) == ["Case 0"]
    assert titles(text="phon") == ["Phones"]
    assert titles(text="%_") == [f"Case {i}" for i in range(5)]
    assert titles(text="3") == ["Case 2", "Case 3"]  # by number and by title
    assert titles(owner=investigator.public_id, states=("open",)) == ["Case 2", "Case 4", "Phones"]
    assert titles(owner="none") == []
    assert titles(cluster=cast.pair.public_id) == ["Phones"]
    assert titles(account=cast.neighbours[0].public_id) == ["Phones"]
    found = case_list(cast.dataset, user=lead, size=4, filters=CaseFilters(sort="-number"))
    assert ([row.number for row in found.page.items], found.page.n_pages) == ([6, 5, 4, 3], 2)
    rest = case_list(cast.dataset, user=lead, size=4, filters=CaseFilters(sort="-number"), cursor=found.page.next)
    assert [row.number for row in rest.page.items] == [2, 1]
    assert (found.by_state["closed"], found.by_state["open"]) == (1, 5)
    assert case_list(dataset_make("empty"), user=lead).page.n_total == 0
    assert case_list(None, user=lead).page.n_total == 6


@pytest.mark.parametrize(
    "params",
    [
        {"states": "nonsense"},
        {"sort": "rationale"},
        {"stat": "open"},
        {"text": "x" * 201},
        {"text": "\x00"},
    ],
)
def test_it_refuses_filters_that_are_none(params: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as error:
        case_filters_from(params)
    assert error.value.extra["fields"]


def test_it_refuses_ids_and_cursors_of_other_things(cast: Cast) -> None:
    for filters in (CaseFilters(owner="usr_"), CaseFilters(cluster=cast.neighbours[0].public_id)):
        with pytest.raises(InvalidInput):
            case_list(cast.dataset, user=cast.people.lead, filters=filters)
    for kwargs in ({"page": 0}, {"size": 0}, {"cursor": "§"}, {"cursor": "MTIz"}):
        with pytest.raises(InvalidInput):
            case_list(cast.dataset, user=cast.people.lead, **kwargs)


@pytest.mark.parametrize("n", [1, 20])
def test_it_reads_in_a_fixed_number_of_queries(cast: Cast, n: int) -> None:
    for i in range(n):
        case = case_make(cast, accounts=cast.neighbours)
        case_note_add(case, by=cast.people.lead, text=f"Note {i}")
    for _ in range(n):
        case_note_add(case, by=cast.people.lead, text="More")
    with CaptureQueriesContext(connection) as listing:
        case_list(cast.dataset, user=cast.people.lead)
    with CaptureQueriesContext(connection) as reading:
        case_detail(case, user=cast.people.lead)
    assert (len(listing), len(reading)) == (3, 7)


def test_what_can_be_undone_are_the_services_own_actions() -> None:
    own = (cases.CLUSTER_ADDED, cases.CLUSTER_REMOVED, cases.ACCOUNT_ADDED, cases.ACCOUNT_REMOVED)
    assert tuple(action.name for action in own) == CASE_UNDOABLE


def _card(cast: Cast) -> Any:
    from accounts.models import Identifier

    return Identifier.objects.get(kind="payment_fingerprint", mask="•••• 4417"), "payment"
