"""Who may do what: capabilities, the decision each view must carry, and the guard that refuses a view without one."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.errors import Forbidden, NotFound

V = TypeVar("V", bound=Callable[..., Any])
M = TypeVar("M", bound=Model)


class Capability(StrEnum):
    """What a role allows. Roles are bundles of these (staff.roles)."""

    VIEW = "view"  # read masked pages
    IMPORT = "import"  # load extracts
    RUN = "run"  # start and cancel runs
    CASEWORK = "casework"  # open and change cases, write notes
    VERDICT = "verdict"  # record verdicts
    EXPORT = "export"  # take lists and reports out
    PLATFORM_IDS = "platform_ids"  # see the platform's own account ids
    AUDIT = "audit"  # read the audit trail
    PEOPLE = "people"  # people, roles and keys


PUBLIC = "public"
SIGNED_IN = "signed_in"
Decision = Capability | str


class Actor(Protocol):
    """A signed-in person or the owner of a token."""

    @property
    def is_authenticated(self) -> bool: ...
    @property
    def capabilities(self) -> frozenset[Capability]: ...


def allow(capability: Capability) -> Callable[[V], V]:
    """Marks a view as open to people who have `capability`."""
    return lambda view: _marked(view, capability)


def public(view: V) -> V:
    """Marks a view as open to everyone."""
    return _marked(view, PUBLIC)


def signed_in(view: V) -> V:
    """Marks a view as open to everyone who is signed in (one's own settings)."""
    return _marked(view, SIGNED_IN)


def decision_for(callback: Callable[..., Any], url_name: str | None = None) -> Decision | None:
    """The decision that a URL's callback carries; for other people's views, what the settings say of its name."""
    own = getattr(callback, "access", None) or getattr(getattr(callback, "cls", None), "access", None)
    return own or settings.ACCESS_DECISIONS.get(url_name or "")


def require(actor: Actor, capability: Capability) -> None:
    """Raises Forbidden unless the actor has the capability; services call it before they change anything."""
    if capability not in actor.capabilities:
        raise Forbidden(
            f"This needs the right “{capability.value}”, which none of your roles has.",
            what_to_do="Ask an administrator for a role that has it.",
        )


def get_or_404(rows: QuerySet[M], public_id: str) -> M:
    """The row with this public id among those the caller may see; NotFound for anything else, malformed ids included."""
    try:
        found = rows.filter(public_id=public_id).first()
    except ValidationError:
        found = None
    if found is None:
        raise NotFound(
            f"No {rows.model._meta.verbose_name} with the id {public_id[:40]} is visible to you.",
            what_to_do="Check the address, or search for it.",
        )
    return found


class AccessMiddleware:
    """Refuses by default: a view without a decision is closed. API views decide in their permission class."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, callback: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        decision = decision_for(callback, match.view_name if match else None)
        if decision == PUBLIC or (decision is not None and hasattr(callback, "cls")):
            return None
        if decision is None:
            raise Forbidden("Nobody has decided who may open this address, so it is closed.")
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        if decision != SIGNED_IN:
            require(request.user, Capability(decision))
        return None


def _marked(view: V, decision: Decision) -> V:
    view.access = decision  # type: ignore[attr-defined]
    return view


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    target = request.get_full_path() if request.method == "GET" else "/"
    address = f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': target})}"
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
