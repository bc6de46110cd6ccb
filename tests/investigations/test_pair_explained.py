"""Two accounts that a run did not link: the run's own bits, and an honest word where they are gone."""

from __future__ import annotations

import pytest

from accounts.models import Account
from investigations.models import Link, Run
from investigations.models.choices import RunState
from investigations.selectors.links import link_explain
from investigations.services import run_files
from investigations.services.run_execution import run_execute
from investigations.services.runs import run_request
from tests.databases import LiveDatabase
from tests.investigations.worlds import share, world_make


def done_with_neighbours() -> tuple[Run, Account, Account]:
    """A run over a world in which two honest accounts share one address."""
    dataset = world_make("main")
    a, b = Account.objects.filter(dataset=dataset, platform_id__startswith="honest").order_by("pk")[:2]
    share(dataset, "ip", [a, b])
    run = run_execute(run_request(dataset, reason="test").pk)
    assert run is not None
    assert run.state == RunState.DONE, run.error
    return run, a, b


def test_it_weighs_a_pair_that_is_not_linked_in_the_run_s_own_bits(live_db: LiveDatabase) -> None:
    run, a, b = done_with_neighbours()
    told = link_explain(b, a)
    assert (told.is_linked, told.is_stored) == (False, False)
    assert [row.value.kind for row in told.evidence] == ["ip"]
    assert told.evidence[0].bits > 0
    assert told.bits == pytest.approx(told.prior_bits + told.evidence[0].bits)
    assert told.bits < 0
    assert [step.kind for step in told.waterfall] == ["prior", "for", "sum"]
    assert told.waterfall[-1].bits == pytest.approx(told.bits)
    assert told.why_not.startswith("One shared value doesn't reach the line: ")
    assert told.model_digest == run.model_digest


def test_a_later_import_does_not_change_what_a_run_says(live_db: LiveDatabase) -> None:
    _, a, b = done_with_neighbours()
    before = link_explain(a, b)
    share(a.dataset, "device_id", [a, b])
    assert link_explain(a, b).bits == before.bits


def test_a_pair_gets_the_same_bits_with_and_without_its_stored_link(live_db: LiveDatabase) -> None:
    run, _, _ = done_with_neighbours()
    link = Link.objects.filter(run=run).select_related("a", "b").first()
    assert link is not None
    stored = link_explain(link.a, link.b)
    link.delete()
    weighed = link_explain(link.a, link.b)
    assert (stored.is_stored, weighed.is_stored) == (True, False)
    assert weighed.evidence == stored.evidence
    assert weighed.bits == stored.bits
    assert weighed.waterfall == stored.waterfall
    assert "strongest links of each account" in weighed.why_not


def test_it_says_when_the_run_s_weights_are_gone(live_db: LiveDatabase) -> None:
    run, a, b = done_with_neighbours()
    (run_files.folder_of(run) / "holdings.parquet").unlink()
    told = link_explain(a, b)
    assert told.waterfall == ()
    assert [row.bits for row in told.evidence] == [0.0]
    assert "no longer kept, so values stand without bits and shared content is not shown" in told.why_not
    assert told.bits == told.prior_bits < 0


def test_accounts_with_nothing_in_common_end_where_they_start(live_db: LiveDatabase) -> None:
    run, a, _ = done_with_neighbours()
    other = Account.objects.filter(dataset=run.dataset, platform_id__startswith="net").order_by("pk").first()
    assert other is not None
    told = link_explain(a, other)
    assert told.bits == told.prior_bits < 0
    assert told.why_not == "They have no value in common, so there is nothing to weigh."
