"""What servers of an earlier keeper left running, and how it is stopped before new ones start on the same data."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

STOP_SECONDS = 8
POLL_SECONDS = 0.02


def leftover_stop(pid_file: Path, mark: str, sequence: tuple[signal.Signals, ...]) -> None:
    """Stop the server that an earlier keeper left running, and remove its pid file; a reused pid is let be."""
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        pid = 0
    if pid > 1 and mark in process_command(pid):
        for sent in sequence:
            os.kill(pid, sent)
            if _gone(pid, mark):
                break
    pid_file.unlink(missing_ok=True)


def orphans_stop(folder: Path, mark: str, sequence: tuple[signal.Signals, ...]) -> None:
    """Stop the processes of a dead server that work in its data folder: a busy one goes on for as long as its query.

    PostgreSQL refuses to start beside them. Where there is no /proc they are let be, and it says so.
    """
    for pid in _working_in(folder, mark):
        for sent in sequence:
            with suppress(ProcessLookupError):
                os.kill(pid, sent)
            if _gone(pid, mark):
                break


def _working_in(folder: Path, mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cwd").readlink() == folder.resolve() and process_command(int(entry.name)).startswith(mark):
                found.append(int(entry.name))
    return found


def _gone(pid: int, mark: str) -> bool:
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if mark not in process_command(pid):
            return True
        time.sleep(POLL_SECONDS)
    return False


def process_command(pid: int) -> str:
    """Return the command line of a running process, or an empty string."""
    if not Path("/proc/self").exists():
        command = ["ps", "-o", "command=", "-p", str(pid)]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
