"""Loads that are killed: nothing of the file is visible, and the next load ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from accounts.event_store.store import event_paths, store_root
from accounts.models import Account, Batch, BatchState, EventDirectory, FileState, Identifier, Session, Sighting
from accounts.selectors.columns import engine_inputs
from accounts.services.batches import BATCH_LOCK, LANDED_TOPIC
from accounts.tasks import batches_sweep
from config import home
from config.servers import APP_ROLE
from core.datasets import dataset_get
from core.models import AuditEntry, OutboxMessage
from tests.accounts.conftest import ACCOUNTS, SESSIONS, Write
from tests.databases import LiveDatabase, role_connection
from tests.settings import TEST_HOME

KILLED_AT = """
import os, signal, sys
import django
django.setup()
from pathlib import Path
from accounts.event_store.store import EventWriter
from accounts.ingest import landing, load
from accounts.services.ingest import ingest_files

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def interrupt(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()

where = sys.argv[1]
if where == "interrupted":
    load.rejects_store = interrupt
elif where == "second":
    land = load.FileLoad.land
    load.FileLoad.land = lambda self, **how: die() if self.file.name == "sessions.csv" else land(self, **how)
elif where == "reading":
    load.FileLoad.land = die
elif where == "renamed":
    finish = EventWriter.finish
    EventWriter.finish = lambda self: (finish(self), die())
elif where == "inserted":
    load.rejects_store = die
ingest_files([Path(path) for path in sys.argv[2:]], dataset="main")
"""


@pytest.mark.parametrize("where", ["reading", "renamed", "inserted"])
def test_a_killed_load_leaves_nothing_and_the_next_one_lands(
    where: str, live_db: LiveDatabase, write: Write, run_manage: object
) -> None:
    accounts = write("accounts.csv", ACCOUNTS)
    exchanges = write("exchanges.csv", "account_id,occurred_at,exchange_id\na1,1767300000,x1\na2,1767300001,x2\n")
    sessions = write("sessions.csv", SESSIONS)
    _manage(live_db, "ingest", str(accounts))
    for path in (exchanges, sessions):
        killed = _killed(live_db, where, path)
        if path == exchanges or where != "renamed":
            assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
            assert not EventDirectory.objects.exists()
            assert not Session.objects.exists()
            assert not Identifier.objects.filter(kind="ip").exists()
            assert not Account.objects.exclude(n_sessions=0, n_exchanges=0).exists()
    found = _manage(live_db, "ingest", str(exchanges), str(sessions))
    assert found["accepted"].get("exchanges") == 2
    dataset = dataset_get("main")
    [path] = event_paths(dataset)
    assert pq.read_metadata(path).num_rows == 2
    assert list(store_root().rglob("*.parquet")) == [path]
    assert Session.objects.count() == 3
    assert Account.objects.get(platform_id="a1").n_sessions == 2
    assert Sighting.objects.filter(identifier__kind="ip").count() == 3
    assert len(engine_inputs(dataset).sightings) == Sighting.objects.count()


def test_the_batch_of_a_killed_command_ends_when_the_next_one_begins(live_db: LiveDatabase, write: Write) -> None:
    accounts, sessions = write("accounts.csv", ACCOUNTS), write("sessions.csv", SESSIONS)
    assert _killed(live_db, "second", accounts, sessions).returncode == -signal.SIGKILL
    batch = Batch.objects.get()
    assert batch.state == BatchState.LOADING
    assert [file.state for file in batch.files.all()] == [FileState.LANDED, FileState.LOADING]
    found = _manage(live_db, "ingest", str(accounts), str(sessions))
    assert (found["accepted"], found["duplicates"]) == ({"sessions": 3}, {"accounts": 2})
    batch.refresh_from_db()
    assert (batch.state, batch.error) == (BatchState.PARTLY, None)
    assert batch.finished_at is not None
    landed, lost = batch.files.all()
    assert (landed.state, landed.error) == (FileState.LANDED, None)
    assert (lost.state, lost.error["code"]) == (FileState.FAILED, "interrupted")
    assert (Account.objects.count(), Session.objects.count()) == (2, 3)
    told = OutboxMessage.objects.filter(topic=LANDED_TOPIC).values_list("payload__batch", flat=True)
    assert sorted(told) == sorted(Batch.objects.values_list("pk", flat=True))
    assert AuditEntry.objects.filter(action="batch.interrupted", target=str(batch.public_id)).count() == 1


def test_the_sweep_ends_batches_of_dead_commands_and_leaves_those_that_load(
    live_db: LiveDatabase, write: Write
) -> None:
    _killed(live_db, "reading", write("accounts.csv", ACCOUNTS))
    batch = Batch.objects.get()
    words = home.secrets_for(TEST_HOME)
    with role_connection(APP_ROLE, words.postgres_app, database=live_db.name) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [BATCH_LOCK, batch.pk])
        batches_sweep()
        batch.refresh_from_db()
        assert batch.state == BatchState.LOADING
    batches_sweep()
    batch.refresh_from_db()
    assert batch.state == BatchState.FAILED


def test_an_interrupted_command_ends_its_batch_itself(live_db: LiveDatabase, write: Write) -> None:
    done = _killed(live_db, "interrupted", write("accounts.csv", ACCOUNTS))
    assert b"KeyboardInterrupt" in done.stderr
    batch = Batch.objects.get()
    assert batch.state == BatchState.FAILED
    assert [file.error["code"] for file in batch.files.all()] == ["interrupted"]
    assert not Account.objects.exists()


def _killed(live_db: LiveDatabase, where: str, *paths: Path) -> subprocess.CompletedProcess[bytes]:
    """A process that loads these files and dies at that place."""
    return subprocess.run(
        [sys.executable, "-c", KILLED_AT, where, *map(str, paths)],
        env=live_db.environment | {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": os.getcwd()},
        check=False,
        capture_output=True,
    )


def _manage(live_db: LiveDatabase, *arguments: str) -> dict[str, dict[str, int]]:
    command = [sys.executable, str(Path(__file__).parents[2] / "manage.py"), *arguments, "--json"]
    done = subprocess.run(command, env=live_db.environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
