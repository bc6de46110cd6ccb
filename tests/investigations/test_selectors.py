from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from core.errors import InvalidInput, NotFound
from investigations.access import account_get_for, cluster_get_for, identifier_get_for, run_get_for
from investigations.models import Cluster, HubValue, LineageEvent, Link
from investigations.selectors.accounts import (
    account_detail,
    account_find,
    account_identifiers,
    account_list,
    account_sessions,
)
from investigations.selectors.activity import account_calendar, cluster_activity
from investigations.selectors.cluster import cluster_detail, member_list
from investigations.selectors.clusters import cluster_filters_from, cluster_list, cluster_neighbours
from investigations.selectors.identifiers import identifier_detail, identifier_holders
from investigations.selectors.links import link_explain, links_of_account, links_of_cluster
from investigations.selectors.navigation import rail_counts
from investigations.selectors.runs import run_detail, run_list, run_status
from investigations.selectors.shapes.clusters import ClusterFilters
from tests.cast import Cast
from tests.factories import accounts_make, dataset_make, identifier_make, network_make, run_make, sightings_make


def test_it_lists_clusters_by_the_worth_of_a_look(cast: Cast) -> None:
    found = cluster_list(cast.dataset)
    assert [row.public_id for row in found.page.items] == [cast.cards.public_id, cast.pair.public_id]
    first = found.page.items[0]
    assert (first.n_accounts, first.bits, first.families) == (6, 24.0, ("payment", "device"))
    assert [part.name for part in first.worth_parts] == ["linkage", "behaviour", "size", "novelty", "unexplained"]
    assert (found.page.n_matching, found.page.n_total, found.page.next) == (2, 2, None)


def test_it_says_when_no_run_is_done(db: None) -> None:
    found = cluster_list(dataset_make("bare"))
    assert found.run is None
    assert found.page.items == ()
    assert run_status(dataset_make("bare2")).latest is None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (ClusterFilters(families=("device",)), ["cards"]),
        (ClusterFilters(families=("payment", "contact")), ["pair"]),
        (ClusterFilters(min_accounts=3), ["cards"]),
        (ClusterFilters(max_accounts=2), ["pair"]),
        (ClusterFilters(min_bits=10), ["cards"]),
        (ClusterFilters(is_actionable=True), ["cards", "pair"]),
        (ClusterFilters(is_actionable=False), []),
        (ClusterFilters(case="none"), ["cards", "pair"]),
        (ClusterFilters(case="open"), []),
        (ClusterFilters(case="decided"), []),
        (ClusterFilters(change="grew"), ["pair"]),
        (ClusterFilters(public_id="clu_nothing"), []),
    ],
)
def test_it_filters_clusters(cast: Cast, filters: ClusterFilters, expected: list[str]) -> None:
    LineageEvent.objects.create(run=cast.run, kind="grew", cluster=cast.pair)
    found = cluster_list(cast.dataset, filters=filters)
    names = {cast.cards.public_id: "cards", cast.pair.public_id: "pair"}
    assert [names[row.public_id] for row in found.page.items] == expected
    assert (found.page.n_matching, found.page.n_total) == (len(expected), 2)


@pytest.mark.parametrize("sort", ["worth", "accounts", "bits", "new", "actionable", "last_seen", "output_tokens"])
def test_it_sorts_clusters_both_ways(cast: Cast, sort: str) -> None:
    down = [row.public_id for row in cluster_list(cast.dataset, sort=sort).page.items]
    up = [row.public_id for row in cluster_list(cast.dataset, sort=f"-{sort}").page.items]
    assert sorted(down) == sorted(up)
    if sort not in ("last_seen",):
        assert down[0] == cast.cards.public_id
        assert up[0] == cast.pair.public_id


def test_it_pages_with_a_cursor_that_stays_with_its_run(cast: Cast) -> None:
    first = cluster_list(cast.dataset, size=1)
    assert first.page.next
    run_make(cast.dataset)
    second = cluster_list(cast.dataset, size=1, cursor=first.page.next)
    assert second.run is not None
    assert second.run.number == cast.run.number
    assert second.page.items[0].public_id == cast.pair.public_id
    assert second.page.next is None
    assert second.page.previous


@pytest.mark.parametrize("cursor", ["x", "====", "\u00e9", "bm90aGluZw", "cnVuX0A5"])
def test_it_refuses_a_cursor_of_something_else(cast: Cast, cursor: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cluster_list(cast.dataset, cursor=cursor)
    assert refusal.value.code == "bad_cursor"


@pytest.mark.parametrize("given", [{"page": 0}, {"page": 10**12}, {"size": 0}, {"size": 501}])
def test_it_refuses_pages_that_can_not_be(cast: Cast, given: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        cluster_list(cast.dataset, **given)


def test_it_reads_filters_from_a_query_string() -> None:
    found = cluster_filters_from(
        QueryDict(
            "families=device&families=payment&min_accounts=3&min_bits=2.5&is_actionable=true&case=open&change=born"
        )
    )
    assert found == ClusterFilters(("payment", "device"), 3, None, 2.5, True, "born", "open", "")
    assert cluster_filters_from(QueryDict("")).is_empty


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("min_accounts=x", "min_accounts"),
        ("max_accounts=-1", "max_accounts"),
        ("min_bits=nan", "min_bits"),
        ("is_actionable=maybe", "is_actionable"),
        ("change=ended", "change"),
        ("case=x", "case"),
        ("families=cards", "families"),
    ],
)
def test_it_names_the_filter_that_is_wrong(query: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cluster_filters_from(QueryDict(query))
    assert list(refusal.value.extra["fields"]) == [field]


def test_it_finds_the_neighbours_of_a_cluster_in_the_list(cast: Cast) -> None:
    found = cluster_neighbours(cast.dataset, cast.pair.public_id)
    assert (found.previous, found.next, found.position, found.n_total) == (cast.cards.public_id, None, 2, 2)


def test_it_puts_the_answer_into_one_sentence(cast: Cast) -> None:
    shown = cluster_detail(cast.cards)
    assert shown.headline == "6 accounts look like one operator (24 bits over the line; not calibrated here)"
    assert shown.sentence.startswith(shown.headline + "; strongest: one shared card, one device. ")
    assert shown.sentence.endswith(f"{shown.n_untested} benign explanations untested.")
    assert [row.family for row in shown.evidence] == ["payment", "device"]
    assert {value.value.shown for value in shown.values} == {"•••• 4417", "de•••af"}
    assert {p.position: p.n for p in shown.positions} == {"core": 5, "periphery": 1, "bridge": 0}
    assert len(shown.explanations) == 9
    assert shown.has_members
    assert shown.is_current


def test_it_refuses_a_version_that_there_is_not(cast: Cast) -> None:
    with pytest.raises(NotFound):
        cluster_detail(cast.cards, run=run_make(cast.dataset))


def test_it_lists_members_without_the_platform_s_ids(cast: Cast) -> None:
    page = member_list(cast.cards, size=4)
    assert (page.n_shown, page.n_total, page.n_pages) == (4, 6, 2)
    assert [row.bits for row in page.items] == sorted((row.bits for row in page.items), reverse=True)
    assert all(row.account.platform_id is None for row in page.items)
    shown = member_list(cast.cards, shows_platform_ids=True, cursor=page.next or "", size=4)
    assert all(row.account.platform_id for row in shown.items)
    assert [row.position for row in member_list(cast.cards, position="periphery").items] == ["periphery"]
    assert member_list(cast.cards, is_actionable=False).n_matching == 1


@pytest.mark.parametrize("given", [{"position": "boss"}, {"sort": "name"}])
def test_it_refuses_members_by_what_there_is_not(cast: Cast, given: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        member_list(cast.cards, **given)  # type: ignore[arg-type]


def test_it_lists_the_links_of_an_account_and_of_a_cluster(cast: Cast) -> None:
    links = links_of_account(cast.cards_accounts[1])
    assert links.n_total == 2
    assert links.items[0].cluster is not None
    assert links.items[0].cluster.public_id == cast.cards.public_id
    assert links_of_cluster(cast.cards).n_total == 5
    assert links_of_account(cast.neighbours[0]).items == ()


def test_it_explains_a_link_so_that_the_bars_add_up(cast: Cast) -> None:
    a, b = cast.cards_accounts[:2]
    told = link_explain(b, a)
    assert told.is_linked
    assert told.bits == 24.0
    assert told.waterfall[0].name == "prior"
    assert told.waterfall[-1].end == pytest.approx(told.bits)
    assert sum(row.bits for row in told.evidence) + told.prior_bits == pytest.approx(told.bits)
    assert all(row.a_count == 3 and row.b_count == 3 for row in told.evidence)
    assert told.a.public_id == b.public_id
    assert told.same_cluster is not None


def test_it_says_why_two_accounts_are_not_linked(cast: Cast) -> None:
    told = link_explain(cast.neighbours[0], cast.neighbours[1])
    assert not told.is_linked
    assert "One shared value doesn't reach the line" in told.why_not
    assert told.path == ()
    assert told.same_cluster is None
    nothing = link_explain(cast.neighbours[0], cast.pair_accounts[0])
    assert "no value in common" in nothing.why_not


def test_it_finds_the_way_over_others_for_accounts_that_are_linked_only_indirectly(cast: Cast) -> None:
    accounts = cast.cards_accounts
    assert len(link_explain(accounts[0], accounts[2]).path) == 2
    assert len(link_explain(accounts[0], accounts[3]).path) == 3
    assert link_explain(accounts[0], accounts[5]).path == ()


def test_it_will_not_compare_an_account_with_itself_or_across_datasets(cast: Cast) -> None:
    with pytest.raises(InvalidInput):
        link_explain(cast.neighbours[0], cast.neighbours[0])
    with pytest.raises(NotFound):
        link_explain(cast.neighbours[0], accounts_make(dataset_make(), 1)[0])


def test_it_shows_when_members_and_matched_accounts_were_active(cast: Cast) -> None:
    shown = cluster_activity(cast.cards)
    assert (shown.n_shown, shown.n_total) == (6, 6)
    assert shown.n_matched == 4
    assert all(len(row.counts) == len(shown.buckets) for row in shown.rows)
    assert sum(sum(row.counts) for row in shown.rows) == 30
    assert shown.chosen == "all members, by bits"
    assert cluster_activity(cast.cards, n_members=2).chosen == "one in 3 members, by bits"
    assert len(account_calendar(cast.neighbours[0])) == 3


def test_it_shows_an_account(cast: Cast) -> None:
    account = cast.cards_accounts[0]
    shown = account_detail(account)
    assert (shown.n_identifiers, shown.n_links, shown.n_sessions) == (3, 1, 3)
    assert shown.ref.platform_id is None
    assert [row.cluster.public_id for row in shown.clusters] == [cast.cards.public_id]
    listed = account_identifiers(account)
    assert {row.value.shown: row.n_holders for row in listed.items} == {"•••• 4417": 6, "de•••af": 6, "45.12.•.•": 6}
    assert account_sessions(cast.neighbours[0]).n_total == 3
    assert account_list(cast.dataset).n_total == 12
    assert account_list(cast.dataset, status="banned").n_matching == 0
    with pytest.raises(InvalidInput):
        account_list(cast.dataset, status="lost")


def test_it_finds_accounts_by_either_id(cast: Cast) -> None:
    account = cast.pair_accounts[0]
    assert account_find(cast.dataset, text=f" {account.platform_id} ") == [account]
    assert account_find(cast.dataset, text=str(account.public_id)) == [account]
    for nothing in ("", "acc_", "acc_ÄÖÜ", "nobody", "a\x00b", "x" * 300):
        assert account_find(cast.dataset, text=nothing) == []


def test_it_shows_an_identifier_and_whether_it_is_a_hub(cast: Cast) -> None:
    address = cast.dataset.identifiers.get(kind="ip")
    HubValue.objects.create(run=cast.run, kind="ip", value=address.pk, holders=6, independence=0.91)
    shown = identifier_detail(address)
    assert shown.is_hub
    assert "a hub, 91 % of its holders have nothing else in common" in shown.headline
    assert (shown.n_holders, shown.n_unclustered) == (6, 4)
    assert shown.clusters[0][1] == 2
    holders = identifier_holders(address)
    assert holders.n_total == 6
    assert sum(row.cluster is not None for row in holders.items) == 2


def test_it_counts_for_the_rail(cast: Cast) -> None:
    counts = rail_counts(cast.dataset)
    assert (counts.triage, counts.clusters, counts.cases, counts.imports_open) == (2, 2, 0, 0)


def test_it_shows_runs(cast: Cast) -> None:
    listed = run_list(cast.dataset)
    assert [row.number for row in listed.items] == [1]
    shown = run_detail(cast.run)
    assert shown.row.state == "done"
    assert shown.is_latest
    status = run_status(cast.dataset)
    assert status.latest is not None
    assert status.open is None
    assert not status.is_calibrated


def test_it_hides_rows_from_outsiders_and_other_datasets(cast: Cast) -> None:
    viewer, outsider = cast.people.viewer, cast.people.outsider
    address = cast.dataset.identifiers.get(kind="ip")
    account = cast.neighbours[0]
    for get, row in (
        (run_get_for, cast.run),
        (cluster_get_for, cast.cards),
        (account_get_for, account),
        (identifier_get_for, address),
    ):
        got: Any = get(viewer, str(row.public_id), dataset=cast.dataset)  # type: ignore[operator]
        assert got == row
        with pytest.raises(NotFound):
            get(viewer, str(row.public_id), dataset=dataset_make())  # type: ignore[operator]
        with pytest.raises(NotFound):
            get(viewer, "clu_notanidatall")  # type: ignore[operator]
        with pytest.raises(Exception, match="right"):
            get(outsider, str(row.public_id))  # type: ignore[operator]


def test_it_needs_the_same_queries_for_one_cluster_and_for_twenty(cast: Cast) -> None:
    def counted(call: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            call()
        return len(queries)

    def all_of_them() -> dict[str, int]:
        cluster = Cluster.objects.get(pk=cast.cards.pk)
        account = cast.cards_accounts[0]
        account.refresh_from_db()
        return {
            "cluster_list": counted(lambda: cluster_list(cast.dataset, filters=ClusterFilters(min_accounts=1))),
            "cluster_detail": counted(lambda: cluster_detail(cluster)),
            "member_list": counted(lambda: member_list(cluster)),
            "links_of_account": counted(lambda: links_of_account(account)),
            "account_detail": counted(lambda: account_detail(account)),
            "run_list": counted(lambda: run_list(cast.dataset)),
            "rail_counts": counted(lambda: rail_counts(cast.dataset)),
        }

    small = all_of_them()
    for i in range(20):
        accounts = accounts_make(cast.dataset, 5)
        value = identifier_make(cast.dataset, "device_id", f"many-{i}")
        sightings_make(accounts, value)
        network_make(cast.run, accounts, [(value, "device")])
    hub_accounts = accounts_make(cast.dataset, 20)
    Link.objects.bulk_create(
        Link(run=cast.run, a=cast.cards_accounts[0], b=other, bits=1000, families=1, evidence=[])
        for other in hub_accounts
    )
    assert all_of_them() == small
    assert max(small.values()) <= 14
