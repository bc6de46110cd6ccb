"""The OpenAPI document as a page: sections of operations with their parameters, fields and answers."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "patch", "delete")


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a body or an answer."""

    name: str
    kind: str
    is_required: bool
    text: SafeString


@dataclass(frozen=True)
class Answer:
    status: str
    text: SafeString


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    text: SafeString
    rights: tuple[str, ...]
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    result: tuple[Field, ...]
    answers: tuple[Answer, ...]
    curl: str


@dataclass(frozen=True)
class Section:
    name: str
    operations: tuple[Operation, ...]


@functools.lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI document of this version; made once a process, about a third of a second."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))


def sections(schema: dict[str, Any], *, site: str) -> tuple[Section, ...]:
    """The document's operations by tag, in the document's order; `site` stands in the examples."""
    found: dict[str, list[Operation]] = {}
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                operation = _operation(schema, path, method, item[method], site)
                found.setdefault(item[method]["tags"][0], []).append(operation)
    return tuple(Section(name.capitalize(), tuple(operations)) for name, operations in found.items())


def marked(text: str) -> SafeString:
    """A text of the document as HTML: `code` and **strong** are all the markup that it has."""
    safe = html.escape(" ".join(text.split()))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return mark_safe(re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", safe))


def _operation(schema: dict[str, Any], path: str, method: str, given: dict[str, Any], site: str) -> Operation:
    content = given.get("requestBody", {}).get("content", {}).get("application/json", {})
    success = next(answer for status, answer in given["responses"].items() if status.startswith("2"))
    result = success.get("content", {}).get("application/json", {}).get("schema", {})
    text = given.get("description", "").rpartition("Needs the right")[0].strip()
    return Operation(
        id=given["operationId"],
        method=method.upper(),
        path=path,
        summary=given.get("summary", ""),
        text=marked(text),
        rights=tuple(given.get("x-capabilities", ())),
        parameters=tuple(_parameter(schema, p) for p in given.get("parameters", [])),
        body=tuple(_fields(schema, content.get("schema", {}))),
        result=tuple(_fields(schema, result)),
        answers=tuple(_answer(schema, status, answer) for status, answer in given["responses"].items()),
        curl=_curl(path, method, given, content, site),
    )


def _parameter(schema: dict[str, Any], given: dict[str, Any]) -> Field:
    place = {"path": "in the address", "header": "header"}.get(given["in"], "")
    text = " ".join(part for part in (given.get("description", ""), f"({place})" if place else "") if part)
    return Field(given["name"], _kind(schema, given["schema"]), bool(given.get("required")), marked(text))


def _fields(schema: dict[str, Any], given: dict[str, Any]) -> Iterator[Field]:
    whole = _resolved(schema, given)
    for name, inner in whole.get("properties", {}).items():
        text = inner.get("description", "") or _resolved(schema, inner).get("description", "")
        yield Field(name, _kind(schema, inner), name in whole.get("required", ()), marked(text))


def _answer(schema: dict[str, Any], status: str, given: dict[str, Any]) -> Answer:
    return Answer(status, marked(_resolved(schema, given).get("description", "")))


def _resolved(schema: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The thing behind a reference (`#/components/schemas/Case`), or the thing itself."""
    if len(given.get("allOf", ())) == 1:
        given = given["allOf"][0]
    if "$ref" not in given:
        return given
    found: Any = schema
    for part in given["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _kind(schema: dict[str, Any], given: dict[str, Any]) -> str:
    """A type in words."""
    for choice in ("oneOf", "anyOf"):
        if choice in given:
            return " or ".join(dict.fromkeys(_kind(schema, one) for one in given[choice]))
    whole = _resolved(schema, given)
    if "enum" in whole:
        return "one of " + ", ".join("null" if v is None else str(v) or "“”" for v in whole["enum"])
    if "const" in whole:
        return json.dumps(whole["const"])
    types = whole.get("type", "object")
    words = [types] if isinstance(types, str) else list(types)
    if "array" in words:
        return f"list of {_kind(schema, whole['items'])}"
    if "$ref" in given or "allOf" in given:
        words = ["object"]
    return " or ".join({"date-time": "time"}.get(whole.get("format", ""), w) if w == "string" else w for w in words)


def _curl(path: str, method: str, given: dict[str, Any], content: dict[str, Any], site: str) -> str:
    lines = ['curl -H "Authorization: Bearer $TOKEN"']
    if method != "get":
        lines[0] += f" -X {method.upper()}"
    names = {p["name"] for p in given.get("parameters", [])}
    if "If-Match" in names:
        lines.append("-H 'If-Match: \"1\"'")
    examples = list(content.get("examples", {}).values())
    if content:
        body = json.dumps(examples[0]["value"] if examples else {}, ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    lines.append(f"'{site}{path}'")
    return " \\\n  ".join(lines)
