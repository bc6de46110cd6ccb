"""A disk without room: wherever a run meets it, the run says so, what was there before stays, and a later run finds all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from psycopg import sql

from config import home
from investigations.models import Link
from investigations.models.choices import RunState
from investigations.services import run_files
from investigations.services.run_execution import run_execute
from investigations.services.runs import run_request
from tests import databases
from tests.databases import LiveDatabase
from tests.investigations.worlds import network_names, partition, world_make
from tests.processes import own_folder
from tests.settings import ROOT, TEST_HOME

SHORT_FILES = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from manage import main
sys.argv = ["manage.py", "link", "--json"]
main()
"""
FOUND = network_names(range(4), 6)


@pytest.mark.parametrize("part", ["inputs", "holdings.parquet"])
def test_a_disk_without_room_is_told_and_a_later_run_finds_all(live_db: LiveDatabase, part: str) -> None:
    dataset = world_make("main", n_networks=20)
    first = run_execute(run_request(dataset).pk)
    assert first is not None and partition(first) == network_names(range(20), 6)
    limit = 100 if part.startswith("inputs") else (run_files.folder_of(first) / part).stat().st_size - 1
    done = _link(live_db, "-c", SHORT_FILES, str(limit))
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["error"]["code"]) == ("failed", "disk_full")
    assert (told["error"]["step"] == "Read accounts and what they share") == part.startswith("inputs")
    assert "is full" in told["error"]["detail"] and "Free some space" in told["error"]["what_to_do"]
    assert "results of run 1 stay" in told["error"]["kept"]
    assert partition(first) == network_names(range(20), 6)
    again = run_execute(run_request(dataset).pk)
    assert again is not None and again.model_digest == first.model_digest


def test_a_database_without_room_is_told_and_the_results_before_stay(live_db: LiveDatabase) -> None:
    dataset = world_make("main")
    first, second = run_request(dataset), None
    assert (done := run_execute(first.pk)) and done.state == RunState.DONE
    with small_disk(live_db, Link._meta.db_table) as folder:
        filler = folder / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        second = run_execute(run_request(dataset).pk)
        assert second is not None and second.state == RunState.FAILED
        assert (second.error["code"], second.error["step"]) == ("disk_full", "Make the results visible")
        assert second.error["detail"] == "The disk that holds the database is full."
        assert "results of run 1 stay" in second.error["kept"]
        assert partition(first) == FOUND and partition(second) == []
        filler.unlink()
        third = run_execute(run_request(dataset).pk)
        assert third is not None and third.state == RunState.DONE, third.error
        assert partition(third) == FOUND


@contextmanager
def small_disk(live_db: LiveDatabase, table: str) -> Iterator[Path]:
    """Put a table of the test's database on a disk of 256 KB of its own; give its folder."""
    words = home.secrets_for(TEST_HOME)
    with own_folder("small") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "small", str(folder)], check=False, capture_output=True
        )
        if os.geteuid() != 0 or mounted.returncode:
            pytest.skip("a disk of its own needs root and the right to mount")
        try:
            data = folder / "postgres"
            data.mkdir(mode=0o700)
            owner = home.places_for(TEST_HOME).postgres_data.stat()
            os.chown(data, owner.st_uid, owner.st_gid)
            name = sql.Identifier(f"small_{live_db.name}")
            with databases.role_connection("postgres", words.postgres_superuser, database=live_db.name) as link:
                link.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(name, sql.Literal(str(data))))
                link.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE {}").format(sql.Identifier(table), name))
                try:
                    yield folder
                finally:
                    link.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE pg_default").format(sql.Identifier(table)))
                    link.execute(sql.SQL("DROP TABLESPACE {}").format(name))
        finally:
            subprocess.run(["umount", str(folder)], check=True)


def _link(live_db: LiveDatabase, *program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", *program],
        env=live_db.environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
