"""Pages hold no inline script, style or handler: the content security policy would refuse them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.settings import ROOT

TEMPLATES = sorted(
    file
    for folder in (ROOT / "templates", *ROOT.glob("*/templates"), *ROOT.glob("*/*/templates"))
    for file in folder.rglob("*.html")
    if ".venv" not in file.parts
)
COMMENTS = re.compile(r"{#.*?#}|{%\s*comment.*?endcomment\s*%}|{%.*?%}|{{.*?}}", re.DOTALL)
DATA_TYPES = {"application/json", "importmap/none"}


class Finder(HTMLParser):
    """Collects what the policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        given = dict(attrs)
        where = f"line {self.getpos()[0]}"
        if tag == "style":
            self.found.append(f"{where}: <style>")
        if tag == "script" and "src" not in given and given.get("type") not in DATA_TYPES:
            self.found.append(f"{where}: inline <script>")
        self.found += [
            f"{where}: {name}" for name in given if re.fullmatch(r"on[a-z]+", name) or name.startswith("hx-on")
        ]
        if (given.get("href") or "").strip().lower().startswith("javascript:"):
            self.found.append(f"{where}: javascript: address")


def inline_parts(source: str) -> list[str]:
    """Return what the policy would refuse in a template."""
    finder = Finder()
    finder.feed(COMMENTS.sub(lambda match: "x" + "\n" * match[0].count("\n"), source))
    return finder.found


def test_it_has_templates() -> None:
    assert TEMPLATES


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: str(file.relative_to(ROOT)))
def test_it_has_no_inline_script_style_or_handler(file: Path) -> None:
    assert inline_parts(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ["<script>1</script>", "<style>a{}</style>", '<a onclick="x()">', '<a href="javascript:x">', '<b hx-on:click="x">'],
)
def test_it_would_find_them(source: str) -> None:
    assert inline_parts(source)


def test_it_lets_data_and_files_pass() -> None:
    assert inline_parts('<script type="application/json">{}</script><script type="module" src="/a.js"></script>') == []
