"""A disk without room: wherever a load meets it, the file is not blamed, nothing of it shows, and it loads later."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest
from django.conf import settings

from accounts.event_store.store import store_root
from accounts.models import Account, Batch, BatchState, EventDirectory, Identifier, Session, Sighting
from tests.accounts.conftest import Load, Write, errors_of
from tests.databases import LiveDatabase

N_ACCOUNTS, N_ROWS = 500, 30_000

SHORT_FILES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from accounts.ingest import staging
staging.MEMORY = "16MB"
from manage import main
sys.argv = ["manage.py", "ingest", *sys.argv[1:], "--json"]
main()
"""


def _accounts() -> str:
    return "account_id,created_at\n" + "".join(f"a{i},1767225600\n" for i in range(N_ACCOUNTS))


def _sessions() -> str:
    rows = (f"s{i},a{i % N_ACCOUNTS},{1767300000 + i},device-{i:0>400}\n" for i in range(N_ROWS))
    return "session_id,account_id,started_at,device_id\n" + "".join(rows)


def _exchanges() -> str:
    numbers = np.random.default_rng(1).integers(0, 1 << 60, N_ROWS)
    rows = (f"a{i % N_ACCOUNTS},{1767300000 + i},x{i},c{n}\n" for i, n in enumerate(numbers))
    return "account_id,occurred_at,exchange_id,content_fingerprint\n" + "".join(rows)


@pytest.mark.parametrize(("table", "make"), [("sessions", _sessions), ("exchanges", _exchanges)])
def test_a_disk_without_room_is_told_and_nothing_of_the_file_shows(
    table: str, make: Callable[[], str], live_db: LiveDatabase, write: Write
) -> None:
    accounts, path = write("accounts.csv", _accounts()), write(f"{table}.csv", make())
    done = _ingest(live_db, ["-c", SHORT_FILES], accounts, path)
    found = json.loads(done.stdout)
    assert done.returncode == 4, done.stderr
    assert found["accepted"] == {"accounts": N_ACCOUNTS}
    [_, failed] = found["files"]
    assert failed["error"]["code"] == "disk_full", failed["error"]
    assert failed["error"]["detail"] == f"The disk is full; nothing of {table}.csv was loaded."
    assert Batch.objects.get().state == BatchState.PARTLY
    assert not any(model.objects.exists() for model in (Session, Identifier, Sighting, EventDirectory))
    assert not Account.objects.exclude(n_sessions=0, n_exchanges=0).exists()
    assert not list(store_root().rglob("*.parquet"))
    assert not list((Path(settings.HYDRASCOPE_HOME) / "tmp" / "ingest").glob("*"))
    again = _ingest(live_db, ["manage.py", "ingest", "--json"], accounts, path)
    assert json.loads(again.stdout)["accepted"] == {table: N_ROWS}


def test_a_scratch_database_that_finds_no_room_to_spill_is_not_short_of_memory(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fill(*_: object) -> None:
        with duckdb.connect(":memory:", config={"memory_limit": "16MB"}) as db:
            db.execute(f"SET temp_directory = '{tmp_path / 'spill'}'")
            db.execute("SET max_temp_directory_size = '1MB'")
            db.execute("CREATE TABLE t AS SELECT range, repeat(md5(range::VARCHAR), 10) AS s FROM range(300000)")

    monkeypatch.setattr("accounts.ingest.load.rejects_store", fill)
    [told] = errors_of(load(write("accounts.csv", _accounts())))
    assert told["code"] == "disk_full"


def test_memory_that_is_short_while_the_disk_is_full_is_the_disks_fault(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block of size 256.0 KiB")

    monkeypatch.setattr("accounts.ingest.load.rejects_store", fail)
    monkeypatch.setattr("accounts.services.ingest.ROOM_TO_SPILL", 1 << 60)
    report = load(write("accounts.csv", _accounts()))
    assert [error["code"] for error in errors_of(report)] == ["disk_full"]
    assert report.exit_code == 4
    assert not Account.objects.exists()


def _ingest(live_db: LiveDatabase, program: list[str], *paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", *program, *map(str, paths)],
        env=live_db.environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        text=True,
    )
