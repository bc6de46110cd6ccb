from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch

from core.access import AccessMiddleware, Capability, allow, public, signed_in
from core.errors import AppError, Forbidden, problem
from tests.cast import People


@allow(Capability.CASEWORK)
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


@public
def door(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


@signed_in
def own(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


def undecided(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


def _ask(view: object, user: object, **headers: str) -> HttpResponse | None:
    request = RequestFactory().get("/somewhere/?a=1", headers=headers)
    request.user = user  # type: ignore[assignment]
    request.resolver_match = ResolverMatch(view, (), {}, url_name="somewhere")  # type: ignore[arg-type]
    return AccessMiddleware(lambda r: HttpResponse()).process_view(request, view, (), {})  # type: ignore[arg-type]


def test_it_lets_in_whoever_has_the_right(people: People) -> None:
    assert _ask(guarded, people.lead) is None
    assert _ask(own, people.outsider) is None
    assert _ask(door, AnonymousUser()) is None


def test_it_refuses_whoever_has_not(people: People) -> None:
    for user in (people.viewer, people.outsider, people.administrator):
        with pytest.raises(Forbidden):
            _ask(guarded, user)


def test_it_sends_strangers_to_sign_in_and_back(db: None) -> None:
    answer = _ask(guarded, AnonymousUser())
    assert answer is not None and answer["Location"] == "/auth/login/?next=%2Fsomewhere%2F%3Fa%3D1"
    partial = _ask(guarded, AnonymousUser(), HX_Request="true")
    assert partial is not None and partial.status_code == 401 and partial["HX-Redirect"]


def test_a_view_without_a_decision_is_closed_to_everyone(people: People) -> None:
    for user in (people.lead, AnonymousUser()):
        with pytest.raises(Forbidden, match="Nobody has decided"):
            _ask(undecided, user)


def test_a_person_who_was_switched_off_can_do_nothing(people: People) -> None:
    people.lead.is_active = False
    assert people.lead.capabilities == frozenset()


def test_a_problem_document_says_what_and_what_to_do() -> None:
    error = AppError("The file is empty.", code="empty_file", status=422, what_to_do="Export it again.", line=3)
    assert problem(error, instance="/x") == {
        "type": "urn:hydrascope:problem:empty_file",
        "title": "The request could not be carried out",
        "status": 422,
        "code": "empty_file",
        "detail": "The file is empty.",
        "what_to_do": "Export it again.",
        "instance": "/x",
        "line": 3,
    }
