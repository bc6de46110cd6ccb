"""Reading JSON bodies strictly: bounded, UTF-8, no NUL or lone surrogate anywhere, no key twice, no NaN."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_BYTES = 2_000_000  # a verdict with 25,000 standings fits


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"A body may have {MAX_BYTES:,} bytes at most."


class StrictJSONParser(BaseParser):
    """Parses `application/json`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise TooLarge
        try:
            value = json.loads(
                raw.decode("utf-8"), object_pairs_hook=_object_without_twins, parse_constant=_refuse_constant
            )
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8: byte {error.start} can't be read.") from error
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}.") from error
        check_text(value)
        return value


def check_text(value: Any) -> None:
    """Raises ParseError when a string inside holds a NUL character or half of a surrogate pair."""
    if isinstance(value, str):
        if "\0" in value:
            raise ParseError("A text holds a NUL character.")
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise ParseError("A text holds half of a surrogate pair, which is no character.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            check_text(key)
            check_text(inner)
    elif isinstance(value, list):
        for inner in value:
            check_text(inner)


def _object_without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
