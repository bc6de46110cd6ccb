"""The view that every endpoint extends: who may call it, strict input, one log line for a write."""

from __future__ import annotations

from typing import Any, ClassVar

import structlog
from django.urls import reverse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from core.access import Capability

log = structlog.get_logger("api")


class ApiView(APIView):
    """Base of the API's views."""

    access: ClassVar[Capability]
    change: ClassVar[Capability | None] = None

    def body(self, request: Request, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """The validated body."""
        given = serializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        if request.method not in SAFE_METHODS:
            token = getattr(getattr(request, "auth", None), "public_id", "")
            name = getattr(request.resolver_match, "view_name", "")
            log.info("api.write", view=name, method=request.method, status=final.status_code, token=token)
        return final


def created(body: dict[str, Any], view_name: str, *args: str, headers: dict[str, str] | None = None) -> Response:
    """201 with the address of the new thing."""
    location = reverse(view_name, args=args)
    return Response(body, status=201, headers={"Location": location} | (headers or {}))
