from __future__ import annotations

import re
from pathlib import Path

from django.apps import apps

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "columns.md"
OURS = ("core", "staff", "accounts", "investigations")


def _documented() -> dict[str, list[str]]:
    rows = (line.split("|") for line in PAGE.read_text().splitlines() if re.match(r"\| `\w+` \|", line))
    tables = ((cells[1], "".join(cells[2:6])) for cells in rows if len(cells) == 7)
    return {table.strip(" `"): re.findall(r"`(\w+)`", columns) for table, columns in tables}


def test_each_column_is_documented_once_as_clear_hashed_sealed_or_masked() -> None:
    models = (model for app in OURS for model in apps.get_app_config(app).get_models())
    actual = {model._meta.db_table: sorted(f.column for f in model._meta.concrete_fields) for model in models}
    assert {table: sorted(columns) for table, columns in _documented().items()} == actual
