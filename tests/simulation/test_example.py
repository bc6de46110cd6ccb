"""The committed example is what its README's command makes."""

from __future__ import annotations

import gzip
import shlex
from pathlib import Path

from django.core.management import call_command

EXAMPLES = Path(__file__).parents[2] / "examples"


def contents(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_the_example_is_what_its_command_makes(tmp_path: Path) -> None:
    text = (EXAMPLES / "README.md").read_text().replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if "manage.py simulate" in line]
    options = shlex.split(line)[4:]
    call_command("simulate", str(tmp_path / "extract"), *options)
    committed = {path.name: contents(path) for path in (EXAMPLES / "extract").iterdir()}
    assert committed == {path.name: contents(path) for path in (tmp_path / "extract").iterdir()}


def test_the_example_is_small() -> None:
    assert sum(path.stat().st_size for path in (EXAMPLES / "extract").iterdir()) < 300_000
