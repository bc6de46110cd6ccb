"""Pages of exports: one's own, asking for one, one export while it is made, and the download."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from core.access import Capability, allow
from core.datasets import dataset_get
from core.errors import Conflict, InvalidInput
from core.models import Dataset
from core.requests import SignedInRequest
from investigations.access import export_get_for
from investigations.models import Export
from investigations.models.choices import ExportState
from investigations.services.exports import export_open, export_request
from investigations.tasks import export_enqueue
from investigations.ui.datasets import dataset_for
from investigations.ui.entries import draft_of
from investigations.ui.exports import FORM, export_list_page, export_page

NOT_FILTERS = {"csrfmiddlewaretoken", "dataset", "subject", "format"}


@allow(Capability.EXPORT)
@require_GET
def export_list_view(request: SignedInRequest) -> HttpResponse:
    """One's own exports of the dataset, and the form that asks for another."""
    page = export_list_page(dataset_for(request), request.GET, request.user)
    return render(request, "casework/export_list.html", {"page": page})


@allow(Capability.EXPORT)
@require_POST
def export_create_view(request: SignedInRequest) -> HttpResponse:
    """Asks for an export. A small one is downloaded at once; a large one goes to its page, which shows how far it is."""
    dataset = _dataset(request)
    try:
        if dataset is None:
            raise Conflict("There is no dataset yet.", code="no_dataset", what_to_do="Import accounts first.")
        export = export_request(
            dataset,
            by=request.user,
            subject=request.POST.get("subject", ""),
            format=request.POST.get("format", ""),
            filters=_filters(request.POST),
        )
    except (InvalidInput, Conflict) as error:
        page = export_list_page(dataset, request.GET, request.user, draft_of(FORM, request.POST, error))
        return render(request, "casework/export_list.html", {"page": page}, status=error.status)
    if export.state == ExportState.READY:
        return redirect("export-download", export.public_id)
    if export.state == ExportState.QUEUED:
        export_enqueue(export)
    return redirect("export-detail", export.public_id)


@allow(Capability.EXPORT)
@require_GET
def export_detail_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """One of one's own exports."""
    return render(request, "casework/export_detail.html", {"page": export_page(_export(request, public_id))})


@allow(Capability.EXPORT)
@require_GET
def export_progress_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """The live part alone."""
    return render(request, "casework/export_progress.html", {"page": export_page(_export(request, public_id))})


@allow(Capability.EXPORT)
@never_cache
@require_GET
def export_download_view(request: SignedInRequest, public_id: str) -> HttpResponseBase:
    """The file; each download is recorded."""
    found = export_open(_export(request, public_id), by=request.user)
    response = FileResponse(
        found.path.open("rb"), as_attachment=True, filename=found.name, content_type=found.content_type
    )
    response.headers["Content-Length"] = str(found.n_bytes)
    return response


def _export(request: SignedInRequest, public_id: str) -> Export:
    export = export_get_for(request.user, public_id, dataset=dataset_for(request) if "dataset" in request.GET else None)
    request.dataset = export.dataset  # type: ignore[attr-defined]
    return export


def _dataset(request: SignedInRequest) -> Dataset | None:
    """The dataset that the form names, else the one at hand."""
    named = request.POST.get("dataset", "")
    if not named:
        return dataset_for(request)
    dataset = dataset_get(named[:40])
    request.dataset = dataset  # type: ignore[attr-defined]
    return dataset


def _filters(sent: QueryDict) -> dict[str, Any]:
    """Every other field of the form: a filter that is given once, or a list of its values."""
    filters: dict[str, Any] = {}
    for name in sent:
        values = [value.strip() for value in sent.getlist(name) if value.strip()]
        if name not in NOT_FILTERS and values:
            filters[name] = values[0] if len(values) == 1 else values
    return filters
