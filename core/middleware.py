"""The request's id for logs and audit, and one page for every refusal."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from core.context import RequestContext, reading, use
from core.errors import AppError, problem

_SAFE_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


class RequestContextMiddleware:
    """Gives each request an id (a proxy's well-formed X-Request-ID is kept), and reading ones a place for `once`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _SAFE_ID.match(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        kept = reading() if request.method in ("GET", "HEAD") else nullcontext()
        with use(RequestContext(request_id=request_id, address=request.META.get("REMOTE_ADDR", ""))), kept:
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response


class ErrorMiddleware:
    """Turns an AppError that a view raised into the error page, or into a problem document under /api/."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not response.content:
            return self._explained(request, response)
        return response

    def _explained(self, request: HttpRequest, empty: HttpResponse) -> HttpResponse:
        """The error page for a form's address that was opened as a page; browsers show nothing at all otherwise."""
        error = AppError(
            "This address only takes a form that is sent from the console.",
            code="method_not_allowed",
            title="This is not a page",
            status=HTTPStatus.METHOD_NOT_ALLOWED,
            what_to_do="Go back to the page with the form.",
        )
        answer = self.process_exception(request, error) or empty
        answer.headers["Allow"] = empty.headers["Allow"]
        return answer

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, AppError):
            return None
        if request.path.startswith("/api/"):
            body = problem(error, instance=request.path)
            return JsonResponse(body, status=error.status, content_type="application/problem+json")
        context = {"error": error, "request_id": getattr(request, "request_id", "")}
        return render(request, "base/error.html", context, status=error.status)
