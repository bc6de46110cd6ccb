"""Answers to errors that no view handled: a problem document under /api/, the error page elsewhere."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string

from core.errors import AppError, Forbidden, InvalidInput, NotFound, problem

LAST_RESORT = (
    '<!doctype html><html lang="en"><title>Hydrascope</title><h1>Something went wrong</h1>'
    "<p>The page could not be made. The error was logged. Try again, or tell whoever runs this console.</p></html>"
)


class Broken(AppError):
    """A fault of ours."""

    code, title, status = "internal", "Something went wrong on our side", 500


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400."""
    return _answer(request, InvalidInput("The request could not be understood.", what_to_do="Go back and try again."))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403, with the refusal's own words when it has some."""
    general = Forbidden("You may not open this.", what_to_do="Ask an administrator for a role that may.")
    return _answer(request, exception if isinstance(exception, AppError) else general)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    return _answer(request, NotFound("This address leads nowhere.", what_to_do="Check it, or start from the clusters."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form whose token is missing or old."""
    detail = "The form was not sent from this console, or it was open for too long."
    return _answer(request, Forbidden(detail, code="csrf_failed", what_to_do="Reload the page and send it again."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, with as little as possible that could fail again."""
    error = Broken(
        "The error was logged with the number of this request.", what_to_do="Try again, or report the number."
    )
    try:
        return _answer(request, error)
    except Exception:  # noqa: BLE001 - whatever broke the page must not break its replacement
        return HttpResponseServerError(LAST_RESORT)


def _answer(request: HttpRequest, error: AppError) -> HttpResponse:
    if request.path.startswith("/api/"):
        body = problem(error, instance=request.path)
        return JsonResponse(body, status=error.status, content_type="application/problem+json")
    context = {"error": error, "request_id": getattr(request, "request_id", "")}
    try:
        return HttpResponse(render_to_string("base/error.html", context, request), status=error.status)
    except TemplateDoesNotExist:
        return HttpResponse(LAST_RESORT, status=error.status)
