"""Addresses by name, empty where this console has no such page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.http import HttpResponse
from django.urls import NoReverseMatch, reverse

from investigations.reports.guard import text_guard


def address(name: str, *args: str) -> str:
    """The address of a page; empty when there is none of this name."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def csv_response(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A small table as a file to download, its texts guarded against formulas. Numbers stay numbers."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.write(_line(head))
    for row in rows:
        response.write(_line(row))
    return response


def _line(cells: Sequence[object]) -> str:
    return ",".join(_cell(cell) for cell in cells) + "\r\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = text_guard(value) if isinstance(value, str) else str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
