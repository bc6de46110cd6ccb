"""Pages of runs: reading, starting, cancelling, and who may not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from investigations.models import HubValue, Run
from investigations.models.choices import RunState
from staff.models import User
from tests.cast import Cast, People
from tests.factories import accounts_make, dataset_make, identifier_make, run_make

HOSTILE = "<script>alert(1)</script>"
STEPS = [
    {"name": "read", "state": "done", "done": 12, "total": 12, "seconds": 1.5},
    {"name": "gather", "state": "running", "done": 3, "total": 10, "seconds": 0.5},
]


@pytest.fixture
def lead(cast: Cast, client: Client) -> Client:
    client.force_login(cast.people.lead)
    return client


def page(client: Client, name: str, *args: object, **query: str) -> str:
    found = client.get(reverse(name, args=args), query)
    assert found.status_code == 200
    return str(found.content.decode())


def running(cast: Cast, **fields: object) -> Run:
    began = timezone.now() - timedelta(seconds=2)
    return run_make(cast.dataset, state=RunState.RUNNING, started_at=began, finished_at=None, steps=STEPS, **fields)


def may_run(people: People) -> dict[str, User]:
    return {role: user for role, user in people.by_role().items() if "run" in user.capabilities}


def test_the_list_names_each_run_with_its_state(cast: Cast, lead: Client) -> None:
    run_make(cast.dataset, state=RunState.FAILED)
    text = page(lead, "run-list")
    assert "Run 2 failed" in text
    assert text.count('<th scope="row">') == 2
    assert "state-done" in text and "state-failed" in text


def test_an_empty_list_says_what_comes_first(people: People, client: Client) -> None:
    client.force_login(people.lead)
    text = page(client, "run-list")
    assert "No run yet" in text and "Import data" in text
    assert "There are no accounts in this dataset yet" in text
    accounts_make(dataset_make("main"), 2)
    assert "2 accounts are waiting to be linked" in page(client, "run-list")


@pytest.mark.parametrize("asked", ["0", "-1", "9" * 30, "x", "٣"])
def test_a_strange_page_number_is_answered(lead: Client, asked: str) -> None:
    assert "Runs of this dataset" in page(lead, "run-list", page=asked)


def test_a_page_past_the_end_says_so(lead: Client) -> None:
    assert "This page has no runs" in page(lead, "run-list", page="7")


def test_a_done_run_shows_figures_hubs_and_digests(cast: Cast, lead: Client) -> None:
    hub = identifier_make(cast.dataset, "ip", "203.0.113.9", mask="203.0.•.•")
    run = run_make(cast.dataset, statistics={"accounts": 12, "links": 5, "clusters": 3, "hubs": 1}, steps=STEPS[:1])
    HubValue.objects.create(run=run, kind="ip", value=hub.pk, holders=41, independence=0.97)
    text = page(lead, "run-detail", run.public_id)
    assert "Run 2 found 3 clusters among 12 accounts" in text
    assert "203.0.•.•" in text and "203.0.113.9" not in text
    assert "compared with" in text and run.input_digest in text
    assert "Where the time went" in text


def test_a_run_under_way_refreshes_itself_and_stops_when_it_is_over(cast: Cast, lead: Client) -> None:
    run = running(cast)
    address = reverse("run-progress", args=[run.public_id])
    assert f'hx-get="{address}"' in page(lead, "run-detail", run.public_id)
    found = lead.get(address, headers={"HX-Request": "true"})
    text = found.content.decode()
    assert 'hx-trigger="every 1s"' in text and "step 2 of 2" in text and "3 of 10" in text
    assert "HX-Refresh" not in found.headers
    Run.objects.filter(pk=run.pk).update(state=RunState.DONE, finished_at=timezone.now())
    over = lead.get(address)
    assert over.headers["HX-Refresh"] == "true"
    assert "hx-trigger" not in over.content.decode()


def test_a_failed_run_says_what_was_kept_and_what_to_do(cast: Cast, lead: Client) -> None:
    error = {"title": "The run failed", "code": "disk_full", "detail": f"Full {HOSTILE}", "kept": "Run 1 stays.",
             "what_to_do": "Free some space.", "step": "Find hubs"}  # fmt: skip
    run = run_make(cast.dataset, state=RunState.FAILED, error=error)
    text = page(lead, "run-detail", run.public_id)
    for words in ("Run 1 stays.", "Free some space.", "Find hubs", "Start another run"):
        assert words in text
    assert HOSTILE not in text


def test_a_hostile_reason_is_text(cast: Cast, lead: Client) -> None:
    run = run_make(cast.dataset, reason=HOSTILE)
    assert HOSTILE not in page(lead, "run-list") + page(lead, "run-detail", run.public_id)


def test_whoever_may_starts_a_run(cast: Cast, client: Client) -> None:
    for role, user in may_run(cast.people).items():
        client.force_login(user)
        found = client.post(reverse("run-start"), {"reason": f"asked by {role}"})
        run = cast.dataset.runs.order_by("-number")[0]
        assert found.status_code == 302 and found["Location"] == reverse("run-detail", args=[run.public_id])
        assert (run.state, run.reason, run.requested_by) == (RunState.QUEUED, f"asked by {role}", user)
        Run.objects.filter(pk=run.pk).update(state=RunState.CANCELLED)


def test_a_second_run_is_refused_with_a_reason(cast: Cast, lead: Client) -> None:
    running(cast)
    assert "there is one at a time" in page(lead, "run-list")
    found = lead.post(reverse("run-start"))
    assert found.status_code == 409 and "Wait until it is done" in found.content.decode()
    assert cast.dataset.runs.count() == 2


def test_without_accounts_no_run_starts(people: People, client: Client) -> None:
    client.force_login(people.lead)
    assert client.post(reverse("run-start")).status_code == 409
    dataset_make("main")
    assert client.post(reverse("run-start")).status_code == 409
    assert not Run.objects.exists()


def test_cancelling_asks_first_then_stops(cast: Cast, lead: Client) -> None:
    run = running(cast)
    assert "Cancel this run?" not in page(lead, "run-detail", run.public_id)
    assert "Cancel this run?" in page(lead, "run-detail", run.public_id, confirm="cancel")
    assert lead.post(reverse("run-cancel", args=[run.public_id])).status_code == 302
    run.refresh_from_db()
    assert run.is_cancel_requested
    text = page(lead, "run-detail", run.public_id, confirm="cancel")
    assert "Stopping" in text and "Cancel this run?" not in text


def test_what_is_over_cannot_be_cancelled(cast: Cast, lead: Client) -> None:
    assert lead.post(reverse("run-cancel", args=[cast.run.public_id])).status_code == 409


def test_who_may_not_run_sees_no_button_and_is_refused(cast: Cast, client: Client) -> None:
    run = running(cast)
    allowed = may_run(cast.people)
    for role, user in cast.people.by_role().items():
        if role in allowed:
            continue
        client.force_login(user)
        assert client.post(reverse("run-start")).status_code == 403
        assert client.post(reverse("run-cancel", args=[run.public_id])).status_code == 403
        if "view" in user.capabilities:
            assert "Start a run" not in page(client, "run-list")
            assert "Cancel the run" not in page(client, "run-detail", run.public_id, confirm="cancel")
        else:
            assert client.get(reverse("run-detail", args=[run.public_id])).status_code == 403
    run.refresh_from_db()
    assert not run.is_cancel_requested


def test_nobody_is_sent_to_sign_in(cast: Cast, client: Client) -> None:
    for name, args in (
        ("run-list", ()),
        ("run-detail", (cast.run.public_id,)),
        ("run-progress", (cast.run.public_id,)),
    ):
        assert client.get(reverse(name, args=args)).status_code == 302
    assert client.post(reverse("run-start")).status_code == 302
    assert cast.dataset.runs.count() == 1


def test_wrong_methods_are_refused(cast: Cast, lead: Client) -> None:
    public_id = cast.run.public_id
    assert lead.post(reverse("run-list")).status_code == 405
    assert lead.post(reverse("run-detail", args=[public_id])).status_code == 405
    assert lead.get(reverse("run-start")).status_code == 405
    assert lead.get(reverse("run-cancel", args=[public_id])).status_code == 405


@pytest.mark.parametrize("public_id", ["x", "run_", "run_000000000000", "run_UUUUUUUUUUUU", "run_" + "0" * 300])
def test_ids_that_are_none_find_nothing(lead: Client, public_id: str) -> None:
    assert lead.get(reverse("run-detail", args=[public_id])).status_code == 404
    assert lead.post(reverse("run-cancel", args=[public_id])).status_code == 404


def test_a_run_of_another_dataset_is_not_here(cast: Cast, lead: Client) -> None:
    other = run_make(dataset_make("elsewhere"))
    assert lead.get(reverse("run-detail", args=[other.public_id]), {"dataset": "main"}).status_code == 404
    assert lead.get(reverse("run-detail", args=[other.public_id]), {"dataset": "elsewhere"}).status_code == 200
