"""Use of the embedded servers: whoever holds them keeps them running, the last to let go stops them.

`hold()` starts PostgreSQL and Valkey under HYDRASCOPE_HOME unless they run already. The hold is a kernel lock, so it
ends with the process, however that ends; see config.keeper for the other side.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from config import env, home
from config.home import Places
from config.problems import BadSetting, HomeProblem, ServerProblem, os_error_to_problem

START_SECONDS = 120
LET_GO_SECONDS = 15
COMMANDS_WITHOUT_SERVERS = frozenset(
    {"", "help", "check", "version", "collectstatic", "findstatic", "diffsettings", "simulate", "spectacular",
     "database_roles"}
)  # fmt: skip

_started: list[subprocess.Popen[bytes]] = []  # keepers of ours: they outlive us when others use the servers too


@dataclass
class Held:
    """A hold on the servers of one home."""

    places: Places
    lock: TextIO
    fsync: bool = True

    def ensure(self) -> bool:
        """Start the servers again when their keeper is gone; return whether that was so.

        A keeper that another process is just starting has its lock before its servers answer: who asks waits for it.
        """
        with (self.places.locks / "starting").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if _keeper_alive(self.places):
                return False
            _start_keeper(self.places, fsync=self.fsync)
        return True

    def release(self) -> None:
        """Let go; when this was the last hold, return after the servers have stopped."""
        if self.lock.closed:
            return
        self.lock.close()
        deadline = time.monotonic() + LET_GO_SECONDS
        still_used = 0
        while _keeper_alive(self.places) and time.monotonic() < deadline:
            still_used = still_used + 1 if _can_share(self.places) else 0
            if still_used > 10:
                return
            time.sleep(0.02)


def is_embedded() -> bool:
    """Tell whether the servers are the embedded ones; DATABASE_URL and BROKER_URL are set together or not at all."""
    database = bool(env.secret("DATABASE_URL"))
    broker = bool(env.secret("BROKER_URL"))
    if database != broker:
        there, missing = ("DATABASE_URL", "BROKER_URL") if database else ("BROKER_URL", "DATABASE_URL")
        raise BadSetting(
            f"{there} is set and {missing} is not. Set both (external servers) or neither (embedded ones)."
        )
    return not database


def database_address(places: Places, role: str, password: str, name: str) -> str:
    """Return the address of an embedded database."""
    return f"postgresql://{role}:{quote(password, safe='')}@/{name}?host={quote(str(places.postgres_run), safe='')}"


def broker_address(places: Places) -> str:
    """Return the address of the embedded broker."""
    return f"redis+socket://{places.valkey_socket}?virtual_host=0"


def cache_address(places: Places) -> str:
    """Return the address of the embedded cache: the broker's server, another of its databases."""
    return f"unix://{places.valkey_socket}?db=1"


def hold(path: Path, *, fsync: bool = True) -> Held:
    """Return a hold on the servers of the home at `path`, which run and answer by then."""
    places = home.home_prepare(path)
    try:
        lock = (places.locks / "users").open("a")
    except OSError as error:
        raise os_error_to_problem(error, "locking the data folder", home=path) from error
    held = Held(places, lock, fsync)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        held.ensure()
    except BaseException as error:
        lock.close()
        if isinstance(error, OSError):
            raise os_error_to_problem(error, "starting the servers", home=path) from error
        raise
    return Held(home.places_for(path), lock, fsync)


@contextmanager
def held_for_command(arguments: list[str]) -> Iterator[None]:
    """Hold the embedded servers while a manage.py command runs that needs them."""
    command = arguments[1] if len(arguments) > 1 else ""
    asks_for_help = {"-h", "--help"} & set(arguments)
    if command in COMMANDS_WITHOUT_SERVERS or asks_for_help or not is_embedded():
        yield
        return
    held = hold(home.home_path())
    try:
        yield
    finally:
        held.release()


def _start_keeper(places: Places, *, fsync: bool) -> None:
    command = [sys.executable, "-m", "config.keeper", str(places.home), *([] if fsync else ["--no-fsync"])]
    with (places.logs / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=home.REPOSITORY,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(home.REPOSITORY)},
        )
    _started.append(keeper)
    assert keeper.stdout is not None
    with keeper.stdout as answer:
        readable, _, _ = select.select([answer], [], [], START_SECONDS)
        line = answer.readline() if readable else b""
    message = json.loads(line) if line else {"error": f"The servers did not start. See {places.logs}.", "exit_code": 69}
    if message.get("ready"):
        return
    keeper.wait(LET_GO_SECONDS)  # its lock goes with it: who tries next must not take it for alive
    kind = HomeProblem if message["exit_code"] == HomeProblem.exit_code else ServerProblem
    raise kind(message["error"])


def _keeper_alive(places: Places) -> bool:
    """Tell whether a keeper holds its lock."""
    return not _try_lock(places.locks / "keeper", fcntl.LOCK_EX)


def _can_share(places: Places) -> bool:
    """Tell whether the users' lock can be shared: false while a keeper stops its servers."""
    return _try_lock(places.locks / "users", fcntl.LOCK_SH)


def _try_lock(path: Path, kind: int) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
