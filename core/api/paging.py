"""Lists: `{"items": […], "next": cursor or null}` by keyset, so that a page costs the same wherever it lies.

A cursor is sealed (opaque, tamper-proof) and tied to the address, the filters and the order that it was made for.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.parsing import check_text
from core.api.problems import InvalidFields, field_errors
from core.errors import InvalidInput
from core.keys import KeyringError, blob_seal, blob_unseal

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
MAX_CURSOR = 1000
_PURPOSE = "api.cursor"


@dataclass(frozen=True)
class Order:
    """Columns that sort a list, `-` before those that fall. The last one is unique; none may be null."""

    columns: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(c.removeprefix("-") for c in self.columns)


class ListFilters(serializers.Serializer[Any]):
    """Query parameters of a list. Subclasses add filters; a parameter that nobody declared is refused."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="Items a page.")
    cursor = serializers.CharField(
        max_length=MAX_CURSOR,
        required=False,
        help_text="`next` of the page before; the filters must stay the same.",
    )
    total = serializers.ChoiceField(
        choices=["0", "1"], default="0", help_text="1 counts all items that pass the filters."
    )

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """The validated parameters; InvalidFields names each bad one."""
        fields = cls().fields
        errors = [_bad(n, "unknown_parameter", cls._known()) for n in request.query_params if n not in fields]
        errors += [
            _bad(name, "repeated", "This parameter may stand only once.")
            for name, values in request.query_params.lists()
            if len(values) > 1 and not isinstance(fields.get(name), serializers.ListField)
        ]
        for name, value in request.query_params.items():
            check_text([name, value])
        many = {n for n, f in fields.items() if isinstance(f, serializers.ListField)}
        given = {n: request.query_params.getlist(n) if n in many else v for n, v in request.query_params.items()}
        filters = cls(data=given)
        if not filters.is_valid():
            errors += [_bad(e["pointer"].split("/")[1], e["code"], e["detail"]) for e in field_errors(filters.errors)]
        if errors:
            raise InvalidFields(errors)
        return dict(filters.validated_data)

    @classmethod
    def _known(cls) -> str:
        return f"There is no such parameter. Parameters: {', '.join(cls().fields)}."


def page_response(
    request: Request,
    rows: QuerySet[Any],
    *,
    order: Order,
    filters: dict[str, Any],
    show: Callable[[Sequence[Any]], Any],
) -> Response:
    """One page of `rows`; `show` turns its rows into output. One query, and one more for `total=1`."""
    limit, bound = filters["limit"], _bound(request, filters, order)
    ordered = rows.order_by(*order.columns)
    if filters.get("cursor"):
        ordered = ordered.filter(_after(order, _cursor_open(filters["cursor"], bound)))
    found = list(ordered[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    following = _cursor_make(found[-1], order, bound) if more else None
    total = rows.order_by().count() if filters["total"] == "1" else None
    return items_response(show(found), following=following, total=total)


def items_response(items: Any, *, following: str | None, total: int | None = None, **extra: Any) -> Response:
    """The envelope of a list."""
    body = {"items": items, "next": following} | extra
    return Response(body if total is None else body | {"total": total})


def inner_cursor(request: Request, filters: dict[str, Any]) -> str:
    """The selector's own cursor inside the one that the caller sent; empty without one."""
    return str(_cursor_open(filters["cursor"], _bound(request, filters))[0]) if filters.get("cursor") else ""


def outer_cursor(request: Request, filters: dict[str, Any], inner: str | None) -> str | None:
    """A selector's cursor, sealed and tied to the address and the filters."""
    return _cursor_seal([inner], _bound(request, filters)) if inner else None


def _bound(request: Request, filters: dict[str, Any], order: Order | None = None) -> str:
    """A digest of what the cursor belongs to."""
    own = {k: str(v) for k, v in filters.items() if k not in ("cursor", "limit", "total")}
    text = json.dumps([request.path, order.columns if order else (), own], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _cursor_make(row: Model, order: Order, bound: str) -> str:
    return _cursor_seal([_value_of(row, key) for key in order.keys], bound)


def _cursor_seal(values: list[Any], bound: str) -> str:
    raw = json.dumps([bound, values], separators=(",", ":")).encode("utf-8")
    return base64.urlsafe_b64encode(blob_seal(raw, purpose=_PURPOSE)).decode("ascii").rstrip("=")


def _cursor_open(cursor: str, bound: str) -> list[Any]:
    try:
        sealed = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        was_bound, values = json.loads(blob_unseal(sealed, purpose=_PURPOSE))
    except (ValueError, KeyringError) as error:
        raise InvalidInput("This cursor is not one of ours.", code="bad_cursor", what_to_do=_AGAIN) from error
    if was_bound != bound:
        raise InvalidInput(
            "This cursor belongs to another list, order or filter.", code="bad_cursor", what_to_do=_AGAIN
        )
    return [datetime.datetime.fromisoformat(v["at"]) if isinstance(v, dict) else v for v in values]


_AGAIN = "Begin again without a cursor, and keep the other parameters the same from page to page."


def _value_of(row: Any, key: str) -> Any:
    value = row
    for part in key.split("__"):
        value = value.pk if part == "pk" else getattr(value, part)
    return {"at": value.isoformat()} if isinstance(value, datetime.datetime) else value


def _after(order: Order, values: list[Any]) -> Q:
    """The rows behind these values: (a, b) after (x, y) is a after x, or a = x and b after y."""
    condition, equal = Q(), Q()
    for column, value in zip(order.columns, values, strict=True):
        key = column.removeprefix("-")
        condition |= equal & Q(**{f"{key}__{'lt' if column.startswith('-') else 'gt'}": value})
        equal &= Q(**{key: value})
    return condition


def _bad(name: str, code: str, detail: str) -> dict[str, str]:
    return {"parameter": name[:80], "detail": detail, "code": code}
