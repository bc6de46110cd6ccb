"""A start on a disk without room: a message that names the folder and what to do, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config import embedded, home
from config.problems import HomeProblem
from tests.processes import environment, free_port, own_folder, processes_of, run, wait_until

pytestmark = pytest.mark.xdist_group("embedded")
ROOM, PAGE = 600 << 20, 4096


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of our own with enough room; nothing is on it."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a disk of one's own needs root and mount")
    with own_folder("disk") as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=755", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"this root may mount nothing: {done.stderr.strip()}")
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(disk: Path, *, free: int) -> None:
    """Leave so many bytes free."""
    total = shutil.disk_usage(disk).used + free
    subprocess.run(["mount", "-o", f"remount,size={total}", str(disk)], check=True)


def start_console(path: Path) -> subprocess.CompletedProcess[str]:
    done = run("-m", "config.supervisor", env=environment(path, PORT=str(free_port()), DEMO="0"))
    wait_until(lambda: not processes_of(path))
    return done


@pytest.mark.parametrize("free", [PAGE, 10 << 20])
def test_a_first_start_says_which_disk_is_full_and_works_once_there_is_room(disk: Path, free: int) -> None:
    path = disk / "home"
    resize(disk, free=free)
    done = start_console(path)
    assert done.returncode == HomeProblem.exit_code, done.stderr
    assert "is full" in done.stderr and str(path) in done.stderr
    assert "Free some space, or set HYDRASCOPE_HOME" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    resize(disk, free=ROOM)
    embedded.hold(path, fsync=False).release()


@pytest.mark.parametrize("free", [0, PAGE, 10 << 20])
def test_what_was_kept_is_there_again_once_there_is_room(disk: Path, free: int) -> None:
    path = disk / "home"
    held = embedded.hold(path, fsync=False)
    with connect(path) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    held.release()
    wait_until(lambda: not processes_of(path))
    resize(disk, free=free)
    done = start_console(path)
    assert done.returncode == HomeProblem.exit_code, done.stderr
    assert "is full" in done.stderr and str(path) in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    resize(disk, free=ROOM)
    held = embedded.hold(path, fsync=False)
    with connect(path) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(42,)]
    held.release()


def connect(path: Path) -> psycopg.Connection:
    """Connect as the owner."""
    word = home.secrets_for(path).postgres_owner
    return psycopg.connect(embedded.database_address(home.places_for(path), "hydrascope_owner", word, "hydrascope"))
