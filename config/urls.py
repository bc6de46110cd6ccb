"""The addresses of the console. Every one carries an access decision (core.access); a test walks this file."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from config.health import healthz, readyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("", include("staff.urls")),
    path("auth/", include("allauth.urls")),
    path("api/v1/", include("config.api_urls")),
    path("", include("investigations.ui.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"
