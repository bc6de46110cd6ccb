"""What the lists of cases, verdicts and exports share: numbered pages, sorts, filters from a query string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from core.errors import InvalidInput
from core.public_ids import public_id_to_number
from investigations.selectors.shapes import Page

PAGE_LIMIT = 200


def page_of(rows: QuerySet[Any], *, n_total: int, page: int, size: int) -> Page[Any]:
    """A numbered page of model rows; pages outside of the list are refused, the first page never is. Two queries."""
    if not 1 <= size <= PAGE_LIMIT:
        raise InvalidInput(f"A page holds 1 to {PAGE_LIMIT} rows, not {size}.", fields={"size": ["Out of range."]})
    n_matching = rows.count()
    last = max(1, -(-n_matching // size))
    if page < 1 or page > last:
        raise InvalidInput(
            f"There is no page {page}: the last one is {last}.",
            code="bad_page",
            what_to_do="Start from the first page.",
            fields={"page": [f"1 to {last}."]},
        )
    start = (page - 1) * size
    items = tuple(rows[start : start + size])
    return Page(items, n_matching, n_total, page, size, None, None)


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
