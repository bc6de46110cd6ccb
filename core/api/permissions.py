"""Who may call an endpoint: the view declares rights, a view without a declaration is closed."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from core.access import Capability, require


class HasCapability(BasePermission):
    """Lets a request through that is signed in and has what the view asks for."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        method = request.method or ""
        if not hasattr(view, method.lower()):
            return True  # the answer is 405
        needed = capabilities_for(view, method)
        for capability in needed:
            require(request.user, capability)
        return bool(needed)


def capabilities_for(view: Any, method: str) -> tuple[Capability, ...]:
    """What a call needs: `access`, and `change` with it when the method writes. Empty = closed to everyone."""
    access, change = getattr(view, "access", None), getattr(view, "change", None)
    if access is None or (method not in SAFE_METHODS and change is None):
        return ()
    if method in SAFE_METHODS or change is None or change == access:
        return (access,)
    return (access, change)
