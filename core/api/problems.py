"""Every refusal of the API as an RFC 9457 problem document with a stable `code`, fields named by JSON pointers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from core.errors import AppError, Forbidden, InvalidInput, NotFound, problem

MEDIA_TYPE = "application/problem+json"

# status: (code, title, what to do), for what the framework refuses
_FRAMEWORK: dict[int, tuple[str, str, str]] = {
    400: ("malformed", "The request can't be read", "Send well-formed JSON in UTF-8."),
    401: ("unauthenticated", "A token is needed", "Send Authorization: Bearer and a token that is in force."),
    403: ("forbidden", "Your roles or the token's scopes don't allow this", ""),
    405: ("method_not_allowed", "This address has no such method", "See the Allow header."),
    406: ("not_acceptable", "Answers are JSON", "Ask for application/json."),
    413: ("too_large", "The body is too large", "Send less at once."),
    415: ("unsupported_media_type", "Bodies must be JSON", "Send Content-Type: application/json."),
    429: ("too_many_requests", "Too many requests with this token", "Wait as long as Retry-After says."),
}


class InvalidFields(InvalidInput):
    """Input in which single fields or parameters are wrong; `errors` names each by pointer or parameter."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        n = len(errors)
        detail = "One value is not valid." if n == 1 else f"{n} values are not valid."
        super().__init__(detail, what_to_do="Each entry of “errors” says which value and why.", errors=errors)


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception of an API view; None (a 500 of the server's own) when nobody foresaw it."""
    request = context.get("request")
    headers: dict[str, str] = {}
    if isinstance(error, exceptions.ValidationError):
        refusal: AppError = InvalidFields(list(field_errors(error.detail)))
    elif isinstance(error, exceptions.APIException):
        refusal, headers = _framework_error(error)
    elif isinstance(error, Http404):
        refusal = NotFound("There is nothing at this address.")
    elif isinstance(error, DjangoPermissionDenied):
        refusal = Forbidden("You may not do this.")
    elif isinstance(error, AppError):
        refusal = _fields_to_errors(error)
    else:
        return None
    body = problem(refusal, instance=request.path if request is not None else "")
    headers |= {"Retry-After": str(refusal.extra["retry_after"])} if "retry_after" in refusal.extra else {}
    return Response(body, status=refusal.status, headers=headers, content_type=MEDIA_TYPE)


def _fields_to_errors(error: AppError) -> AppError:
    """A service's refusal names fields by dotted names; the body names them by pointers."""
    fields = error.extra.pop("fields", None)
    if fields:
        error.extra["errors"] = [
            {"pointer": "/" + "/".join(map(_escaped, name.split("."))), "detail": str(m), "code": "invalid"}
            for name, messages in fields.items()
            for m in messages
        ]
    return error


def _framework_error(error: exceptions.APIException) -> tuple[AppError, dict[str, str]]:
    status = error.status_code
    code, title, what_to_do = _FRAMEWORK.get(status, ("error", AppError.title, ""))
    headers = {}
    if header := getattr(error, "auth_header", ""):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, exceptions.AuthenticationFailed):
        code, title = "invalid_token", "The token is not valid"
    return AppError(str(error.detail), code=code, title=title, status=status, what_to_do=what_to_do), headers


def field_errors(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Flattens nested messages: {"a": {"b": [message]}} becomes pointer /a/b."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from field_errors(inner, pointer if own else f"{pointer}/{_escaped(str(name))}")
    elif isinstance(detail, list):
        for i, inner in enumerate(detail):
            is_message = not isinstance(inner, dict | list)
            yield from field_errors(inner, pointer if is_message else f"{pointer}/{i}")
    else:
        yield {"pointer": pointer, "detail": str(detail), "code": getattr(detail, "code", "invalid")}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
