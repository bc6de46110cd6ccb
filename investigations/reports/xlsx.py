"""Tables as an Excel workbook: a sheet about the export, then the data, more sheets where one is full."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from investigations.reports.table import PROGRESS_EVERY, Cell, Column, Head, Progress, Sheet

SHEET_ROWS = 1_048_576  # Excel's limit, the row of names included
TEXT_LENGTH = 32_767  # Excel's limit of a cell
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
    "remove_timezone": True,
}


def xlsx_write(
    path: Path,
    head: Head,
    sheets: Iterable[Sheet],
    *,
    progress: Progress = lambda n: None,
    sheet_rows: int = SHEET_ROWS,
) -> int:
    """Writes the workbook row by row, in memory that doesn't grow; returns how many data rows it holds.

    Texts are written as texts, by type, so that none can be a formula.
    """
    sheets = list(sheets)
    with xlsxwriter.Workbook(str(path), {**OPTIONS, "tmpdir": str(path.parent)}) as book:
        book.set_properties({"title": head.title, "author": head.made_by, "created": _plain_time(head.made_at)})
        looks = _Looks(
            head=book.add_format({"bold": True, "bottom": 1}),
            label=book.add_format({"bold": True, "valign": "top"}),
            wrap=book.add_format({"text_wrap": True, "valign": "top"}),
            time=book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        )
        _about(book, head, sheets, looks)
        n = 0
        for sheet in sheets:
            n = _data(book, sheet, looks, n, progress, sheet_rows)
    progress(n)
    return n


@dataclass(frozen=True)
class _Looks:
    head: Any
    label: Any
    wrap: Any
    time: Any


def _about(book: Any, head: Head, sheets: list[Sheet], looks: _Looks) -> None:
    page = book.add_worksheet("about")
    page.set_column(0, 0, 24)
    page.set_column(1, 1, 100)
    at = 0
    for name, text in head.lines():
        page.write_string(at, 0, name, looks.label)
        page.write_string(at, 1, text[:TEXT_LENGTH], looks.wrap)
        at += 1
    for sheet in sheets:
        at += 1
        page.write_string(at, 0, f"columns of {sheet.name}", looks.head)
        page.write_string(at, 1, "meaning", looks.head)
        at += 1
        for column in sheet.columns:
            page.write_string(at, 0, column.name, looks.label)
            page.write_string(at, 1, column.meaning, looks.wrap)
            at += 1


def _data(book: Any, sheet: Sheet, looks: _Looks, n: int, progress: Progress, sheet_rows: int) -> int:
    page, part, at = _page(book, sheet.name, 1, sheet.columns, looks), 1, 1
    for row in sheet.rows:
        if at == sheet_rows:
            page.autofilter(0, 0, at - 1, len(sheet.columns) - 1)
            part, at = part + 1, 1
            page = _page(book, sheet.name, part, sheet.columns, looks)
        for i, value in enumerate(row):
            _write(page, at, i, value, looks)
        at, n = at + 1, n + 1
        if n % PROGRESS_EVERY == 0:
            progress(n)
    page.autofilter(0, 0, max(1, at - 1), len(sheet.columns) - 1)
    return n


def _page(book: Any, name: str, part: int, columns: tuple[Column, ...], looks: _Looks) -> Any:
    page = book.add_worksheet(name if part == 1 else f"{name} {part}")
    for i, column in enumerate(columns):
        page.set_column(i, i, column.width)
        page.write_string(0, i, column.name, looks.head)
    page.freeze_panes(1, 1)
    return page


def _write(page: Any, at: int, i: int, value: Cell, looks: _Looks) -> None:
    if value is None or value == "":
        return
    if isinstance(value, bool):
        page.write_boolean(at, i, value)
    elif isinstance(value, int | float):
        page.write_number(at, i, value)
    elif isinstance(value, datetime):
        page.write_datetime(at, i, _plain_time(value), looks.time)
    else:
        page.write_string(at, i, value[:TEXT_LENGTH])


def _plain_time(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
