"""A program that uses the API with a token, and what the tests know of every endpoint."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.test import Client

from core.api.reference import METHODS, document
from staff.models import ApiToken, User
from staff.roles import Scope
from staff.tokens import PREFIX

ALL_SCOPES = tuple(Scope.values)
NOBODY_ID = "0" * 12
PREFIXES = {
    "account_id": "acc",
    "cluster_id": "clu",
    "run_id": "run",
    "case_id": "cas",
    "verdict_id": "ver",
}


def token_make(user: User, scopes: tuple[str, ...] = ALL_SCOPES) -> str:
    """The secret of a new token."""
    _, secret = ApiToken.objects.create(
        user=user, expiry=timedelta(days=1), prefix=PREFIX, name="test", scopes=list(scopes)
    )
    return str(secret)


@dataclass
class Api:
    """Speaks JSON under one token."""

    user: User
    scopes: tuple[str, ...] = ALL_SCOPES
    client: Client = field(default_factory=Client)
    secret: str = ""

    def __post_init__(self) -> None:
        self.secret = token_make(self.user, self.scopes)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        given = {"Authorization": f"Bearer {self.secret}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        kwargs: dict[str, Any] = {"headers": given}
        if body is not None:
            kwargs |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method.upper(), f"/api/v1/{path}", **kwargs)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("DELETE", path, **headers)


@dataclass(frozen=True)
class Endpoint:
    """An operation of the OpenAPI document."""

    id: str
    method: str
    path: str  # below /api/v1/, with {names}
    has_body: bool
    needs_match: bool
    is_idempotent: bool
    is_list: bool

    def address(self, **ids: str) -> str:
        """The path with ids of things, of nothing where none is given."""
        return re.sub(r"\{(\w+)\}", lambda m: ids.get(m.group(1)) or f"{PREFIXES[m.group(1)]}_{NOBODY_ID}", self.path)


def endpoints() -> list[Endpoint]:
    """All operations, from the document that programs get."""
    found = []
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            given = item[method]
            names = {p["name"] for p in given.get("parameters", [])}
            found.append(
                Endpoint(
                    id=given["operationId"],
                    method=method.upper(),
                    path=path.removeprefix("/api/v1/"),
                    has_body="requestBody" in given,
                    needs_match="If-Match" in names,
                    is_idempotent="Idempotency-Key" in names,
                    is_list="cursor" in names,
                )
            )
    return found


def problem_of(answer: Any, status: int, code: str = "") -> dict[str, Any]:
    """The problem document of a refusal, checked for its shape."""
    assert answer.status_code == status, (answer.status_code, answer.content[:500])
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "code", "detail"} <= set(body) and body["status"] == status
    assert body["type"] == f"urn:hydrascope:problem:{body['code']}"
    if code:
        assert body["code"] == code, body
    return body


def pointers(body: dict[str, Any]) -> set[str]:
    """What a problem document finds fault with."""
    return {e.get("pointer", e.get("parameter", "")) for e in body["errors"]}
