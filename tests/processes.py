"""Help for tests that start, watch and kill real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.settings import ROOT


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment for the product on a home of the test's own, free of this test run's settings."""
    dropped = {"DJANGO_SETTINGS_MODULE", "DJANGO_ALLOW_ASYNC_UNSAFE", "MAKELEVEL"}
    dropped |= {"DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_URL", "CACHE_URL"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "HYDRASCOPE_HOME": str(home), "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def own_folder(name: str) -> Iterator[Path]:
    """Give a new folder that other users may enter: pytest's own are closed, and PostgreSQL may run as another user."""
    with tempfile.TemporaryDirectory(prefix=f"hydrascope-{name}-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def start(*arguments: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """Start Python with these arguments in the repository; its output, both streams, is to be read."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(*arguments: str, env: dict[str, str], seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments to its end."""
    return subprocess.run(
        [sys.executable, *arguments], check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=seconds
    )


def read_until(process: subprocess.Popen[str], mark: str) -> list[str]:
    """Return the lines up to the one with the mark; fail with all of them when the process ends first."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if mark in line:
            return lines
    raise AssertionError(f"ended (exit {process.wait()}) without {mark!r}:\n" + "\n".join(lines))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Return as soon as the condition holds; fail when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def processes_of(home: Path) -> dict[int, str]:
    """Return the living processes that belong to a home, by command line, working folder or environment."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if command and (str(home) in command or f"HYDRASCOPE_HOME={home}".encode() in variables):
            found[int(folder.name)] = command
    return found


def pid_of(home: Path, mark: str) -> int:
    """Return the process of a home whose command line holds the mark."""
    matching = [pid for pid, command in processes_of(home).items() if mark in command]
    assert matching, f"no {mark} among {processes_of(home)}"
    return min(matching)


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
