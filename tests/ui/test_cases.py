"""Pages of cases: the list, opening one, one case and every form in it, for everyone who may and may not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Identifier
from core.models import AuditEntry, Dataset
from investigations.models import Case, CaseNote
from investigations.services.cases import case_change, case_note_add, case_transition
from tests.cast import Cast, cast_make
from tests.factories import dataset_make, network_make, run_make
from tests.investigations.decisions import case_make
from tests.ui.pages import malformed_ids

HOSTILE = '"><script>alert(1)</script>{{ 7|add:7 }}\u202e'
FORMS = {
    "case-change": {"title": "Other"},
    "case-transition": {"to": "in_review"},
    "case-note-add": {"text": "Looked at it."},
    "case-cluster-add": {"cluster": "x"},
    "case-cluster-remove": {"cluster": "x"},
    "case-account-add": {"account": "x"},
    "case-account-remove": {"account": "x"},
    "case-undo": {"entry": "1"},
}


@pytest.fixture
def investigator(cast: Cast, client: Client) -> Client:
    client.force_login(cast.people.investigator)
    return client


def page(case: Case) -> str:
    return reverse("case-detail", args=[case.public_id])


def post(client: Client, name: str, case: Case, **sent: Any) -> Any:
    return client.post(reverse(name, args=[case.public_id]), sent, follow=True)


def text_of(response: Any) -> str:
    return str(response.content.decode())


# --- reading ----------------------------------------------------------------------------------------------------------


def test_the_list_shows_the_cases(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    found = investigator.get(reverse("case-list"))
    assert found.status_code == 200
    assert "1 case in work, 0 awaiting a second person" in text_of(found)
    assert page(case) in text_of(found)


def test_an_empty_list_says_what_to_do(cast: Cast, investigator: Client) -> None:
    assert "No case has been opened in this dataset" in text_of(investigator.get(reverse("case-list")))


def test_without_any_dataset_the_list_is_empty(people: Any, client: Client) -> None:
    Dataset.objects.all().delete()
    client.force_login(people.viewer)
    assert client.get(reverse("case-list")).status_code == 200


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("states=open", True),
        ("states=closed,decided", False),
        ("states=open&states=closed", True),
        ("mine=1", True),
        ("owner=none", False),
        ("text=shared", True),
        ("text=1", True),
        ("text=nothing+like+it", False),
        ("sort=title", True),
        ("sort=-owner", True),
        ("page=7", False),
        ("page=x", True),
    ],
)
def test_the_list_filters_and_sorts(query: str, is_there: bool, cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    found = text_of(investigator.get(f"{reverse('case-list')}?{query}"))
    assert (page(case) in found) is is_there
    assert is_there or "No case matches" in found


@pytest.mark.parametrize("query", ["states=nope", "sort=nope", "nope=1", "owner=usr_x", "cluster=x", "text=%00"])
def test_the_list_refuses_filters_that_are_none(query: str, cast: Cast, investigator: Client) -> None:
    assert investigator.get(f"{reverse('case-list')}?{query}").status_code == 400


def test_the_list_shows_only_its_datasets_cases(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    dataset_make("other")
    assert page(case) not in text_of(investigator.get(f"{reverse('case-list')}?dataset=other"))
    assert investigator.get(f"{page(case)}?dataset=other").status_code == 404


def test_a_case_shows_what_is_in_it(cast: Cast, client: Client) -> None:
    case = case_make(cast, accounts=cast.neighbours[:1], ticket_id="T-7", ticket_url="https://tracker.example/7")
    case_note_add(case, by=cast.people.lead, text="They share a card.")
    client.force_login(cast.people.viewer)
    found = text_of(client.get(page(case)))
    for shown in (cast.cards.public_id, cast.neighbours[0].public_id, "They share a card.", "T-7", "opened the case"):
        assert shown in found
    assert 'rel="noopener' in found
    assert "<form" not in found.split("<main")[1].split("</main>")[0]
    assert not [a for a in (*cast.cards_accounts, *cast.neighbours) if a.platform_id in found]


def test_a_case_says_what_changed_since(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    run = run_make(cast.dataset)
    card = Identifier.objects.get(mask="•••• 4417")
    network_make(run, cast.cards_accounts[:4], [(card, "payment")], cluster=cast.cards)
    assert f"-2 accounts since run {cast.run.number}" in text_of(investigator.get(page(case)))


@pytest.mark.parametrize("public_id", malformed_ids("cas"))
def test_an_id_that_is_none_is_not_found(public_id: str, cast: Cast, investigator: Client) -> None:
    assert investigator.get(f"/cases/{public_id}/").status_code == 404


def test_texts_are_escaped(cast: Cast, investigator: Client) -> None:
    case = case_make(cast, title=HOSTILE)
    case_note_add(case, by=cast.people.lead, text=HOSTILE)
    for address in (reverse("case-list"), page(case)):
        found = text_of(investigator.get(address))
        assert "<script>alert" not in found
        assert "{{ 7|add:7 }}" in found


def test_a_page_costs_the_same_however_much_is_in_the_case(
    cast: Cast, investigator: Client, django_assert_max_num_queries: Any
) -> None:
    case = case_make(cast, clusters=[cast.cards, cast.pair], accounts=cast.neighbours)
    for n in range(5):
        case_note_add(case, by=cast.people.lead, text=f"Note {n}")
    with django_assert_max_num_queries(45):
        investigator.get(page(case))


# --- who may ----------------------------------------------------------------------------------------------------------


def test_strangers_sign_in_and_outsiders_are_refused(cast: Cast, client: Client) -> None:
    case = case_make(cast)
    addresses = [reverse("case-list"), reverse("case-open"), page(case)]
    assert {client.get(address).status_code for address in addresses} == {302}
    client.force_login(cast.people.outsider)
    assert {client.get(address).status_code for address in addresses} == {403}


@pytest.mark.parametrize("name", FORMS)
def test_viewers_change_nothing(name: str, cast: Cast, client: Client) -> None:
    case = case_make(cast)
    n = AuditEntry.objects.count()
    client.force_login(cast.people.viewer)
    assert post(client, name, case, **FORMS[name]).status_code == 403
    assert AuditEntry.objects.filter(target=case.public_id).count() == n


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_posted(name: str, cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    assert investigator.get(reverse(name, args=[case.public_id])).status_code == 405
    assert investigator.post(page(case)).status_code == 405


@pytest.mark.parametrize("name", FORMS)
def test_forms_need_the_token(name: str, cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.people.investigator)
    assert post(client, name, case_make(cast), **FORMS[name]).status_code == 403


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_no_case_are_not_found(name: str, cast: Cast, investigator: Client) -> None:
    assert investigator.post(reverse(name, args=["cas_000000000000"]), FORMS[name]).status_code == 404


# --- opening ----------------------------------------------------------------------------------------------------------


def test_the_form_offers_a_title_and_an_owner(cast: Cast, investigator: Client) -> None:
    found = text_of(investigator.get(f"{reverse('case-open')}?cluster={cast.cards.public_id}"))
    assert "6 accounts:" in found
    assert f'value="{cast.people.investigator.public_id}" selected' in found


def test_rows_selected_in_a_list_come_to_the_form(cast: Cast, investigator: Client) -> None:
    sent = {"cluster": [cast.cards.public_id, cast.pair.public_id]}
    found = investigator.post(reverse("case-open"), sent, follow=True)
    assert "Open a case over 2 clusters" in text_of(found)
    assert not Case.objects.exists()


def test_it_opens_a_case(cast: Cast, investigator: Client) -> None:
    sent = {
        "cluster": [cast.cards.public_id],
        "title": "Shared card",
        "owner": cast.people.lead.public_id,
        "ticket_id": "T-1",
        "more": f"{cast.pair.public_id}\n{cast.neighbours[0].public_id}",
    }
    found = investigator.post(reverse("case-open"), sent, follow=True)
    case = Case.objects.get()
    assert found.redirect_chain[-1][0] == page(case)
    assert (case.title, case.owner, case.opened_by) == ("Shared card", cast.people.lead, cast.people.investigator)
    assert (case.case_clusters.count(), case.case_accounts.count()) == (2, 1)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"title": ""}, "This is needed."),
        ({"title": "x" * 201}, "At most 200 characters"),
        ({"ticket_url": "javascript:alert(1)"}, "whole address that starts with https"),
        ({"owner": "usr_x"}, "Choose somebody from the list."),
        ({"more": "clu_nonsense"}, "No cluster or account with the id clu_nonsense"),
    ],
)
def test_a_refused_form_comes_back_filled_in(
    changed: dict[str, str], says: str, cast: Cast, investigator: Client
) -> None:
    sent = {"cluster": cast.cards.public_id, "title": "Kept title", "ticket_id": "KEPT-7"} | changed
    found = investigator.post(reverse("case-open"), sent)
    assert found.status_code == 400
    assert says in text_of(found)
    assert "KEPT-7" in text_of(found)
    assert cast.cards.public_id in text_of(found)
    assert not Case.objects.exists()


def test_a_case_over_nothing_is_refused(cast: Cast, investigator: Client) -> None:
    found = investigator.post(reverse("case-open"), {"title": "Nothing", "more": ""})
    assert found.status_code == 400
    assert "Name a cluster or an account." in text_of(found)


def test_a_case_over_two_datasets_is_refused(cast: Cast, investigator: Client) -> None:
    other = cast_make(cast.people, dataset_make("other"))
    sent = {"cluster": [cast.cards.public_id, other.cards.public_id], "title": "Both"}
    assert investigator.post(reverse("case-open"), sent).status_code == 409


def test_it_says_where_a_cluster_is_in_work_already(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    assert page(case) in text_of(investigator.get(f"{reverse('case-open')}?cluster={cast.cards.public_id}"))


def test_an_unknown_cluster_is_not_found(cast: Cast, investigator: Client) -> None:
    assert investigator.get(f"{reverse('case-open')}?cluster=clu_000000000000").status_code == 404


def test_viewers_open_none(cast: Cast, client: Client) -> None:
    client.force_login(cast.people.viewer)
    assert client.post(reverse("case-open"), {"title": "x"}).status_code == 403


# --- changing ---------------------------------------------------------------------------------------------------------


def test_a_note_is_kept(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    assert "Looked at it." in text_of(post(investigator, "case-note-add", case, text="Looked at it."))
    assert CaseNote.objects.get().author == cast.people.investigator


def test_a_cut_list_of_notes_says_so(cast: Cast, investigator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investigations.selectors.cases.NOTES_SHOWN", 1)
    monkeypatch.setattr("investigations.selectors.cases.ACTIVITY_SHOWN", 1)
    case = case_make(cast)
    for text in ("First", "Second"):
        case_note_add(case, by=cast.people.investigator, text=text)
    found = investigator.get(reverse("case-detail", args=[case.public_id])).content.decode()
    assert "the newest 1 of 2 are shown; the API has all" in found
    assert "the newest 1 of 3" in found


def test_an_empty_note_is_refused(cast: Cast, investigator: Client) -> None:
    found = post(investigator, "case-note-add", case_make(cast), text="  ")
    assert found.status_code == 400
    assert "This is needed." in text_of(found)


def test_a_note_that_is_too_long_is_not_lost(cast: Cast, investigator: Client) -> None:
    found = post(investigator, "case-note-add", case_make(cast), text="long " * 5000)
    assert found.status_code == 400
    assert "long long long" in text_of(found)


def test_details_are_saved(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    sent = {"title": "New", "owner": "", "ticket_id": "T-2", "ticket_url": "https://t.example/2"}
    assert post(investigator, "case-change", case, revision=case.revision, **sent).status_code == 200
    case.refresh_from_db()
    assert (case.title, case.owner, case.ticket_id) == ("New", None, "T-2")


def test_a_change_of_what_somebody_else_changed_comes_back_with_both(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    seen = case.revision
    case_change(case, by=cast.people.lead, title="Theirs")
    found = post(investigator, "case-change", case, revision=seen, title="Mine", ticket_id="T-3")
    assert found.status_code == 412
    assert "The case was changed meanwhile" in text_of(found)
    assert 'value="Mine"' in text_of(found)
    assert "Now: Theirs" in text_of(found)
    case.refresh_from_db()
    assert case.title == "Theirs"
    assert post(investigator, "case-change", case, revision=case.revision, title="Mine").status_code == 200
    case.refresh_from_db()
    assert case.title == "Mine"


def test_a_case_moves_on(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    assert "is now in review" in text_of(post(investigator, "case-transition", case, to="in_review", revision=1))


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        ({}, 400, "Choose where it goes."),
        ({"to": "decided", "reason": "kept words"}, 409, "can&#x27;t become"),
        ({"to": "closed"}, 400, "This is needed."),
        ({"to": "nonsense", "reason": "kept words"}, 409, "can&#x27;t become"),
    ],
)
def test_a_move_that_is_not_open_is_refused(
    sent: dict[str, str], status: int, says: str, cast: Cast, investigator: Client
) -> None:
    found = post(investigator, "case-transition", case_make(cast), **sent)
    assert found.status_code == status
    assert says in text_of(found)
    assert sent.get("reason", "") in text_of(found)


def test_clusters_and_accounts_go_in_and_out_and_back(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    post(investigator, "case-cluster-add", case, cluster=f" {cast.pair.public_id} ")
    post(investigator, "case-account-add", case, account=cast.neighbours[0].public_id)
    assert (case.case_clusters.count(), case.case_accounts.count()) == (2, 1)
    post(investigator, "case-account-remove", case, account=cast.neighbours[0].public_id)
    found = text_of(post(investigator, "case-cluster-remove", case, cluster=cast.pair.public_id))
    assert (case.case_clusters.count(), case.case_accounts.count()) == (1, 0)
    assert ">Undo</button>" in found
    entry = AuditEntry.objects.get(target=case.public_id, action="case.cluster_removed")
    assert "The step is undone." in text_of(post(investigator, "case-undo", case, entry=entry.seq))
    assert case.case_clusters.count() == 2


@pytest.mark.parametrize(("name", "field"), [("case-cluster-add", "cluster"), ("case-account-add", "account")])
@pytest.mark.parametrize("value", ["", "nonsense", "\x00", "clu_000000000000", "acc_000000000000", HOSTILE])
def test_an_unknown_thing_is_said_beside_its_field(
    name: str, field: str, value: str, cast: Cast, investigator: Client
) -> None:
    found = post(investigator, name, case_make(cast), **{field: value})
    assert found.status_code == 400
    assert "is visible to you" in text_of(found)
    assert "<script>alert" not in text_of(found)


def test_a_thing_of_another_dataset_is_refused(cast: Cast, investigator: Client) -> None:
    other = cast_make(cast.people, dataset_make("other"))
    found = post(investigator, "case-cluster-add", case_make(cast), cluster=other.cards.public_id)
    assert found.status_code == 409
    assert "belongs to another dataset" in text_of(found)


def test_a_cluster_goes_in_once(cast: Cast, investigator: Client) -> None:
    assert post(investigator, "case-cluster-add", case_make(cast), cluster=cast.cards.public_id).status_code == 409


def test_a_closed_case_takes_nothing_in(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    case_transition(case, by=cast.people.lead, to="closed", reason="Nothing here.")
    found = text_of(investigator.get(page(case)))
    assert "Put in a cluster" not in found
    assert "Move it on" in found
    assert post(investigator, "case-cluster-add", case, cluster=cast.pair.public_id).status_code == 409


@pytest.mark.parametrize("entry", ["", "x", "-1", "9" * 30, "１"])
def test_a_step_that_is_none_is_refused(entry: str, cast: Cast, investigator: Client) -> None:
    assert post(investigator, "case-undo", case_make(cast), entry=entry).status_code == 400


def test_a_step_of_another_case_is_not_undone(cast: Cast, investigator: Client) -> None:
    mine, other = case_make(cast), case_make(cast)
    post(investigator, "case-cluster-add", other, cluster=cast.pair.public_id)
    entry = AuditEntry.objects.get(target=other.public_id, action="case.cluster_added")
    assert post(investigator, "case-undo", mine, entry=entry.seq).status_code == 404
