"""Every variable that the product reads is in the reference, and the reference names no other."""

from __future__ import annotations

import ast
import re

from tests.settings import ROOT

REFERENCE = ROOT / "docs" / "reference" / "settings.md"
READERS = {"text", "boolean", "integer", "choice", "words", "secret", "path", "http_address"}
SOURCES = [
    file for app in ("config", "core", "staff", "accounts", "investigations") for file in (ROOT / app).rglob("*.py")
]


def variables_read() -> set[str]:
    """Return the names given to config.env's readers anywhere in the product."""
    found = set()
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            name = node.args[0].value
            if called in READERS and isinstance(name, str) and re.fullmatch(r"[A-Z][A-Z_]{2,}", name):
                found.add(name)
    return found


def variables_documented() -> set[str]:
    """Return the names in the first column of the reference's tables."""
    rows = re.findall(r"^\| `([A-Z_]+)`", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(set(rows)), "a setting is listed twice"
    return set(rows)


def test_it_documents_every_setting_and_no_other() -> None:
    assert variables_documented() == variables_read()


def test_it_reads_variables_through_the_typed_readers_only() -> None:
    allowed = {ROOT / "config" / name for name in ("env.py", "servers.py", "embedded.py", "supervisor.py", "keeper.py")}
    wrong = re.compile(r"os\.environ(\.get\(|\[)(?!.*DJANGO_SETTINGS_MODULE)|os\.getenv")
    offenders = [
        str(f.relative_to(ROOT)) for f in SOURCES if f not in allowed and wrong.search(f.read_text(encoding="utf-8"))
    ]
    assert offenders == []
