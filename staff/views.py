from __future__ import annotations

from typing import cast

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.access import public, signed_in
from staff import services
from staff.models import User


@public
@never_cache
@require_http_methods(["GET", "POST"])
def signin_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Asks for a click (link previews must not use a link up), then signs in."""
    if request.method == "GET":
        return render(request, "staff/signin_link.html", {"secret": secret})
    user = services.signin_link_use(secret)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("/")


@signed_in
@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Keeps theme, density and shortcuts, then goes back to where the person was."""
    user = cast(User, request.user)
    services.preferences_set(
        user,
        theme=request.POST.get("theme", user.theme),
        density=request.POST.get("density", user.density),
        has_shortcuts=request.POST.get("has_shortcuts", "on" if user.has_shortcuts else "") == "on",
    )
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204)
    back = request.POST.get("next", "/")
    return HttpResponseRedirect(back if url_has_allowed_host_and_scheme(back, None) else "/")
