"""The OpenAPI document: scopes, preconditions and problem answers are read off the views, so that they can't drift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import Serializer

from core.api.fields import InputSerializer
from core.api.permissions import capabilities_for
from core.api.problems import MEDIA_TYPE

F = TypeVar("F", bound=Callable[..., Any])

# status: (name of the component, what it says)
PROBLEMS: dict[str, tuple[str, str]] = {
    "400": ("Invalid", "The request can't be read, or a value is not valid; `errors` names each."),
    "401": ("Unauthenticated", "No token, or one that is unknown, revoked or too old."),
    "403": ("Forbidden", "The owner's roles or the token's scopes don't allow this."),
    "404": ("NotFound", "There is no such thing, or it is not visible to you. Malformed ids are not told apart."),
    "406": ("NotAcceptable", "The answer was asked for in something else than JSON."),
    "409": ("Conflict", "This can't be done in the present state."),
    "412": ("PreconditionFailed", "Somebody changed it meanwhile: read it again."),
    "413": ("TooLarge", "The body is too large."),
    "415": ("UnsupportedMediaType", "The body must be `application/json`."),
    "422": ("IdempotencyKeyReused", "The Idempotency-Key came before with another address or body."),
    "428": ("PreconditionRequired", "If-Match is missing."),
    "429": ("TooManyRequests", "Too many requests with this token; `Retry-After` says how long to wait."),
}
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "An RFC 9457 problem document. `code` is stable and made for programs, the texts are for people.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:hydrascope:problem:not_found"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "examples": ["not_found"]},
        "detail": {"type": "string"},
        "what_to_do": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "What is wrong, value by value.",
            "items": {
                "type": "object",
                "required": ["detail", "code"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901) into the body."},
                    "parameter": {"type": "string", "description": "Name of the query parameter."},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}
_KEY_PARAMETER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "Makes it safe to send the request again: it happens once, and for 48 hours a repeat gets the first "
    "answer with `Idempotency-Replayed: true`. Take a fresh random value for each new request.",
}
_MATCH_PARAMETER = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "schema": {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$'},
    "description": "The `ETag` of the last read.",
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "staff.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "hys_…",
            "description": "A token of a person or program, made under “API tokens” or by `manage.py api_token`.",
        }


def documented(
    operation_id: str,
    *,
    query: type[Serializer[Any]] | None = None,
    body: type[Serializer[Any]] | None = None,
    answer: type[Serializer[Any]] | None = None,
    status: int = 200,
    example: dict[str, Any] | None = None,
) -> Callable[[F], F]:
    """Says what an endpoint reads and answers with; `example` is a body."""
    examples = [OpenApiExample("Example", value=example, request_only=True)] if example else []
    response = OpenApiResponse(answer, _SUCCESS[status]) if answer else OpenApiResponse(None, _SUCCESS[status])
    return extend_schema(
        operation_id=operation_id,
        parameters=[query] if query else [],
        request=body,
        responses={status: response},
        examples=examples,
    )


_SUCCESS = {200: "Done.", 201: "Made; `Location` is its address.", 204: "Done; there is nothing to say."}


class ApiSchema(AutoSchema):
    """Adds what a view declares: the rights it needs, Idempotency-Key, If-Match, and the problems it may give."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        method = getattr(self.view, self.method.lower())
        needed = [c.value for c in capabilities_for(self.view, self.method)]
        operation["x-capabilities"] = needed
        summary, _, rest = operation.get("description", "").partition("\n")
        operation["summary"], operation["description"] = summary.rstrip("."), rest.strip()
        words = " and ".join(f"`{c}`" for c in needed)
        operation["description"] = f"{operation.get('description', '')}\n\nNeeds the right {words}.".strip()
        extra = [_KEY_PARAMETER] if getattr(method, "is_idempotent", False) else []
        extra += [_MATCH_PARAMETER] if getattr(method, "needs_match", False) else []
        if extra:
            operation["parameters"] = [*operation.get("parameters", []), *extra]
        for status in self._problem_statuses(operation, method):
            operation["responses"].setdefault(status, {"$ref": f"#/components/responses/{PROBLEMS[status][0]}"})
        return operation

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """The schema of an object; one that comes in has the named fields and no others."""
        mapped: dict[str, Any] = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, InputSerializer):
            mapped["additionalProperties"] = False
        if not type(serializer).__doc__:  # what a base class says of itself is for those who extend it
            mapped.pop("description", None)
        return mapped

    def _problem_statuses(self, operation: dict[str, Any], method: Any) -> list[str]:
        statuses = ["400", "401", "403", "406", "429"]
        names = {p["name"] for p in operation.get("parameters", [])}
        writes = self.method not in SAFE_METHODS
        if "{" in self.path or "dataset" in names or writes:
            statuses.append("404")
        if "requestBody" in operation:
            statuses += ["413", "415"]
        if writes:
            statuses.append("409")
        if getattr(method, "is_idempotent", False):
            statuses.append("422")
        if getattr(method, "needs_match", False):
            statuses += ["412", "428"]
        return sorted(statuses)


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Adds the problem document and one response a status to the document's components."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {name: {"description": text, "content": content} for name, text in PROBLEMS.values()}
    return result
