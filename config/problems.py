"""What can go wrong before Django runs, as messages for people instead of tracebacks."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXIT_UNAVAILABLE = 69
EXIT_CANNOT_CREATE = 73
EXIT_BAD_SETTING = 78


class Problem(Exception):
    """A condition the operator can mend: its text is the whole message."""

    exit_code = EXIT_UNAVAILABLE


class BadSetting(Problem):
    """An environment variable or file with a value that cannot be used."""

    exit_code = EXIT_BAD_SETTING


class HomeProblem(Problem):
    """HYDRASCOPE_HOME cannot be made, read or written."""

    exit_code = EXIT_CANNOT_CREATE


class ServerProblem(Problem):
    """A server did not start, or stopped."""


def os_error_to_problem(error: OSError, doing: str, *, home: Path) -> Problem:
    """Return the problem that says in words why `doing` failed; it names the data folder where the error names no file."""
    path = error.filename or home
    if error.errno == errno.ENOSPC:
        return HomeProblem(
            f"The disk is full: no room at {path} ({doing}). Free some space, or set HYDRASCOPE_HOME to a disk that has it."
        )
    if error.errno == errno.EDQUOT:
        return HomeProblem(
            f"The disk quota is used up: no room at {path} ({doing}). Free some space, or set HYDRASCOPE_HOME elsewhere."
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return HomeProblem(
            f"No right to use {path} ({doing}) as user {os.geteuid()}. "
            "Run as its owner, mend its rights, or set HYDRASCOPE_HOME to a folder of your own."
        )
    if error.errno == errno.EROFS:
        return HomeProblem(
            f"Read-only file system: {path} ({doing}). Set HYDRASCOPE_HOME to a folder that can be written."
        )
    return HomeProblem(
        f"{doing[:1].upper()}{doing[1:]} failed at {path}: {error.strerror or error}. Set HYDRASCOPE_HOME to another folder if need be."
    )


@contextmanager
def exit_with_message() -> Iterator[None]:
    """Turn a problem inside the block into one message on standard error and its exit code."""
    try:
        yield
    except Problem as problem:
        sys.stdout.flush()
        print(f"hydrascope: {problem}", file=sys.stderr, flush=True)
        raise SystemExit(problem.exit_code) from None
