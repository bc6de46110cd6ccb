#!/usr/bin/env python
"""Django's command line; holds the embedded servers while a command runs that needs them."""

from __future__ import annotations

import os
import sys

from config.embedded import held_for_command
from config.problems import ServerProblem, exit_with_message


def main() -> None:
    """Run the command of the arguments."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with exit_with_message(), held_for_command(sys.argv):
        from django.core.management import execute_from_command_line
        from django.db import InterfaceError, OperationalError

        from core.disk import is_disk_full

        try:
            execute_from_command_line(arguments_for_django(sys.argv))
        except (OperationalError, InterfaceError) as error:
            reason = str(error).strip().partition("\n")[0]
            if is_disk_full(error):
                raise ServerProblem(
                    f"The disk of the database is full: {reason}. What was finished before stays, nothing half-done is "
                    "visible. Free some space, then start the command again: it goes on from there."
                ) from error
            raise ServerProblem(
                f"The database does not answer: {reason}. What was finished before stays, nothing half-done is "
                "visible. See that it runs, then start the command again: it goes on from there."
            ) from error


def arguments_for_django(arguments: list[str]) -> list[str]:
    """Return the arguments with `link --settings FILE`, a run's settings, under a name that Django leaves alone."""
    if arguments[1:2] != ["link"]:
        return arguments
    return [f"--run-{a[2:]}" if a == "--settings" or a.startswith("--settings=") else a for a in arguments]


if __name__ == "__main__":
    main()
