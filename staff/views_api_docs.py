"""The API's own pages: the document for programs, the reference for people."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from core.access import Capability, signed_in
from core.api.reference import document, marked, sections
from core.api.views import ApiView
from staff.authentication import TokenAuthentication


class ApiDocument(ApiView):
    """The OpenAPI document, for programs with a token and for people who are signed in."""

    access = Capability.VIEW
    authentication_classes = [TokenAuthentication, SessionAuthentication]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Get the OpenAPI document."""
        return Response(document())


@signed_in
@require_GET
def api_docs(request: HttpRequest) -> HttpResponse:
    """The reference, made from the same document."""
    schema = document()
    context = {
        "introduction": [marked(text) for text in schema["info"]["description"].strip().split("\n\n")],
        "sections": sections(schema, site=settings.PUBLIC_URL),
        "version": schema["info"]["version"],
    }
    return render(request, "staff/api_docs.html", context)
