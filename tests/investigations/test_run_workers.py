"""Runs on real workers: hints, cancelling, and workers that are killed in the middle."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from investigations.models import ClusterVersion, Run
from investigations.models.choices import RunState
from investigations.services.run_execution import run_execute
from investigations.services.runs import run_cancel, run_request, run_request_for_news
from investigations.tasks import run_hint, runs_sweep
from tests.databases import LiveDatabase
from tests.investigations.worlds import network_names, partition, state_of, world_make
from tests.processes import wait_until

pytestmark = pytest.mark.xdist_group("workers")
READING, LANDING = "accounts_account", "investigations_clusterversion"
"""Tables that a run needs when it reads its input and when it lands."""


@contextmanager
def blocked(table: str) -> Iterator[None]:
    """Nobody gets at the table inside the block, so that a run waits there."""
    with transaction.atomic(using="owner"):
        from django.db import connections

        with connections["owner"].cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def waits_for(table: str) -> bool:
    """Whether some statement waits for a lock on the table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND NOT granted", [table])
        return cursor.fetchone()[0] > 0


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def gone_stale(run: Run) -> None:
    """What the clock would do: the run's last sign of life is long ago."""
    Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=2))


def test_a_worker_carries_out_a_queued_run_and_then_the_next(celery_worker: Any, live_db: LiveDatabase) -> None:
    dataset = world_make("main")
    with blocked(READING):
        run = run_request_for_news(dataset, reason="first")
        run_hint(run)
        wait_until(lambda: state_of(run) == RunState.RUNNING, 120)
        following = run_request_for_news(dataset, reason="second")
    wait_until(lambda: state_of(run) == state_of(following) == RunState.DONE, 120)
    assert partition(run) == partition(following) == network_names(range(4), 6)


@pytest.mark.parametrize("table", [READING, LANDING])
def test_a_killed_worker_s_run_is_finished_by_another(celery_worker: Any, live_db: LiveDatabase, table: str) -> None:
    dataset = world_make("main")
    run = run_request(dataset)
    with blocked(table):
        run_hint(run)
        wait_until(lambda: waits_for(table), 120)
        kill(celery_worker.processes[0])
        assert state_of(run) == RunState.RUNNING
    celery_worker.start()
    gone_stale(run)
    assert runs_sweep() == 1
    wait_until(lambda: state_of(run) == RunState.DONE, 120)
    run.refresh_from_db()
    assert run.claims == 2
    assert partition(run) == network_names(range(4), 6)
    assert ClusterVersion.objects.filter(run=run).count() == 4
    undisturbed = run_execute(run_request(dataset).pk)
    assert undisturbed is not None
    assert undisturbed.model_digest == run.model_digest
    assert partition(undisturbed) == partition(run)


def test_a_run_that_kills_its_worker_each_time_is_given_up(celery_worker: Any, live_db: LiveDatabase) -> None:
    run = run_request(world_make("main"))
    for attempt in (1, 2, 3):
        with blocked(READING):
            run_hint(run)
            wait_until(lambda: waits_for(READING), 120)
            kill(celery_worker.processes[-1])
        assert Run.objects.get(pk=run.pk).attempts == attempt
        celery_worker.start()
    gone_stale(run)
    runs_sweep()
    wait_until(lambda: state_of(run) == RunState.FAILED, 120)
    run.refresh_from_db()
    assert run.error["code"] == "run_attempts"
    assert "Accounts and imports are untouched" in run.error["kept"]


def test_a_message_that_comes_twice_does_no_harm(celery_worker: Any, live_db: LiveDatabase) -> None:
    dataset = world_make("main")
    run = run_request(dataset)
    second = celery_worker.start()
    assert second.poll() is None
    with blocked(LANDING):
        for _ in range(3):
            run_hint(run)
        wait_until(lambda: waits_for(LANDING), 120)
    wait_until(lambda: state_of(run) == RunState.DONE, 120)
    run.refresh_from_db()
    assert run.claims == 1


def test_a_run_on_a_worker_can_be_cancelled(celery_worker: Any, live_db: LiveDatabase) -> None:
    run = run_request(world_make("main"))
    with blocked(READING):
        run_hint(run)
        wait_until(lambda: waits_for(READING), 120)
        run_cancel(run)
        assert state_of(run) == RunState.RUNNING
        wait_until(lambda: Run.objects.get(pk=run.pk).heartbeat_at > timezone.now() - timedelta(seconds=1), 20)
    wait_until(lambda: state_of(run) in (RunState.CANCELLED, RunState.DONE), 120)
    assert state_of(run) == RunState.CANCELLED
    assert not ClusterVersion.objects.exists()
