"""What the lists of cases, verdicts and exports share: numbered pages, sorts, filters from a query string."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import QuerySet

from core.errors import InvalidInput
from core.public_ids import public_id_to_number
from investigations.selectors.paging import page_of, page_start
from investigations.selectors.shapes.page import Page

T = TypeVar("T")


def page_read(
    rows: QuerySet[Any], make: Callable[[Any], T], *, n_total: int, page: int, size: int, cursor: str, scope: str
) -> Page[T]:
    """A page of rows, by number or cursor; the cursor is tied to the list and its filters (`scope`). Two queries."""
    tied = hashlib.sha256(scope.encode()).hexdigest()[:12]
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=tied)
    found = list(rows[offset : offset + size])
    return page_of(found, make, offset=offset, size=size, n_matching=rows.count(), n_total=n_total, scope=tied)


def order_of(sort: str, sorts: Mapping[str, str]) -> tuple[str, str]:
    """The order of a sort's name, `-` for descending, ties by id."""
    name = sort.removeprefix("-")
    if name not in sorts:
        raise InvalidInput(
            f"There is no sort “{name[:40]}”.",
            code="bad_sort",
            what_to_do=f"Sort by one of: {', '.join(sorted(sorts))}.",
            fields={"sort": ["Unknown."]},
        )
    sign = "-" if sort.startswith("-") else ""
    return f"{sign}{sorts[name]}", f"{sign}id"


def known_id(value: str, prefix: str) -> int:
    """The number of a public id given as a filter; InvalidInput when it is none."""
    try:
        return public_id_to_number(value, prefix)
    except ValueError as error:
        raise InvalidInput(
            f"“{value[:40]}” is no id of the form {prefix}_…", fields={"filter": [str(error)]}
        ) from error


def check_names(params: Mapping[str, Any], shape: type[Any]) -> None:
    """Refuses a filter that doesn't exist: a misspelt one would silently show everything."""
    known = {*shape.__dataclass_fields__, "page", "size", "cursor", "dataset"}
    unknown = sorted(set(params) - known)
    if unknown:
        raise InvalidInput(
            f"There is no filter “{unknown[0][:40]}”.",
            code="bad_filter",
            what_to_do=f"Filters: {', '.join(shape.__dataclass_fields__)}.",
            fields={name[:40]: ["Unknown filter."] for name in unknown},
        )


def words_of(params: Mapping[str, Any], name: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """The values of a filter that may be repeated, in one order; an unknown one is refused."""
    given = params.getlist(name) if hasattr(params, "getlist") else params.get(name)
    parts = [given] if isinstance(given, str) else list(given or ())
    words = {word.strip() for part in parts for word in str(part).split(",") if word.strip()}
    wrong = sorted(words - set(allowed))
    if wrong:
        raise InvalidInput(
            f"“{wrong[0][:40]}” is no value of {name}.",
            code="bad_filter",
            what_to_do=f"Values: {', '.join(allowed)}.",
            fields={name: ["Unknown value."]},
        )
    return tuple(sorted(words))


def flag_of(params: Mapping[str, Any], name: str) -> bool:
    """A yes-or-no filter: 1, true, on, yes."""
    return str(params.get(name) or "").lower() in ("1", "true", "on", "yes")


def text_of(params: Mapping[str, Any], name: str) -> str:
    """A search text, at most 200 characters, without what PostgreSQL can't compare."""
    text = str(params.get(name) or "").strip()
    if len(text) > 200 or "\x00" in text or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise InvalidInput(
            "The search text is longer than 200 characters or holds what is no character.",
            code="bad_filter",
            fields={name: ["At most 200 characters."]},
        )
    return text
