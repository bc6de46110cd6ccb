"""Pages of lists, by number for people and by opaque cursor for programs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from core.errors import InvalidInput
from investigations.selectors.shapes.page import Page

T = TypeVar("T")
MAX_SIZE = 500
MAX_OFFSET = 100_000_000


def page_start(*, page: int, size: int, cursor: str, scope: str = "") -> tuple[int, int]:
    """(offset, size) of a page; InvalidInput for bad numbers, and for a cursor of another list than `scope`."""
    if not 1 <= size <= MAX_SIZE:
        raise _invalid("size", f"A page has from 1 to {MAX_SIZE} rows, not {size}.")
    if cursor:
        return _cursor_read(cursor, scope), size
    if page < 1 or (page - 1) * size > MAX_OFFSET:
        raise _invalid("page", f"There is no page {page}.")
    return (page - 1) * size, size


def page_of(
    rows: Sequence[Any],
    make: Callable[[Any], T],
    *,
    offset: int,
    size: int,
    n_matching: int,
    n_total: int | None = None,
    scope: str = "",
) -> Page[T]:
    """The page that starts at `offset`, with the cursors of its neighbours."""
    after, before = offset + len(rows), max(offset - size, 0)
    return Page(
        items=tuple(make(row) for row in rows),
        n_matching=n_matching,
        n_total=n_matching if n_total is None else n_total,
        number=offset // size + 1,
        size=size,
        next=_cursor_write(after, scope) if rows and after < n_matching else None,
        previous=_cursor_write(before, scope) if offset > 0 else None,
    )


def cursor_scope(cursor: str) -> str:
    """What the cursor is tied to, e.g. the run whose list it pages through; empty for an empty one."""
    return _decoded(cursor)[0] if cursor else ""


def _cursor_write(offset: int, scope: str) -> str:
    return base64.urlsafe_b64encode(f"{scope}@{offset}".encode()).decode().rstrip("=")


def _cursor_read(cursor: str, scope: str) -> int:
    found, offset = _decoded(cursor)
    if found != scope:
        raise _bad_cursor()
    return offset


def _decoded(cursor: str) -> tuple[str, int]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    scope, separator, offset = text.rpartition("@")
    if not separator or not offset.isascii() or not offset.isdigit() or int(offset) > MAX_OFFSET:
        raise _bad_cursor()
    return scope, int(offset)


def _bad_cursor() -> InvalidInput:
    return InvalidInput(
        "The cursor does not belong to this list.",
        code="bad_cursor",
        what_to_do="Start again without a cursor, and use the cursors of the answers as they are.",
        fields={"cursor": ["Not a cursor of this list."]},
    )


def _invalid(name: str, message: str) -> InvalidInput:
    return InvalidInput(message, code="bad_page", fields={name: [message]})
