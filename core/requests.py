"""Requests that got past the access guard: for the type checker, their `user` is a person and not perhaps nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from rest_framework.request import Request

if TYPE_CHECKING:

    class SignedInRequest(HttpRequest):
        """A page's request by somebody who is signed in (core cannot name the user model, hence Any)."""

        user: Any

    class ApiRequest(Request):
        """An API request with a token and its owner."""

        user: Any
        auth: Any

else:
    SignedInRequest, ApiRequest = HttpRequest, Request
