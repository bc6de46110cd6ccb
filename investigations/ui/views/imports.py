"""Pages of imports: the list with the form, one import with its live progress, refused rows, taking files."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Batch
from accounts.selectors.imports import batch_detail, reject_list
from accounts.services.uploads import Upload, batch_upload
from accounts.tasks import batch_ingest
from core.access import Capability, allow, get_or_404
from core.errors import InvalidInput
from core.requests import SignedInRequest
from investigations.ui.addresses import csv_response
from investigations.ui.datasets import dataset_for
from investigations.ui.import_form import ImportForm
from investigations.ui.imports import REJECT_COLUMNS, import_list_page, import_page, import_progress, reject_lines


@allow(Capability.VIEW)
@require_GET
def import_list_view(request: SignedInRequest) -> HttpResponse:
    """The dataset's imports; only the table when htmx refreshes it."""
    if request.headers.get("HX-Request") == "true":
        page = import_list_page(dataset_for(request), request.GET, request.user.capabilities)
        return render(request, "imports/table.html", {"page": page})
    dataset = dataset_for(request)
    return _list(request, ImportForm(initial={"dataset": dataset.name if dataset else "main"}))


@allow(Capability.IMPORT)
@require_POST
def import_create_view(request: SignedInRequest) -> HttpResponse:
    """Takes files and queues their import; the form comes back with what is wrong, as 400."""
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _list(request, form, status=400)
    given = form.cleaned_data
    uploads = [Upload(name=file.name, chunks=file.chunks()) for file in given["files"]]
    try:
        with transaction.atomic():
            batch = batch_upload(
                dataset=given["dataset"],
                uploads=uploads,
                mapping_text=given["mapping"],
                strict=given["strict"],
                started_by=request.user,
            )
            transaction.on_commit(lambda: batch_ingest.delay(batch.pk), robust=True)
    except InvalidInput as error:
        form.add_error(None, str(error))
        return _list(request, form, status=400)
    address = reverse("import-detail", args=[batch.public_id])
    return HttpResponseRedirect(f"{address}?dataset={batch.dataset.name}")


@allow(Capability.VIEW)
@require_GET
def import_detail_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """One import."""
    return render(request, "imports/detail.html", {"page": import_page(_batch(request, public_id), request.GET)})


@allow(Capability.VIEW)
@require_GET
def import_progress_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """The live part alone. When all files are over, the whole page is loaded again: it has counts to show."""
    part = import_progress(batch_detail(_batch(request, public_id)))
    response = render(request, "imports/progress.html", {"progress": part, "is_swap": True})
    if not part.is_live:
        response.headers["HX-Refresh"] = "true"
    return response


@allow(Capability.VIEW)
@require_GET
def import_rejects_csv_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """The refused rows as CSV: where and why, never the rows themselves."""
    batch = _batch(request, public_id)
    rows = reject_list(batch).defer("row_sealed")
    return csv_response(f"refused-{batch.public_id}", REJECT_COLUMNS, reject_lines(rows))


def _list(request: SignedInRequest, form: ImportForm, *, status: int = 200) -> HttpResponse:
    page = import_list_page(dataset_for(request), request.GET, request.user.capabilities)
    return render(request, "imports/list.html", {"page": page, "form": form}, status=status)


def _batch(request: SignedInRequest, public_id: str) -> Batch:
    rows = Batch.objects.select_related("dataset", "started_by")
    dataset = dataset_for(request)
    return get_or_404(rows.filter(dataset=dataset) if dataset else rows, public_id)
