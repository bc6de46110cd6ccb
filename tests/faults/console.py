"""A console of a test's own, started by its supervisor, whose parts are killed and which is started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from config import embedded, home
from config.servers import DATABASE, OWNER_ROLE
from tests.processes import environment, free_port, processes_of, wait_until
from tests.settings import ROOT

START_SECONDS = 180
COMMAND_SECONDS = 300
CONNECT_AGAIN_SECONDS = 90


class Console:
    """The console of one home: its processes by name, its commands, its database."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.log = folder / "console.log"
        self.env = environment(self.home, PORT=str(free_port()), DEMO="0")
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.commands: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start the supervisor; return once it has printed a sign-in link and its worker is there."""
        known = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "config.supervisor"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

        def is_up() -> bool:
            assert self.supervisor is not None
            assert self.supervisor.poll() is None, self.said()
            return "/auth/link/" in self.log.read_bytes()[known:].decode(errors="replace")

        wait_until(is_up, START_SECONDS)
        wait_until(lambda: bool(self._worker()), START_SECONDS)

    def stop(self) -> None:
        """Stop everything as Ctrl-C does, and make sure that nothing is left."""
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.supervisor.terminate()
            self.supervisor.wait(60)
        for process in self.commands:
            process.kill()
            with process:
                pass
        wait_until(lambda: not processes_of(self.home))

    def said(self) -> str:
        """The end of what the console printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def pids(self, part: str) -> list[int]:
        """The processes of a part: supervisor, keeper, worker (its main process and its pool), postgres, backend, valkey."""
        return PARTS[part](self)

    def kill(self, pid: int) -> None:
        """Kill one process of this console, and give it up to the kernel before returning."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if self.supervisor is not None and pid == self.supervisor.pid:
            self.supervisor.wait(30)

    def revive(self) -> None:
        """What the person at the console does after it died: start it again; its parts come back by themselves."""
        if self.supervisor is not None and self.supervisor.poll() is not None:
            wait_until(lambda: not self._python_parts(), 60)
            self.start()

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a manage.py command; it ends with the console at the latest."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.commands.append(process)
        return process

    def answer(self, *arguments: str) -> dict[str, Any]:
        """Run a manage.py command that prints JSON to its end, which must be a good one."""
        process = self.command(*arguments, "--json")
        said, complained = process.communicate(timeout=COMMAND_SECONDS)
        assert process.returncode == 0, f"{arguments} ended with {process.returncode}: {said}{complained}"
        answer: dict[str, Any] = json.loads(said)
        return answer

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows of the database, asked for anew while the server is away."""
        deadline = time.monotonic() + CONNECT_AGAIN_SECONDS
        while True:
            try:
                with psycopg.connect(self._address(), autocommit=True, connect_timeout=5) as connection:
                    return connection.execute(statement, values).fetchall()  # type: ignore[call-overload,no-any-return]
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def value(self, statement: str, values: tuple[Any, ...] = ()) -> Any:
        """The one value that a statement finds, or None."""
        found = self.rows(statement, values)
        return found[0][0] if found else None

    def _address(self) -> str:
        words = home.secrets_for(self.home)
        return embedded.database_address(home.places_for(self.home), OWNER_ROLE, words.postgres_owner, DATABASE)

    def _postmaster(self) -> list[int]:
        try:
            text = (home.places_for(self.home).postgres_data / "postmaster.pid").read_text()
            return [int(text.split()[0])]
        except (OSError, IndexError, ValueError):
            return []

    def _backends(self) -> list[int]:
        found = [pid for parent in self._postmaster() for pid in children_of(parent)]
        return [pid for pid in found if "postgres: hydrascope_app" in command_of(pid)]

    def _worker(self) -> list[int]:
        if self.supervisor is None:
            return []
        main = [pid for pid in children_of(self.supervisor.pid) if "config.celery --quiet worker" in command_of(pid)]
        return [*main, *(child for pid in main for child in children_of(pid))]

    def _python_parts(self) -> list[int]:
        """The supervisor's own children; the kernel ends them when it dies."""
        marks = ("gunicorn", "config.celery")
        return [pid for pid, command in processes_of(self.home).items() if any(mark in command for mark in marks)]

    def _named(self, mark: str) -> list[int]:
        return [pid for pid, command in processes_of(self.home).items() if mark in command]


PARTS: dict[str, Callable[[Console], list[int]]] = {
    "supervisor": lambda console: [console.supervisor.pid] if console.supervisor else [],
    "keeper": lambda console: console._named("config.keeper"),
    "worker": lambda console: console._worker(),
    "pool": lambda console: console._worker()[1:],
    "postgres": lambda console: console._postmaster(),
    "backend": lambda console: console._backends(),
    "valkey": lambda console: console._named("valkey-server"),
}


def children_of(pid: int) -> list[int]:
    """The living children of a process."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def command_of(pid: int) -> str:
    """The command line of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
