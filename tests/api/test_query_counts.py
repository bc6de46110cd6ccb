"""Lists and details ask the database as often for twenty rows as for one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from investigations.services.cases import case_note_add, case_open
from tests.api.client import Api
from tests.cast import Cast, People
from tests.factories import accounts_make, identifier_make, network_make, run_make, sessions_make, sightings_make


def _grow(cast: Cast, people: People) -> None:
    """Twenty clusters, cases, notes, accounts with sightings and links more."""
    for i in range(20):
        accounts = accounts_make(cast.dataset, 3, prefix=f"more{i}")
        card = identifier_make(cast.dataset, "payment_fingerprint", f"card-{i}")
        sightings_make([*accounts, cast.cards_accounts[0]], card)
        for account in accounts:
            sessions_make(account, 1)
        version = network_make(cast.run, accounts, [(card, "payment")])
        case = case_open(
            cast.dataset, by=people.lead, title=f"case {i}", clusters=[version.cluster], accounts=accounts[:1]
        )
        case_note_add(case, by=people.lead, text="Seen.")
    run_make(cast.dataset, has_rows=False, state="failed")


LISTS = ["datasets", "accounts", "accounts?has_cluster=true", "clusters", "runs", "cases", "verdicts"]


@pytest.mark.parametrize("path", LISTS)
def test_lists(path: str, api: Callable[..., Api], cast: Cast, people: People) -> None:
    program = api("lead")
    sign = "&" if "?" in path else "?"

    def count(limit: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert program.get(f"{path}{sign}limit={limit}&total=1").status_code == 200
        return len(seen)

    _grow(cast, people)
    program.get(path)  # the token's time of use is written once a minute
    assert count(1) == count(20) <= 16


def test_details(lead: Api, cast: Cast, people: People) -> None:
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert lead.get(path).status_code == 200, path
        return len(seen)

    account, cluster = cast.cards_accounts[0].public_id, cast.cards.public_id
    paths = [
        f"accounts/{account}",
        f"accounts/{account}/identifiers",
        f"accounts/{account}/links",
        f"clusters/{cluster}",
        f"clusters/{cluster}/members",
        f"clusters/{cluster}/links",
    ]
    for path in paths:
        lead.get(path)
    before = {path: count(path) for path in paths}
    _grow(cast, people)
    after = {path: count(path) for path in paths}
    assert after == before
    assert max(before.values()) <= 24, before


def test_a_case(lead: Api, cast: Cast, people: People) -> None:
    small = case_open(cast.dataset, by=people.lead, title="small", clusters=[cast.cards])
    _grow(cast, people)
    accounts = list(cast.dataset.accounts.all()[:20])
    clusters = list(cast.dataset.clusters.all()[:20])
    large = case_open(cast.dataset, by=people.lead, title="large", clusters=clusters, accounts=accounts)
    lead.get("cases")
    counts = []
    for case in (small, large):
        with CaptureQueriesContext(connection) as seen:
            assert lead.get(f"cases/{case.public_id}").status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 24, counts
