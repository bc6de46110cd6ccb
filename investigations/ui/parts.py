"""What components are given: small frozen dataclasses, and the links that change one part of the view in the URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.http import QueryDict

PAGE_SIZE = 50


@dataclass(frozen=True)
class Link:
    """A tab, a filter or a crumb."""

    label: str
    href: str = ""
    current: bool = False
    count: int | None = None


@dataclass(frozen=True)
class Action:
    text: str
    href: str = ""
    main: bool = False
    value: str = ""


@dataclass(frozen=True)
class SelectionAction:
    """What can be done with the chosen rows; `exactly` so many of them, when it is not 0."""

    text: str
    value: str = ""
    main: bool = False
    exactly: int = 0


@dataclass(frozen=True)
class Fact:
    """A figure or word with its name; `at` is a time shown instead of the value, `copies` says what a press copies."""

    label: str
    value: object = ""
    note: str = ""
    title: str = ""
    at: datetime | None = None
    copies: str = ""
    is_mono: bool = False


@dataclass(frozen=True)
class Step:
    """A step of a run or import: state is waiting, running, done, failed or cancelled."""

    label: str
    state: str
    percent: float = 0
    count: str = ""
    time: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table. `direction` is ascending or descending where the table is sorted by it; `shown_from` is
    m or l where panels narrower than that leave the column out."""

    label: str
    key: str = ""
    numeric: bool = False
    title: str = ""
    href: str = ""
    direction: str = ""
    shown_from: str = ""


@dataclass(frozen=True)
class Paging:
    """Rows `first` to `last` of `total`, counted from one."""

    first: int
    last: int
    total: int
    previous_href: str = ""
    next_href: str = ""


def changed(query: QueryDict, **parts: str | int | None) -> str:
    """The present address with these parameters changed; None takes one away. Paging starts over unless it is given."""
    new = query.copy()
    new.pop("page", None)
    for key, value in parts.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = str(value)
    return f"?{new.urlencode()}"


def sorted_columns(columns: Sequence[Column], query: QueryDict, *, sort: str) -> list[Column]:
    """The columns with links that sort by them; a second press turns the direction. Numbers begin with the largest."""
    made = []
    for column in columns:
        if not column.key:
            made.append(column)
            continue
        is_current = sort.lstrip("-") == column.key
        is_descending = is_current and sort.startswith("-")
        first = f"-{column.key}" if column.numeric else column.key
        turned = column.key if is_descending else f"-{column.key}"
        direction = ("descending" if is_descending else "ascending") if is_current else ""
        href = changed(query, sort=turned if is_current else first)
        made.append(replace(column, href=href, direction=direction))
    return made


def paging_for(query: QueryDict, *, page: int, total: int, size: int = PAGE_SIZE) -> Paging:
    """Where a page stands in the whole, with links to its neighbours."""
    first = (page - 1) * size
    last = min(first + size, total)
    return Paging(
        first=first + 1 if total else 0,
        last=last,
        total=total,
        previous_href=changed(query, page=page - 1) if page > 1 else "",
        next_href=changed(query, page=page + 1) if last < total else "",
    )


def page_number(query: QueryDict) -> int:
    """The page asked for; the first for anything that is not a positive number."""
    text = query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 8 else 1
