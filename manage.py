#!/usr/bin/env python
"""Django's command line; holds the embedded servers while a command runs that needs them."""

from __future__ import annotations

import os
import sys

from config.embedded import held_for_command
from config.problems import exit_with_message


def main() -> None:
    """Run the command of the arguments."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with exit_with_message(), held_for_command(sys.argv):
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
