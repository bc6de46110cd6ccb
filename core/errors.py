"""Errors that people can cause: what, where, what was expected, what to do; one body for pages and API (RFC 9457)."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied


class AppError(Exception):
    """A refusal with a stable code. `detail` says what happened, `what_to_do` how to get further."""

    code = "error"
    title = "The request could not be carried out"
    status = 400

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        title: str | None = None,
        status: int | None = None,
        what_to_do: str = "",
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.title = title or self.title
        self.status = status or self.status
        self.what_to_do = what_to_do
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.detail} {self.what_to_do}".strip()


class InvalidInput(AppError):
    """Input that breaks a rule; `fields` maps a field's name to its messages."""

    code, title, status = "invalid", "The input is not valid", 400


class NotFound(AppError):
    code, title, status = "not_found", "There is nothing here", 404


class Forbidden(AppError, PermissionDenied):
    """Also Django's own refusal, so that one raised by a middleware, where no view is at hand yet, is answered too."""

    code, title, status = "forbidden", "Your roles don't allow this", 403


class Conflict(AppError):
    """The thing changed or is in a state in which this cannot be done."""

    code, title, status = "conflict", "This can't be done in the present state", 409


class Unavailable(AppError):
    """A server that the console needs does not answer."""

    code, title, status = "unavailable", "A part of the console does not answer", 503


def problem(error: AppError, *, instance: str = "") -> dict[str, Any]:
    """The RFC 9457 problem document of an error."""
    body: dict[str, Any] = {
        "type": f"urn:hydrascope:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
    }
    if error.what_to_do:
        body["what_to_do"] = error.what_to_do
    if instance:
        body["instance"] = instance
    return body | error.extra
