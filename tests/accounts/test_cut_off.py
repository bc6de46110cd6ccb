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
from accounts.models import Account, EventDirectory, Identifier, Session, Sighting
from accounts.selectors.columns import engine_inputs
from core.datasets import dataset_get
from tests.accounts.conftest import ACCOUNTS, SESSIONS, Write
from tests.databases import LiveDatabase

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

where = sys.argv[1]
if where == "reading":
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
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT, where, str(path)],
            env=live_db.environment | {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": os.getcwd()},
            check=False,
            capture_output=True,
        )
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


def _manage(live_db: LiveDatabase, *arguments: str) -> dict[str, dict[str, int]]:
    command = [sys.executable, str(Path(__file__).parents[2] / "manage.py"), *arguments, "--json"]
    done = subprocess.run(command, env=live_db.environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
