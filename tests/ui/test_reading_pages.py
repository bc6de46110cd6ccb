"""The litany for every page that shows clusters, accounts, identifiers and pairs."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.models import Dataset
from investigations.models import ClusterVersion, Member
from investigations.services.cases import case_open
from tests.cast import Cast, People, cast_make
from tests.factories import (
    accounts_make,
    dataset_make,
    identifier_make,
    network_make,
    run_make,
    sessions_make,
    sightings_make,
)
from tests.query_counts import assert_recorded
from tests.ui.pages import malformed_ids, reading_pages

NAMES = [
    "triage", "clusters", "preview", "cluster", "members", "activity", "lineage", "cases", "evidence csv",
    "activity csv", "account", "identifiers", "sessions", "links", "identifier", "compare", "compare csv", "search",
]  # fmt: skip
HOSTILE = '"><script>alert(1)</script>{{ 7|add:7 }}\u202e'


@pytest.fixture
def viewer(cast: Cast, client: Client) -> Client:
    client.force_login(cast.people.viewer)
    return client


def test_the_names_are_all(cast: Cast) -> None:
    assert list(reading_pages(cast)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_the_page(name: str, cast: Cast, viewer: Client) -> None:
    found = viewer.get(reading_pages(cast)[name])
    assert found.status_code == 200
    if name == "triage":
        assert "2 clusters are worth a look" in found.content.decode()


@pytest.mark.parametrize("name", [n for n in NAMES if n != "search"])
def test_it_refuses_other_methods(name: str, cast: Cast, viewer: Client) -> None:
    assert viewer.post(reading_pages(cast)[name]).status_code == 405


def test_a_forms_address_opened_as_a_page_says_so(cast: Cast, client: Client) -> None:
    client.force_login(cast.people.lead)
    found = client.get("/imports/new/")
    assert (found.status_code, found.headers["Allow"]) == (405, "POST")
    assert "This is not a page" in found.content.decode()


def test_a_stolen_account_is_said_to_be_linked_since_its_change_of_hands(cast: Cast, viewer: Client) -> None:
    page = f"/clusters/{cast.cards.public_id}/members/"
    assert "all its life" in viewer.get(page).content.decode()
    Member.objects.filter(version__cluster=cast.cards).update(since=datetime(2026, 5, 12, 9, tzinfo=UTC))
    text = viewer.get(page).content.decode()
    assert "12 May 2026" in text or "2026-05-12" in text
    assert "all its life" not in text


def test_two_members_are_compared(cast: Cast, viewer: Client) -> None:
    a, b = (account.public_id for account in cast.cards_accounts[:2])
    members = viewer.get(f"/clusters/{cast.cards.public_id}/members/").content.decode()
    assert f'name="account" value="{a}" form="pair"' in members
    assert "Compare the two" in members
    assert "From the line to the sum" in viewer.get(f"/compare/?account={a}&account={b}").content.decode()


@pytest.mark.parametrize(
    "chosen", ["account=", "account=x", "account=x&account=y", "account=%00&account=", "a=x&account=y"]
)
def test_wrong_choices_are_harmless(chosen: str, cast: Cast, viewer: Client) -> None:
    assert viewer.get(f"/compare/?{chosen}").status_code in {200, 400}


def test_a_row_says_its_state_in_a_word_and_at_length(cast: Cast, viewer: Client) -> None:
    case = case_open(cast.dataset, by=cast.people.lead, title="One", clusters=[cast.cards])
    found = viewer.get("/clusters/").content.decode()
    assert f"Case {case.number}" in found
    assert f'title="case {case.number}, open, lead; 6 of 6 accounts joined in this run"' in found


@pytest.mark.parametrize("name", NAMES)
def test_it_asks_strangers_to_sign_in_and_refuses_outsiders(name: str, cast: Cast, client: Client) -> None:
    address = reading_pages(cast)[name]
    assert client.get(address).status_code == 302
    client.force_login(cast.people.outsider)
    assert client.get(address).status_code == 403


@pytest.mark.parametrize("name", NAMES)
def test_viewers_never_see_platform_ids(name: str, cast: Cast, client: Client) -> None:
    platform_id = cast.cards_accounts[0].platform_id
    client.force_login(cast.people.viewer)
    assert platform_id not in client.get(reading_pages(cast)[name]).content.decode()


@pytest.mark.parametrize("name", ["members", "account", "compare", "identifier"])
def test_people_with_the_right_do(name: str, cast: Cast, client: Client) -> None:
    client.force_login(cast.people.lead)
    assert cast.cards_accounts[0].platform_id in client.get(reading_pages(cast)[name]).content.decode()


@pytest.mark.parametrize("name", ["triage", "clusters", "members", "identifiers", "sessions", "links", "identifier"])
@pytest.mark.parametrize("page", ["0", "-1", "7", "9999999", "99999999999999999999", "x", "１", "%00", ""])
def test_any_page_number_is_answered(name: str, page: str, cast: Cast, viewer: Client) -> None:
    assert viewer.get(f"{reading_pages(cast)[name]}?page={page}").status_code in {200, 400}


@pytest.mark.parametrize("prefix", ["clusters/clu", "accounts/acc", "identifiers/idf"])
def test_what_is_not_there_is_not_found(prefix: str, cast: Cast, viewer: Client) -> None:
    folder, _, kind = prefix.partition("/")
    for bad in malformed_ids(kind):
        assert viewer.get(f"/{folder}/{bad}/").status_code == 404, bad


@pytest.mark.parametrize("query", ["sort=x", "families=soul", "min_accounts=-1", "min_bits=nan", "case=x", "owner=x"])
def test_a_wrong_filter_is_said_so(query: str, cast: Cast, viewer: Client) -> None:
    assert viewer.get(f"/?{query}").status_code == 400


@pytest.mark.parametrize("name", ["cluster", "members", "activity"])
def test_an_unknown_run_is_not_found(name: str, cast: Cast, viewer: Client) -> None:
    address = reading_pages(cast)[name]
    assert viewer.get(f"{address}?run=run_000000000000").status_code == 404
    assert viewer.get(f"{address}?run=%00").status_code == 404
    assert viewer.get(f"{address}?run={cast.run.public_id}").status_code == 200


@pytest.mark.parametrize("query", ["position=x", "sort=x", "actionable=x"])
def test_wrong_filters_of_members_are_harmless(query: str, cast: Cast, viewer: Client) -> None:
    assert viewer.get(f"/clusters/{cast.cards.public_id}/members/?{query}").status_code in {200, 400}


def test_a_cluster_names_what_holds_it_and_what_else_it_could_be(cast: Cast, viewer: Client) -> None:
    found = viewer.get(reading_pages(cast)["cluster"]).content.decode()
    assert "6 accounts look like one operator" in found
    assert "What else could it be?" in found
    assert "•••• 4417" in found
    assert "card-fingerprint" not in found


def test_filters_and_sort_stand_in_the_address_and_go_along(cast: Cast, viewer: Client) -> None:
    found = viewer.get("/?families=contact&sort=-accounts").content.decode()
    assert cast.pair.public_id in found
    assert cast.cards.public_id not in found
    assert f"/clusters/{cast.pair.public_id}/?families=contact&amp;sort=-accounts" in found
    assert "1 cluster match" in found


def test_a_filter_that_leaves_nothing_can_be_cleared(cast: Cast, viewer: Client) -> None:
    found = viewer.get("/?min_accounts=500").content.decode()
    assert "No cluster matches these filters" in found
    assert "Clear filters" in found


def test_the_queue_leads_from_cluster_to_cluster(cast: Cast, viewer: Client) -> None:
    found = viewer.get(f"/clusters/{cast.cards.public_id}/").content.decode()
    assert "1 of 2" in found
    assert f'href="/clusters/{cast.pair.public_id}/"' in found


def test_casework_is_offered_to_those_who_may(cast: Cast, client: Client) -> None:
    case = case_open(cast.dataset, by=cast.people.lead, title="The other one", clusters=[cast.pair])
    address = f"/clusters/{cast.cards.public_id}/"
    client.force_login(cast.people.viewer)
    found = client.get(address).content.decode()
    assert "Open a case" not in found
    assert "The other one" not in found
    client.force_login(cast.people.lead)
    found = client.get(address).content.decode()
    assert "Open a case" in found
    assert f'action="/cases/{case.public_id}/clusters/add/"' in found
    inside = client.get(f"/clusters/{cast.pair.public_id}/").content.decode()
    assert f'href="/cases/{case.public_id}/verdict/{cast.pair.public_id}/"' in inside


def test_decided_and_own_clusters_have_their_views(cast: Cast, client: Client) -> None:
    case_open(cast.dataset, by=cast.people.lead, title="Mine", clusters=[cast.pair])
    client.force_login(cast.people.lead)
    mine = client.get("/?view=mine").content.decode()
    assert "1 cluster in your open cases" in mine
    assert cast.pair.public_id in mine
    assert "1 cluster is worth a look" in client.get("/").content.decode()
    client.force_login(cast.people.investigator)
    assert "Nothing waits in this view" in client.get("/?view=mine").content.decode()
    shared = client.get(f"/?view=all&owner={cast.people.lead.public_id}").content.decode()
    assert cast.pair.public_id in shared


def test_members_are_filtered_by_position(cast: Cast, viewer: Client) -> None:
    found = viewer.get(f"/clusters/{cast.cards.public_id}/members/?position=periphery").content.decode()
    assert found.count('<input type="checkbox" name="account"') == 1


def test_the_table_twins_are_csv(cast: Cast, viewer: Client) -> None:
    pages = reading_pages(cast)
    for name, head in (
        ("evidence csv", "family,median_bits_for"),
        ("activity csv", "account,group"),
        ("compare csv", "family,kind,value"),
    ):
        found = viewer.get(pages[name])
        assert found["Content-Type"].startswith("text/csv")
        assert found.content.decode().startswith(head)
        assert len(found.content.decode().splitlines()) > 1


def test_an_empty_console_names_the_next_step(people: People, client: Client) -> None:
    client.force_login(people.lead)
    assert "There is no dataset yet" in client.get("/").content.decode()
    dataset_make("main")
    assert "Nothing has been linked yet" in client.get("/").content.decode()
    assert client.get("/clusters/").status_code == 200


def test_a_run_under_way_is_said_beside_older_scores(cast: Cast, viewer: Client) -> None:
    run_make(cast.dataset, state="queued", has_rows=False, finished_at=None)
    assert "Scores from run 1; run 2" in viewer.get("/").content.decode()


def test_a_failed_run_is_said_too(cast: Cast, viewer: Client) -> None:
    run_make(cast.dataset, state="failed", has_rows=False)
    assert "run 2 failed and changed nothing" in viewer.get(f"/clusters/{cast.cards.public_id}/").content.decode()


def test_two_accounts_that_share_nothing_are_told_why_not(cast: Cast, viewer: Client) -> None:
    a, b = cast.cards_accounts[3], cast.neighbours[0]
    found = viewer.get(f"/compare/?a={a.public_id}&b={b.public_id}").content.decode()
    assert "Run 1 did not link these two" in found
    assert "nothing to weigh" in found


def test_an_indirect_pair_shows_its_path(cast: Cast, viewer: Client) -> None:
    a, b = cast.cards_accounts[0], cast.cards_accounts[2]
    assert "Linked only over others" in viewer.get(f"/compare/?a={a.public_id}&b={b.public_id}").content.decode()


@pytest.mark.parametrize("query", ["a=x&b=y", "a=%00&b=%00", "a={a}&b={a}", "a={a}&b=acc_000000000000"])
def test_a_pair_that_can_not_be_compared_is_said_so(query: str, cast: Cast, viewer: Client) -> None:
    address = "/compare/?" + query.format(a=cast.cards_accounts[0].public_id)
    assert viewer.get(address).status_code == 400


def test_one_account_fills_the_form(cast: Cast, viewer: Client) -> None:
    account = cast.cards_accounts[0].public_id
    found = viewer.get(f"/compare/?a={account}")
    assert found.status_code == 200
    assert f'value="{account}"' in found.content.decode()


def test_accounts_of_two_datasets_are_not_compared(cast: Cast, viewer: Client) -> None:
    other = accounts_make(dataset_make("other"), 1)[0]
    assert viewer.get(f"/compare/?a={cast.cards_accounts[0].public_id}&b={other.public_id}").status_code == 400


def test_a_page_shows_the_dataset_of_what_it_shows(cast: Cast, viewer: Client) -> None:
    other = cast_make(cast.people, dataset_make("other"))
    found = viewer.get(f"/clusters/{other.cards.public_id}/").content.decode()
    assert 'aria-label="Dataset: other"' in found
    assert other.cards.public_id not in viewer.get("/?dataset=main").content.decode()


def test_hostile_values_are_escaped_everywhere(people: People, client: Client) -> None:
    dataset = dataset_make("main")
    accounts = accounts_make(dataset, 3, plan=HOSTILE[:30], country="<b", entry_path=HOSTILE[:20])
    card = identifier_make(dataset, "payment_fingerprint", "x", mask=HOSTILE)
    odd = identifier_make(dataset, "<i>odd", "y", mask=HOSTILE)
    sightings_make(accounts, card)
    sightings_make(accounts, odd)
    for account in accounts:
        sessions_make(account, 2, ip=card)
    run = run_make(dataset)
    version = network_make(run, accounts, [(card, "payment"), (odd, "other")])
    version.summary = HOSTILE
    version.save()
    client.force_login(people.lead)
    a, b = accounts[0].public_id, accounts[1].public_id
    cluster = version.cluster.public_id
    for address in (
        "/", f"/clusters/{cluster}/", f"/clusters/{cluster}/members/", f"/accounts/{a}/", f"/accounts/{a}/identifiers/",
        f"/accounts/{a}/sessions/", f"/accounts/{a}/links/", f"/identifiers/{card.public_id}/",
        f"/identifiers/{odd.public_id}/", f"/compare/?a={a}&b={b}",
    ):  # fmt: skip
        found = client.get(address)
        assert found.status_code == 200, address
        text = found.content.decode()
        assert "<script>alert" not in text, address
        assert "<i>odd" not in text, address
        assert "14" not in re.findall(r"\{\{.*?\}\}", text), address


def _grow(cast: Cast) -> None:
    """Twenty clusters, identifiers, sessions and holders more."""
    account = cast.cards_accounts[0]
    shared = cast.dataset.identifiers.order_by("pk")[0]
    for i in range(20):
        accounts = accounts_make(cast.dataset, 3, prefix=f"more{i}")
        card = identifier_make(cast.dataset, "payment_fingerprint", f"card-{i}")
        sightings_make([*accounts, account], card)
        sightings_make(accounts, shared)
        for each in accounts:
            sessions_make(each, 1)
        network_make(cast.run, accounts, [(card, "payment")])
    sessions_make(account, 20)


def test_pages_ask_the_database_as_often_for_much_as_for_little(cast: Cast, viewer: Client) -> None:
    pages = reading_pages(cast)

    def count() -> dict[str, int]:
        counts = {}
        for name, address in pages.items():
            viewer.get(address)
            with CaptureQueriesContext(connection) as seen:
                assert viewer.get(address).status_code == 200, name
            counts[name] = len(seen)
        return counts

    few = count()
    _grow(cast)
    assert count() == few
    assert_recorded("reading pages", few)


def test_datasets_stay_apart(cast: Cast, viewer: Client) -> None:
    Dataset.objects.create(name="empty")
    found = viewer.get("/?dataset=empty").content.decode()
    assert cast.cards.public_id not in found


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("csv")])
def test_narrow_panels_leave_out_whole_columns(name: str, cast: Cast, client: Client) -> None:
    client.force_login(cast.people.lead)
    page = client.get(reading_pages(cast)[name]).content.decode()
    for head, body in re.findall(r"<thead>(.*?)</thead>\s*<tbody>(.*?)</tbody>", page, re.DOTALL):
        wanted = [re.findall(r"from-[ml]", cell) for cell in re.findall(r"<t[hd]\b[^>]*>", head)]
        for row in re.findall(r"<tr\b.*?</tr>", body, re.DOTALL):
            assert [re.findall(r"from-[ml]", cell) for cell in re.findall(r"<t[hd]\b[^>]*>", row)] == wanted


def test_the_list_says_why_a_cluster_stands_where_it_does(cast: Cast, client: Client) -> None:
    client.force_login(cast.people.investigator)
    version = ClusterVersion.objects.filter(run=cast.run).order_by("-worth").first()
    assert version is not None
    said = [
        ("behaviour", "quota", "for", "On 60 % of their days of use they come near the quota; others do on 2 %."),
        ("unexplained", "carrier_nat", "against", "9 of 9 shared addresses have over 20 holders outside the cluster."),
    ]
    version.worth_reasons = [dict(zip(("part", "name", "speaks", "text"), row, strict=True)) for row in said]
    version.save()
    page = client.get("/").content.decode()
    assert "Use near the quota; could be: carrier NAT" in page
    assert all(text in page for *_, text in said)
    version.worth_reasons = [{"part": "novelty", "name": "novelty", "speaks": "against", "text": "It is judged."}]
    version.save()
    assert "Judged before<" in client.get("/").content.decode()
