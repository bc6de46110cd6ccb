"""Write docs/reference/commands.md: every command of manage.py that is ours, and every target of the Makefile.

.venv/bin/python scripts/command_reference.py
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference" / "commands.md"
APPS = ("core", "staff", "accounts", "investigations")
HEAD = """# Commands

Written by `make reference` from the commands themselves; a test compares them.

## make

A variable goes behind the target: `make run PORT=8080`. `make` alone lists the targets.

{targets}

## manage.py

`.venv/bin/python manage.py COMMAND`, from the repository. A command uses the servers of the running console, or starts
PostgreSQL and Valkey for as long as it runs. `manage.py COMMAND --help` says the same as here; Django's own commands
(`migrate`, `check`, `shell` …) are there too.

{commands}"""


def reference_text() -> str:
    """Return the whole page."""
    rows = [f"| `make {name}` | {what} |" for name, what in make_targets()]
    sections = [section for name in command_names() for section in command_sections(name)]
    return HEAD.format(
        targets="\n".join(["| target | does |", "|---|---|", *rows]), commands="\n\n".join(sections) + "\n"
    )


def make_targets() -> list[tuple[str, str]]:
    """Return the Makefile's targets, each with its description."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.findall(r"^([a-z-]+):.*?## (.+)$", text, re.MULTILINE)


def command_names() -> list[str]:
    """Return the names of the commands that are ours, in alphabetical order."""
    files = (file for app in APPS for file in (ROOT / app / "management" / "commands").glob("*.py"))
    return sorted(file.stem for file in files if not file.stem.startswith("_") and file.stem != "migrate")


def command_sections(name: str) -> Iterator[str]:
    """Yield the command's section, and one for each of its actions."""
    from django.core.management import get_commands, load_command_class

    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    known = {action.dest for action in _base_parser()._actions}
    ours = [action for action in parser._actions if action.dest not in known]
    yield _section(f"### {name}", name, command.help, ours)
    for action in ours:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for verb, sub in action.choices.items():
                rest = [a for a in sub._actions if a.dest not in known]
                yield _section(f"#### {name} {verb}", f"{name} {verb}", _sentence(helps[verb]), rest)


def _base_parser() -> argparse.ArgumentParser:
    """Return a parser with Django's own options only."""
    from django.core.management.base import BaseCommand

    return BaseCommand().create_parser("manage.py", "base")


def _section(heading: str, name: str, what: str, actions: list[argparse.Action]) -> str:
    usage = " ".join(["manage.py", name, *(_usage(action) for action in actions)])
    rows = [f"| {_shown(a)} | {_what(a)} |" for a in actions if not isinstance(a, argparse._SubParsersAction)]
    table = ["", "| argument | means |", "|---|---|", *rows] if rows else []
    return "\n".join([heading, "", what, "", "```sh", usage, "```", *table])


def _usage(action: argparse.Action) -> str:
    if isinstance(action, argparse._SubParsersAction):
        return "|".join(action.choices)
    if not action.option_strings:
        return {"+": "{0}…", "?": "[{0}]", "*": "[{0}…]"}.get(str(action.nargs), "{0}").format(_value(action))
    text = f"{action.option_strings[-1]}{_value(action, ' ')}"
    return text if action.required else f"[{text}]"


def _value(action: argparse.Action, before: str = "") -> str:
    """Return how the value is written; nothing for a switch."""
    if action.nargs == 0:
        return ""
    more = "…" if action.option_strings and action.nargs in {"+", "*"} else ""
    return f"{before}{action.metavar or action.dest.upper()}{more}"


def _shown(action: argparse.Action) -> str:
    names = ", ".join(f"`{name}{_value(action, ' ')}`" for name in action.option_strings)
    return (names or f"`{_value(action)}`") + (" \\*" if action.required and action.option_strings else "")


def _what(action: argparse.Action) -> str:
    text = action.help or ""
    choices = f": {', '.join(f'`{choice}`' for choice in action.choices)}" if action.choices else ""
    is_said = "default" in text or "unless told" in text or f"({action.default})" in text
    has_default = action.nargs != 0 and action.default not in (None, "", [])
    default = f" (`{action.default}` unless told)" if has_default and not is_said else ""
    return f"{text}{choices}{default}".strip(": ").replace("|", "\\|")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def main() -> int:
    """Write the page."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    REFERENCE.write_text(reference_text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
