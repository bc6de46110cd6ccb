"""ETag and If-Match (RFC 9110, RFC 6585): a change names the revision that it was made from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from rest_framework.request import Request

from core.errors import AppError

F = TypeVar("F", bound=Callable[..., Any])
_TAG = re.compile(r'^"([1-9][0-9]{0,8})"$')


class PreconditionRequired(AppError):
    code, title, status = "precondition_required", "The change must name the revision it is made from", 428


class PreconditionFailed(AppError):
    code, title, status = "revision_mismatch", "Somebody changed it meanwhile", 412


def etag(revision: int) -> str:
    """The ETag of a revision."""
    return f'"{revision}"'


def needs_match(method: F) -> F:
    """Marks a method that asks for If-Match, for the schema; it reads the header by `expected_revision`."""
    method.needs_match = True  # type: ignore[attr-defined]
    return method


def expected_revision(request: Request) -> int:
    """The revision in If-Match; 428 without one, 412 for a tag that no revision can have."""
    header = request.headers.get("If-Match", "").strip()
    if not header:
        raise PreconditionRequired("If-Match is missing.", what_to_do="Read it first and send its ETag as If-Match.")
    match = _TAG.match(header)
    if match is None:
        raise PreconditionFailed(
            f"If-Match {header[:40]} is no revision of this.", what_to_do="Send the ETag of the last read."
        )
    return int(match.group(1))
