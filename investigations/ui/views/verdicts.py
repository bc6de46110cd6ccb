"""Pages of verdicts: the list, one verdict, and the form that records one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from core.access import Capability, allow
from core.errors import Conflict, InvalidInput
from core.models import Dataset
from core.requests import SignedInRequest
from investigations.access import case_get_for, cluster_get_for, verdict_get_for
from investigations.models import Case
from investigations.models.choices import CaseState
from investigations.services.verdicts import verdict_record
from investigations.ui.datasets import dataset_for
from investigations.ui.entries import draft_of
from investigations.ui.verdict_form import FORM, verdict_form_check, verdict_form_page, verdict_input_from
from investigations.ui.verdicts import verdict_list_page, verdict_page


@allow(Capability.VIEW)
@require_GET
def verdict_list_view(request: SignedInRequest) -> HttpResponse:
    """The dataset's verdicts."""
    page = verdict_list_page(dataset_for(request), request.GET, request.user)
    return render(request, "casework/verdict_list.html", {"page": page})


@allow(Capability.VIEW)
@require_GET
def verdict_detail_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """One verdict, as decided and as now."""
    verdict = verdict_get_for(request.user, public_id, dataset=_named_dataset(request))
    request.dataset = verdict.case.dataset  # type: ignore[attr-defined]
    return render(request, "casework/verdict_detail.html", {"page": verdict_page(verdict, request.GET, request.user)})


@allow(Capability.VERDICT)
@require_http_methods(["GET", "POST"])
def verdict_create_view(request: SignedInRequest, public_id: str, cluster_id: str) -> HttpResponse:
    """The form of a verdict on a cluster of a case. A refused one comes back as it was sent, on the newest figures."""
    case = case_get_for(request.user, public_id, dataset=_named_dataset(request))
    cluster = cluster_get_for(request.user, cluster_id)
    request.dataset = case.dataset  # type: ignore[attr-defined]
    verdict_form_check(case, cluster)
    if request.method == "GET":
        page = verdict_form_page(case, cluster, request.user)
        return render(request, "casework/verdict_form.html", {"page": page})
    try:
        verdict = verdict_record(
            case,
            cluster,
            by=request.user,
            decision=verdict_input_from(request.POST),
            expected_run=request.POST.get("expected_run", ""),
        )
    except (InvalidInput, Conflict) as error:
        page = verdict_form_page(case, cluster, request.user, draft_of(FORM, request.POST, error))
        return render(request, "casework/verdict_form.html", {"page": page}, status=error.status)
    state = CaseState(Case.objects.values_list("state", flat=True).get(pk=case.pk))
    messages.success(request, f"The verdict is recorded. Case {case.number} is now {state.label.lower()}.")
    return redirect("verdict-detail", verdict.public_id)


def _named_dataset(request: SignedInRequest) -> Dataset | None:
    return dataset_for(request) if "dataset" in request.GET else None
