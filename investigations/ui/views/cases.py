"""Pages of cases: the list, opening one, one case, and the forms that change it. A refused form comes back filled in."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Account
from core.access import Capability, allow
from core.errors import Conflict, InvalidInput, NotFound
from core.models import Dataset
from core.requests import SignedInRequest
from investigations.access import account_get_for, case_get_for, cases_open_of, cluster_get_for, things_get_for
from investigations.models import Case, Cluster
from investigations.models.choices import CaseState
from investigations.services import cases as services
from investigations.services.cases import UNCHANGED
from investigations.ui.cases import case_list_page, case_open_page, case_page
from investigations.ui.datasets import dataset_for
from investigations.ui.entries import NOTHING, Draft, draft_of
from staff.models import User

Refused = (InvalidInput, Conflict)


@allow(Capability.VIEW)
@require_GET
def case_list_view(request: SignedInRequest) -> HttpResponse:
    """The dataset's cases."""
    page = case_list_page(dataset_for(request), request.GET, request.user)
    return render(request, "casework/case_list.html", {"page": page})


@allow(Capability.CASEWORK)
@require_http_methods(["GET", "POST"])
def case_open_view(request: SignedInRequest) -> HttpResponse:
    """The form that opens a case. Rows selected in a list arrive as a POST without a title: they get the form too."""
    if request.method == "POST" and "title" not in request.POST:
        kept = [(name, value) for name in ("cluster", "account") for value in request.POST.getlist(name)]
        return redirect(f"{reverse('case-open')}?{urlencode(kept)}" if kept else reverse("case-open"))
    given = request.POST if request.method == "POST" else request.GET
    clusters, accounts = things_get_for(request.user, [*given.getlist("cluster"), *given.getlist("account")])
    dataset = _dataset_of(request, clusters, accounts)
    if request.method == "GET":
        return _open_form(request, dataset, clusters, accounts)
    try:
        case = _open(request, clusters, accounts)
    except Refused as error:
        return _open_form(request, dataset, clusters, accounts, draft_of("open", request.POST, error))
    messages.success(request, f"Case {case.number} is open.")
    return redirect("case-detail", case.public_id)


@allow(Capability.VIEW)
@require_GET
def case_detail_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """One case."""
    return _page(request, _case(request, public_id))


@allow(Capability.CASEWORK)
@require_POST
def case_change_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """Another title, owner or ticket, unless somebody changed the case meanwhile."""

    def change(case: Case) -> str:
        sent = request.POST
        services.case_change(
            case,
            by=request.user,
            expected_revision=_revision(sent),
            title=sent.get("title", UNCHANGED),
            owner=_owner(sent["owner"]) if "owner" in sent else UNCHANGED,
            ticket_id=sent.get("ticket_id", UNCHANGED),
            ticket_url=sent.get("ticket_url", UNCHANGED),
        )
        return "The details are saved."

    return _act(request, public_id, "edit", change)


@allow(Capability.CASEWORK)
@require_POST
def case_transition_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """The case in another state."""

    def move(case: Case) -> str:
        to = request.POST.get("to", "")
        if not to:
            raise InvalidInput("Choose a state.", fields={"to": ["Choose where it goes."]})
        row = services.case_transition(
            case,
            by=request.user,
            to=to,
            reason=request.POST.get("reason", ""),
            expected_revision=_revision(request.POST),
        )
        return f"Case {row.number} is now {CaseState(row.state).label.lower()}."

    return _act(request, public_id, "move", move)


@allow(Capability.CASEWORK)
@require_POST
def case_note_add_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """Another note, for good."""

    def write(case: Case) -> str:
        services.case_note_add(case, by=request.user, text=request.POST.get("text", ""))
        return "The note is kept."

    return _act(request, public_id, "note", write)


@allow(Capability.CASEWORK)
@require_POST
def case_cluster_add_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """Another cluster in the case."""

    def add(case: Case) -> str:
        cluster = _cluster(request)
        services.case_cluster_add(case, cluster, by=request.user)
        return f"{cluster.public_id} is in the case. The activity list can undo it."

    return _act(request, public_id, "cluster", add)


@allow(Capability.CASEWORK)
@require_POST
def case_cluster_remove_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """A cluster taken out of the case."""

    def remove(case: Case) -> str:
        cluster = _cluster(request)
        services.case_cluster_remove(case, cluster, by=request.user)
        return f"{cluster.public_id} was taken out. The activity list can undo it."

    return _act(request, public_id, "cluster-remove", remove)


@allow(Capability.CASEWORK)
@require_POST
def case_account_add_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """Another account beside the clusters."""

    def add(case: Case) -> str:
        account = _account(request)
        services.case_account_add(case, account, by=request.user)
        return f"{account.public_id} is in the case. The activity list can undo it."

    return _act(request, public_id, "account", add)


@allow(Capability.CASEWORK)
@require_POST
def case_account_remove_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """An account taken out of the case."""

    def remove(case: Case) -> str:
        account = _account(request)
        services.case_account_remove(case, account, by=request.user)
        return f"{account.public_id} was taken out. The activity list can undo it."

    return _act(request, public_id, "account-remove", remove)


@allow(Capability.CASEWORK)
@require_POST
def case_undo_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """One step of the activity turned back."""

    def undo(case: Case) -> str:
        text = request.POST.get("entry", "")
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise InvalidInput("This is no step of the activity.", what_to_do="Load the case again.")
        services.case_undo(case, by=request.user, entry=int(text))
        return "The step is undone."

    return _act(request, public_id, "undo", undo)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _act(request: SignedInRequest, public_id: str, form: str, do: Callable[[Case], str]) -> HttpResponse:
    """Carries out a change and goes back to the case; a refusal shows the case with the form as it was sent."""
    case = _case(request, public_id)
    try:
        said = do(case)
    except Refused as error:
        return _page(request, case, draft_of(form, request.POST, error))
    messages.success(request, said)
    return redirect("case-detail", case.public_id)


def _case(request: SignedInRequest, public_id: str) -> Case:
    """The case; under an address that names a dataset only one of that dataset."""
    case = case_get_for(request.user, public_id, dataset=dataset_for(request) if "dataset" in request.GET else None)
    request.dataset = case.dataset  # type: ignore[attr-defined]
    return case


def _page(request: SignedInRequest, case: Case, draft: Draft = NOTHING) -> HttpResponse:
    page = case_page(case, request.user, draft)
    status = draft.error.status if draft.error else 200
    return render(request, "casework/case_detail.html", {"page": page}, status=status)


def _open(request: SignedInRequest, clusters: list[Cluster], accounts: list[Account]) -> Case:
    sent = request.POST
    try:
        more_clusters, more_accounts = things_get_for(request.user, sent.get("more", "").split())
    except NotFound as error:
        raise InvalidInput(error.detail, fields={"more": [error.detail]}) from error
    clusters, accounts = [*clusters, *more_clusters], [*accounts, *more_accounts]
    if not clusters and not accounts:
        raise InvalidInput("A case needs something to look at.", fields={"more": ["Name a cluster or an account."]})
    return services.case_open(
        (clusters[0] if clusters else accounts[0]).dataset,
        by=request.user,
        title=sent.get("title", ""),
        clusters=clusters,
        accounts=accounts,
        owner=_owner(sent.get("owner", "")),
        ticket_id=sent.get("ticket_id", ""),
        ticket_url=sent.get("ticket_url", ""),
    )


def _open_form(
    request: SignedInRequest, dataset: Dataset, clusters: list[Cluster], accounts: list[Account], draft: Draft = NOTHING
) -> HttpResponse:
    elsewhere = cases_open_of(request.user, clusters)
    page = case_open_page(dataset, request.user, clusters, accounts, elsewhere, draft)
    status = draft.error.status if draft.error else 200
    return render(request, "casework/case_open.html", {"page": page}, status=status)


def _dataset_of(request: SignedInRequest, clusters: list[Cluster], accounts: list[Account]) -> Dataset:
    things: list[Cluster | Account] = [*clusters, *accounts]
    dataset = things[0].dataset if things else dataset_for(request)
    if dataset is None:
        raise Conflict("There is no dataset yet.", code="no_dataset", what_to_do="Import accounts first.")
    request.dataset = dataset  # type: ignore[attr-defined]
    return dataset


def _owner(public_id: str) -> User | None:
    """The person of a select field; None for nobody."""
    if not public_id:
        return None
    try:
        found = User.objects.filter(public_id=public_id, is_active=True).first()
    except ValidationError:
        found = None
    if found is None:
        raise InvalidInput("There is no such person.", fields={"owner": ["Choose somebody from the list."]})
    return found


def _cluster(request: SignedInRequest) -> Cluster:
    try:
        return cluster_get_for(request.user, request.POST.get("cluster", "").strip())
    except NotFound as error:
        raise InvalidInput(error.detail, fields={"cluster": [error.detail]}) from error


def _account(request: SignedInRequest) -> Account:
    try:
        return account_get_for(request.user, request.POST.get("account", "").strip())
    except NotFound as error:
        raise InvalidInput(error.detail, fields={"account": [error.detail]}) from error


def _revision(sent: QueryDict) -> int | None:
    """The revision that the form was made from; a form without one overwrites."""
    text = sent.get("revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
