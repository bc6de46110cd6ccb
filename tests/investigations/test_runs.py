from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Sighting
from core import outbox
from core.errors import Conflict, Forbidden, InvalidInput
from core.models import AuditEntry
from core.models.dataset import DatasetKind
from investigations.models import ClusterVersion, LineageEvent, Link, Member, Run
from investigations.models.choices import RunState
from investigations.selectors.runs import run_detail, run_status
from investigations.services import run_execution, run_files
from investigations.services.run_claim import RunHold
from investigations.services.run_execution import run_execute
from investigations.services.runs import run_cancel, run_request, run_request_for_news, runs_to_hint
from investigations.tasks import batch_landed
from tests.cast import People
from tests.databases import LiveDatabase
from tests.factories import dataset_make, person_make
from tests.investigations.worlds import (
    accounts_add,
    current_of,
    found,
    network_add,
    network_names,
    partition,
    share,
    world_make,
)


def done(run: Run) -> Run:
    executed = run_execute(run.pk)
    assert executed is not None
    assert executed.state == RunState.DONE, executed.error
    return executed


def test_it_links_in_the_foreground_and_keeps_what_explains_the_run(live_db: LiveDatabase) -> None:
    dataset = world_make("main")
    run = done(run_request(dataset, reason="test"))
    assert partition(run) == network_names(range(4), 6)
    assert run.has_rows
    assert run.statistics["clusters"] == 4
    assert len(run.input_digest) == len(run.model_digest) == 64
    assert run.model["digest"] == run.model_digest
    assert run.peak_mb
    assert [run.steps[at]["name"] for at in (0, -1)] == ["read", "land"]
    assert {step["state"] for step in run.steps} == {"done"}
    assert Link.objects.filter(run=run, cluster__isnull=False).count() == run.statistics["links"]
    link = Link.objects.filter(run=run).first()
    assert link is not None
    assert sorted(row[1] for row in link.evidence) == ["device_id", "payment_fingerprint"]
    left = {path.name for path in run_files.folder_of(run).iterdir()}
    assert {"links.parquet", "evidence.parquet", "members.parquet", "result.json"} <= left
    assert not any(name.startswith("step_") or name == "inputs" for name in left)


def test_it_describes_each_cluster(live_db: LiveDatabase) -> None:
    run = done(run_request(world_make("main")))
    version = ClusterVersion.objects.filter(run=run).first()
    assert version is not None
    assert "card" in version.summary.lower()
    assert "device" in version.summary.lower()
    assert set(version.worth_parts) == {"linkage", "behaviour", "size", "novelty", "unexplained"}
    assert all(0 <= part <= 1 for part in version.worth_parts.values())
    assert 0 < version.worth < 1
    assert {row["family"] for row in version.family_rows} == {"payment", "device"}
    assert version.n_new == version.n_accounts == 6
    assert version.first_seen_at is not None


def test_it_copes_with_a_dataset_without_accounts(live_db: LiveDatabase) -> None:
    run = done(run_request(dataset_make("bare")))
    assert run.statistics["clusters"] == 0
    assert partition(run) == []


def test_clusters_keep_their_identity_from_run_to_run(live_db: LiveDatabase) -> None:
    dataset = world_make("main", n_networks=3, n_honest=600)
    first = done(run_request(dataset))
    before = found(first)
    grown = next(name for name, members in before.items() if "net0-0" in members)
    ended = next(name for name, members in before.items() if "net1-0" in members)
    joined = accounts_add(dataset, "late", 2)
    old = list(dataset.accounts.filter(platform_id__startswith="net0-"))
    for kind in ("payment_fingerprint", "phone", "device_id"):
        share(dataset, kind, [*old, *joined])
    Sighting.objects.filter(account__in=dataset.accounts.filter(platform_id__startswith="net1-")).delete()
    network_add(dataset, 9, 5)
    second = done(run_request(dataset))
    after = found(second)
    assert after[grown] == before[grown] | {"late-0", "late-1"}
    assert ended not in after
    assert set(before) & set(after) == set(before) - {ended}
    kinds = dict(LineageEvent.objects.filter(run=second).values_list("cluster__public_id", "kind"))
    assert kinds[grown] == "grew"
    assert kinds[ended] == "ended"
    assert sorted(kinds.values()) == ["born", "ended", "grew", "same"]
    event = LineageEvent.objects.get(run=second, kind="grew")
    assert (event.n_before, event.n_after, event.n_shared) == (6, 8, 6)
    assert current_of(grown).current.n_new == 2
    assert current_of(ended).ended_in == second
    assert current_of(ended).current.run == first


def test_only_the_last_two_runs_keep_links_and_members(live_db: LiveDatabase) -> None:
    dataset = world_make("main", n_networks=1)
    runs = [done(run_request(dataset)) for _ in range(3)]
    assert list(Run.objects.order_by("number").values_list("has_rows", flat=True)) == [False, True, True]
    assert not Link.objects.filter(run=runs[0]).exists()
    assert not Member.objects.filter(version__run=runs[0]).exists()
    assert ClusterVersion.objects.filter(run=runs[0]).count() == 1
    assert run_files.folder_of(runs[0]).joinpath("links.parquet").exists()


def test_equal_input_gives_equal_results(live_db: LiveDatabase) -> None:
    dataset = world_make("main")
    first, second = done(run_request(dataset)), done(run_request(dataset))
    assert first.model_digest == second.model_digest
    assert first.input_digest == second.input_digest
    for name in ("links", "evidence", "members", "clusters", "cluster_values"):
        files = [run_files.folder_of(run) / f"{name}.parquet" for run in (first, second)]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_there_is_one_open_run_at_a_time(people: People) -> None:
    dataset = dataset_make("main")
    run = run_request(dataset, by=people.lead)
    with pytest.raises(Conflict) as refusal:
        run_request(dataset, by=people.lead)
    assert refusal.value.code == "run_queued"
    assert refusal.value.extra["run"] == run.public_id
    assert run_request(dataset_make("other")).number == 1
    assert run_request_for_news(dataset, reason="news") == run


def test_news_queue_behind_a_run_that_has_read_its_input(people: People) -> None:
    dataset = dataset_make("main")
    run = run_request(dataset, by=people.lead)
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING, claims=1)
    following = run_request_for_news(dataset, reason="news")
    assert following.number == 2
    assert run_request_for_news(dataset, reason="news") == following
    with pytest.raises(Conflict) as refusal:
        run_request(dataset)
    assert refusal.value.code == "run_running"


def test_only_people_with_the_right_start_and_cancel(people: People) -> None:
    dataset = dataset_make("main")
    for person in (people.viewer, people.manager, people.administrator, people.outsider):
        with pytest.raises(Forbidden):
            run_request(dataset, by=person)
    run = run_request(dataset, by=people.investigator)
    with pytest.raises(Forbidden):
        run_cancel(run, by=people.viewer)
    assert run_cancel(run, by=people.investigator).state == RunState.CANCELLED
    with pytest.raises(Conflict) as refusal:
        run_cancel(run, by=people.investigator)
    assert refusal.value.code == "run_over"
    actions = AuditEntry.objects.filter(target=run.public_id).order_by("seq").values_list("action", flat=True)
    assert list(actions) == ["run.requested", "run.cancelled"]


@pytest.mark.parametrize(
    "given",
    [{"budget": 0}, {"no_such": 1}, {"families": {"payment": {"damping": 3}}}, {"families": []}, {"seed": "x"}],
)
def test_it_refuses_settings_that_can_not_be(db: None, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        run_request(dataset_make("main"), settings=given)
    assert refusal.value.code == "bad_settings"
    assert not Run.objects.exists()


def test_a_batch_that_lands_in_a_live_dataset_asks_for_a_run(db: None, broker: str) -> None:
    live, demo = dataset_make("live"), dataset_make("demo", kind=DatasetKind.DEMO)
    for dataset in (live, demo, live):
        outbox.put("batch.landed", dataset=dataset.pk)
    assert outbox.drain() == 3
    assert list(Run.objects.values_list("dataset__name", "reason")) == [("live", "new data")]
    batch_landed({"dataset": 10**9})


def test_a_cancelled_run_stops_at_the_next_chance(live_db: LiveDatabase) -> None:
    dataset = world_make("main")
    run = run_request(dataset)
    waiting = threading.Event()

    def watch(step: str, *_: Any) -> None:
        if step == "hubs" and not waiting.is_set():
            run_cancel(run)
            waiting.set()
            deadline = timezone.now() + timedelta(seconds=20)
            while not hold_of_run()[0].is_cancel_requested and timezone.now() < deadline:
                threading.Event().wait(0.02)

    def hold_of_run() -> list[RunHold]:
        return holds

    holds: list[RunHold] = []
    real = RunHold.follow

    def follow(self: RunHold, claim: int) -> None:
        holds.append(self)
        real(self, claim)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunHold, "follow", follow)
        executed = run_execute(run.pk, watcher=watch)
    assert executed is not None
    assert executed.state == RunState.CANCELLED
    assert not ClusterVersion.objects.exists()
    assert not run_files.folder_of(run).exists()
    assert run_request(dataset).number == 2


def test_a_stopped_worker_puts_its_run_back_and_another_goes_on(live_db: LiveDatabase) -> None:
    dataset = world_make("main")
    run = run_request(dataset)
    seen: list[str] = []
    stopped = run_execute(run.pk, should_stop=lambda: "score" in seen, watcher=lambda step, *_: seen.append(step))
    assert stopped is not None
    assert stopped.state == RunState.QUEUED
    assert (run_files.folder_of(run) / "step_candidates.parquet").exists()
    first = (run_files.folder_of(run) / "step_candidates.parquet").stat().st_mtime_ns
    network_add(dataset, 7, 6)  # what lands in between belongs to the next run
    again: list[str] = []
    resumed = run_execute(
        run.pk,
        watcher=lambda step, *_: again.append(f"{step} {_mtime(run)}"),
    )
    assert resumed is not None
    assert resumed.state == RunState.DONE
    assert f"score {first}" in again
    assert partition(resumed) == network_names(range(4), 6)
    assert partition(done(run_request(dataset))) == network_names([0, 1, 2, 3, 7], 6)


def _mtime(run: Run) -> int:
    path = run_files.folder_of(run) / "step_candidates.parquet"
    return path.stat().st_mtime_ns if path.exists() else 0


def test_a_run_that_is_alive_is_not_executed_twice(live_db: LiveDatabase) -> None:
    run = run_request(world_make("main"))
    with RunHold(run.pk) as hold:
        assert hold.is_held
        assert run_execute(run.pk) is None
    assert done(run)
    assert run_execute(run.pk) is None


def test_a_run_waits_while_another_of_its_dataset_is_under_way(live_db: LiveDatabase) -> None:
    dataset = dataset_make("main")
    first = run_request(dataset)
    Run.objects.filter(pk=first.pk).update(state=RunState.RUNNING, heartbeat_at=timezone.now())
    second = run_request_for_news(dataset, reason="")
    assert run_execute(second.pk) is None
    assert Run.objects.get(pk=second.pk).state == RunState.QUEUED


def test_after_three_attempts_a_run_is_given_up(live_db: LiveDatabase) -> None:
    run = run_request(world_make("main"))
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING, attempts=3, claims=3, step="gather")
    given_up = run_execute(run.pk)
    assert given_up is not None
    assert given_up.state == RunState.FAILED
    assert given_up.error["code"] == "run_attempts"
    assert "Gather values" in given_up.error["detail"]
    assert "no earlier results" in given_up.error["kept"]


def test_a_broken_run_says_what_was_kept_and_leaves_the_earlier_view(
    live_db: LiveDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = world_make("main")
    first = done(run_request(dataset))
    accounts_add(dataset, "more", 3)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/data/x")

    second = run_request(dataset)
    with monkeypatch.context() as patch:
        patch.setattr(run_execution.linkage, "run", full)
        failed = run_execute(second.pk)
    assert failed is not None
    assert failed.state == RunState.FAILED
    assert failed.error["code"] == "disk_full"
    assert f"results of run {first.number} stay" in failed.error["kept"]
    status = run_status(dataset)
    assert status.latest is not None
    assert status.latest.number == first.number
    assert status.failed is not None
    assert partition(first) == network_names(range(4), 6)
    assert run_detail(failed).error == failed.error


def test_a_landing_that_breaks_leaves_nothing_behind(live_db: LiveDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    from investigations.services import run_landing

    dataset = world_make("main")
    first = done(run_request(dataset))
    second = run_request(dataset)

    def broken(*_: Any) -> None:
        raise ValueError("a value that must not show")

    with monkeypatch.context() as patch:
        patch.setattr(run_landing, "_old_rows_drop", broken)
        failed = run_execute(second.pk)
    assert failed is not None
    assert failed.error["code"] == "run_failed"
    assert "must not show" not in str(failed.error)
    assert not ClusterVersion.objects.filter(run=second).exists()
    assert not Link.objects.filter(run=second).exists()
    assert partition(first) == network_names(range(4), 6)
    assert partition(done(run_request(dataset))) == network_names(range(4), 6)


def test_a_worker_that_lost_its_run_can_not_land_it(live_db: LiveDatabase) -> None:
    run = run_request(world_make("main"))

    def watch(step: str, label: str, completed: int, total: int) -> None:
        if step == "land" and completed == 1:
            _elsewhere(lambda: Run.objects.filter(pk=run.pk).update(claims=9))

    executed = run_execute(run.pk, watcher=watch)
    assert executed is not None
    assert executed.state == RunState.RUNNING
    assert not ClusterVersion.objects.exists()


def _elsewhere(call: Any) -> None:
    def work() -> None:
        call()
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_the_sweeper_takes_up_what_nobody_works_on(db: None) -> None:
    now = timezone.now()
    fresh, stale, waiting, new, behind = (run_request(dataset_make()) for _ in range(5))
    running = {"state": RunState.RUNNING, "claims": 1}
    Run.objects.filter(pk=fresh.pk).update(heartbeat_at=now, **running)
    Run.objects.filter(pk=stale.pk).update(heartbeat_at=now - timedelta(minutes=2), **running)
    Run.objects.filter(pk=waiting.pk).update(created_at=now - timedelta(minutes=2))
    other = run_request_for_news(fresh.dataset, reason="")
    Run.objects.filter(pk=other.pk).update(created_at=now - timedelta(minutes=2))
    assert set(runs_to_hint()) == {stale, waiting}
    assert {new.state, behind.state} == {RunState.QUEUED}


def test_progress_and_time_left_are_on_the_row_while_it_runs(live_db: LiveDatabase) -> None:
    dataset = world_make("main")
    done(run_request(dataset))
    run = run_request(dataset)
    waiting = run_detail(run)
    assert waiting.row.share_done == 0
    assert waiting.row.seconds_left
    seen: list[Any] = []

    def watch(step: str, label: str, completed: int, total: int) -> None:
        if step == "score" and completed == total:
            before = timezone.now()
            while not seen and (timezone.now() - before).total_seconds() < 20:
                _elsewhere(lambda: seen.append(run_detail(run)) if Run.objects.get(pk=run.pk).step == "score" else None)

    run_execute(run.pk, watcher=watch)
    assert seen[0].row.state == "running"
    assert 0 < seen[0].row.share_done < 1
    assert seen[0].steps[0].state == "done"
    assert run_detail(run).row.share_done is None


def test_requests_at_the_same_time_make_one_run(live_db: LiveDatabase) -> None:
    dataset = dataset_make("main")
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def ask() -> None:
        barrier.wait()
        try:
            run_request(dataset)
            outcomes.append("made")
        except Conflict:
            outcomes.append("conflict")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "conflict", "conflict", "made"]
    with transaction.atomic():
        assert Run.objects.count() == 1


def test_who_asked_is_on_the_run(db: None) -> None:
    lead = person_make("lena", roles=["lead"])
    run = run_request(dataset_make("main"), by=lead, reason="  after the import  ")
    assert run_detail(run).row.requested_by == "lena"
    assert run.reason == "after the import"
