"""Pages of runs: the list, one run with its live progress, starting and cancelling."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from core.access import Capability, allow
from core.errors import Conflict
from core.requests import SignedInRequest
from investigations.access import run_get_for
from investigations.models import Run
from investigations.selectors.runs import run_progress
from investigations.services.runs import run_cancel, run_request
from investigations.tasks import run_hint
from investigations.ui.datasets import dataset_for
from investigations.ui.runs import progress_part, run_list_page, run_page


@allow(Capability.VIEW)
@require_GET
def run_list_view(request: SignedInRequest) -> HttpResponse:
    """The dataset's runs; only the table when htmx refreshes it."""
    page = run_list_page(dataset_for(request), request.GET, request.user.capabilities)
    template = "table" if request.headers.get("HX-Request") == "true" else "list"
    return render(request, f"runs/{template}.html", {"page": page})


@allow(Capability.VIEW)
@require_GET
def run_detail_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """One run."""
    page = run_page(
        _run(request, public_id), request.user.capabilities, is_confirming=request.GET.get("confirm") == "cancel"
    )
    return render(request, "runs/detail.html", {"page": page})


@allow(Capability.VIEW)
@require_GET
def run_progress_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """The live part alone. When the run is over, the whole page is loaded again: it has results to show."""
    part = progress_part(run_progress(_run(request, public_id)))
    response = render(request, "runs/progress.html", {"progress": part, "is_swap": True})
    if not part.is_live:
        response.headers["HX-Refresh"] = "true"
    return response


@allow(Capability.RUN)
@require_POST
def run_start_view(request: SignedInRequest) -> HttpResponse:
    """Asks for a run of the dataset and goes to its page."""
    dataset = dataset_for(request)
    if dataset is None or not dataset.accounts.exists():
        raise Conflict(
            "There are no accounts to link yet.",
            code="no_accounts",
            what_to_do="Import accounts first, then start a run.",
        )
    run = run_request(dataset, by=request.user, reason=request.POST.get("reason", ""))
    run_hint(run)
    return redirect("run-detail", run.public_id)


@allow(Capability.RUN)
@require_POST
def run_cancel_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """Cancels a run, or asks it to stop, and goes back to its page."""
    run = run_cancel(_run(request, public_id), by=request.user)
    return redirect("run-detail", run.public_id)


def _run(request: SignedInRequest, public_id: str) -> Run:
    return run_get_for(request.user, public_id, dataset=dataset_for(request))
