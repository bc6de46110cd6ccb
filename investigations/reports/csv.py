"""A table as CSV (RFC 4180, UTF-8): six head rows, the columns' names, then the data, guarded against formulas."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

from investigations.reports.guard import text_guard
from investigations.reports.table import PROGRESS_EVERY, Cell, Head, Progress, Sheet, time_text

HEAD_ROWS = 6


def csv_write(path: Path, head: Head, sheet: Sheet, *, progress: Progress = lambda n: None) -> int:
    """Writes the sheet into an existing or new file, row by row; returns how many data rows it holds."""
    n = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        # every text is quoted: a separator inside of one must not start another cell, whatever the reader's locale
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        writer.writerows([f"# {name}", text_guard(text)] for name, text in head.lines())
        writer.writerow([column.name for column in sheet.columns])
        for row in sheet.rows:
            writer.writerow([_cell(value) for value in row])
            n += 1
            if n % PROGRESS_EVERY == 0:
                progress(n)
    progress(n)
    return n


def _cell(value: Cell) -> str | int | float:
    """Real numbers stay as they are, by type; all else becomes guarded text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return time_text(value)
    return text_guard(value)
