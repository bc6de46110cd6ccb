"""Cases: reading, opening and changing them, what is in them, their notes."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response

from core.access import Capability
from core.api.fields import ItemsSerializer
from core.api.idempotency import idempotent
from core.api.paging import ListFilters, Order, page_response
from core.api.preconditions import etag, expected_revision, needs_match
from core.api.schema import documented
from core.api.views import ApiView, created
from core.datasets import dataset_get
from core.errors import AppError, InvalidInput, NotFound
from core.requests import ApiRequest
from investigations.access import account_get_for, case_get_for, cluster_get_for
from investigations.api.case_serializers import (
    AccountIdInput,
    CaseChangeInput,
    CaseDetailSerializer,
    CaseFiltersSerializer,
    CaseInput,
    CaseRowSerializer,
    ClusterIdInput,
    NoteInput,
    NoteSerializer,
    TransitionInput,
)
from investigations.models import Case
from investigations.selectors.cases import case_detail, case_row, case_rows, note_list, note_row
from investigations.selectors.shapes.cases import CaseFilters
from investigations.services.cases import (
    case_account_add,
    case_account_remove,
    case_change,
    case_cluster_add,
    case_cluster_remove,
    case_note_add,
    case_open,
    case_transition,
)
from staff.models import User


class CaseList(ApiView):
    access = Capability.VIEW
    change = Capability.CASEWORK

    @documented("case_list", query=CaseFiltersSerializer, answer=ItemsSerializer.of(CaseRowSerializer))
    def get(self, request: ApiRequest) -> Response:
        """List cases."""
        given = CaseFiltersSerializer.read(request)
        sort = given["sort"]
        filters = CaseFilters(
            states=tuple(given.get("state", ())),
            owner=given.get("owner", ""),
            cluster=given.get("cluster", ""),
            account=given.get("account", ""),
            sort=sort,
        )
        rows = case_rows(dataset_get(given["dataset"]), user=request.user, filters=filters)
        if "ticket_id" in given:
            rows = rows.filter(ticket_id=given["ticket_id"])
        order = Order((sort, "-pk" if sort.startswith("-") else "pk"))
        return page_response(request, rows, order=order, filters=given, show=_show_rows)

    @documented(
        "case_open",
        body=CaseInput,
        answer=CaseDetailSerializer,
        status=201,
        example={
            "title": "Cards shared by 812 accounts",
            "clusters": ["clu_7Q4KD2XM3T9B"],
            "ticket_id": "ABUSE-42",
            "ticket_url": "https://tickets.example.org/ABUSE-42",
        },
    )
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Open a case over clusters and accounts of one dataset; at least one of either.

        With the id and address of a ticket in an external system, the case is found again by `ticket_id`.
        """
        given = self.body(request, CaseInput)
        case = case_open(
            dataset_get(given["dataset"]),
            by=request.user,
            title=given["title"],
            clusters=[_named(cluster_get_for, request, "clusters", i) for i in given["clusters"]],
            accounts=[_named(account_get_for, request, "accounts", i) for i in given["accounts"]],
            owner=_person(given.get("owner")),
            ticket_id=given["ticket_id"],
            ticket_url=given["ticket_url"],
        )
        tag = {"ETag": etag(case.revision)}
        return created(_body(case, request), "api-case", case.public_id, headers=tag)


class CaseView(ApiView):
    access = Capability.VIEW
    change = Capability.CASEWORK

    @documented("case_get", answer=CaseDetailSerializer)
    def get(self, request: ApiRequest, case_id: str) -> Response:
        """Get a case with what is in it. Its `ETag` goes into `If-Match` of a change."""
        return _answer(case_get_for(request.user, case_id), request)

    @documented(
        "case_change",
        body=CaseChangeInput,
        answer=CaseDetailSerializer,
        example={"ticket_id": "ABUSE-42", "ticket_url": "https://tickets.example.org/ABUSE-42"},
    )
    @needs_match
    def patch(self, request: ApiRequest, case_id: str) -> Response:
        """Change a case's title, owner or ticket. Fields that are left out stay as they are."""
        case = case_get_for(request.user, case_id)
        revision = expected_revision(request)
        given = self.body(request, CaseChangeInput)
        if "owner" in given:
            given["owner"] = _person(given["owner"])
        return _answer(case_change(case, by=request.user, expected_revision=revision, **given), request)


class CaseTransition(ApiView):
    access = Capability.VIEW
    change = Capability.CASEWORK

    @documented(
        "case_transition",
        body=TransitionInput,
        answer=CaseDetailSerializer,
        example={"to": "in_review"},
    )
    @needs_match
    @idempotent
    def post(self, request: ApiRequest, case_id: str) -> Response:
        """Move a case to another state; its `transitions` say where it can go and what needs a reason."""
        case = case_get_for(request.user, case_id)
        revision = expected_revision(request)
        given = self.body(request, TransitionInput)
        moved = case_transition(
            case, by=request.user, to=given["to"], reason=given["reason"], expected_revision=revision
        )
        return _answer(moved, request)


class CaseClusterList(ApiView):
    access = Capability.VIEW
    change = Capability.CASEWORK

    @documented("case_cluster_add", body=ClusterIdInput, answer=CaseDetailSerializer)
    @idempotent
    def post(self, request: ApiRequest, case_id: str) -> Response:
        """Put a cluster into a case, pinned to its present version."""
        case = case_get_for(request.user, case_id)
        given = self.body(request, ClusterIdInput)
        case_cluster_add(case, _named(cluster_get_for, request, "cluster", given["cluster"]), by=request.user)
        return _answer(case, request)


class CaseClusterView(ApiView):
    access = Capability.VIEW
    change = Capability.CASEWORK

    @documented("case_cluster_remove", status=204)
    def delete(self, request: ApiRequest, case_id: str, cluster_id: str) -> Response:
        """Take a cluster out of a case."""
        case = case_get_for(request.user, case_id)
        case_cluster_remove(case, cluster_get_for(request.user, cluster_id), by=request.user)
        return Response(status=204)


class CaseAccountList(ApiView):
    access = Capability.VIEW
    change = Capability.CASEWORK

    @documented("case_account_add", body=AccountIdInput, answer=CaseDetailSerializer)
    @idempotent
    def post(self, request: ApiRequest, case_id: str) -> Response:
        """Put an account into a case, beside its clusters."""
        case = case_get_for(request.user, case_id)
        given = self.body(request, AccountIdInput)
        case_account_add(case, _named(account_get_for, request, "account", given["account"]), by=request.user)
        return _answer(case, request)


class CaseAccountView(ApiView):
    access = Capability.VIEW
    change = Capability.CASEWORK

    @documented("case_account_remove", status=204)
    def delete(self, request: ApiRequest, case_id: str, account_id: str) -> Response:
        """Take an account out of a case."""
        case = case_get_for(request.user, case_id)
        case_account_remove(case, account_get_for(request.user, account_id), by=request.user)
        return Response(status=204)


class CaseNoteList(ApiView):
    access = Capability.VIEW
    change = Capability.CASEWORK

    @documented("case_note_list", query=ListFilters, answer=ItemsSerializer.of(NoteSerializer))
    def get(self, request: ApiRequest, case_id: str) -> Response:
        """List a case's notes, the newest first."""
        filters = ListFilters.read(request)
        case = case_get_for(request.user, case_id)
        return page_response(
            request, note_list(case), order=Order(("-created_at", "-pk")), filters=filters, show=_show_notes
        )

    @documented(
        "case_note_add", body=NoteInput, answer=NoteSerializer, status=201, example={"text": "Called the bank."}
    )
    @idempotent
    def post(self, request: ApiRequest, case_id: str) -> Response:
        """Write a note, in any state of the case. Notes stay: a correction is another note."""
        case = case_get_for(request.user, case_id)
        note = case_note_add(case, by=request.user, text=self.body(request, NoteInput)["text"])
        return created(NoteSerializer(note_row(note)).data, "api-case-notes", case.public_id)


def _show_rows(cases: Any) -> Any:
    return CaseRowSerializer([case_row(case) for case in cases], many=True).data


def _show_notes(notes: Any) -> Any:
    return NoteSerializer([note_row(note) for note in notes], many=True).data


def _body(case: Case, request: ApiRequest) -> dict[str, Any]:
    return dict(CaseDetailSerializer(case_detail(case, user=request.user)).data)


def _answer(case: Case, request: ApiRequest) -> Response:
    """The case as it is now, under the ETag of its revision."""
    body = _body(case, request)
    return Response(body, headers={"ETag": etag(body["revision"])})


def _named(get: Any, request: ApiRequest, field: str, public_id: str) -> Any:
    """A thing that the body names; one that isn't there is a fault of the body, not of the address."""
    try:
        return get(request.user, public_id)
    except NotFound as error:
        raise _fault(field, f"There is no {public_id} here.") from error


def _person(public_id: str | None) -> User | None:
    if public_id is None:
        return None
    found = User.objects.filter(public_id=public_id, is_active=True).first()
    if found is None:
        raise _fault("owner", f"There is no active person {public_id}.")
    return found


def _fault(field: str, message: str) -> AppError:
    return InvalidInput("One value is not valid.", fields={field: [message]})
