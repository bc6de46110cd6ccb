"""The reference of commands says what the commands say, and leaves none out."""

from __future__ import annotations

import re

import pytest

from scripts.command_reference import REFERENCE, command_names, make_targets, reference_text


def test_it_is_what_the_commands_say() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference_text(), "run make reference and read what changed"


@pytest.mark.parametrize("name", command_names())
def test_it_documents_every_command(name: str) -> None:
    assert re.search(rf"^### {name}\n\n\S.+\n", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)


def test_it_documents_every_target() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert [name for name, _ in make_targets() if f"| `make {name}` |" not in text] == []


def test_every_argument_says_what_it_means() -> None:
    rows = re.findall(r"^\| `(.+)\|(.*)\|$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [row for row, means in rows if not means.strip()] == []
