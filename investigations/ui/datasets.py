"""Which dataset a page shows: the one that its address names, else the one last looked at, else the first."""

from __future__ import annotations

from django.http import HttpRequest

from core.datasets import dataset_get, datasets_all
from core.models import Dataset

SESSION_KEY = "dataset"
PREFERRED = ("main", "demo")


def dataset_for(request: HttpRequest) -> Dataset | None:
    """The dataset of this request, None while there is none; NotFound when the address names one that isn't there."""
    if not hasattr(request, "dataset"):
        request.dataset = _found(request)  # type: ignore[attr-defined]
    found: Dataset | None = request.dataset  # type: ignore[attr-defined]
    return found


def _found(request: HttpRequest) -> Dataset | None:
    by_name = {dataset.name: dataset for dataset in datasets_all()}
    named = request.GET.get("dataset")
    if named:
        dataset = by_name.get(named) or dataset_get(named[:40])
        if request.session.get(SESSION_KEY) != dataset.name:
            request.session[SESSION_KEY] = dataset.name
        return dataset
    for name in (request.session.get(SESSION_KEY), *PREFERRED):
        if name in by_name:
            return by_name[name]
    return next(iter(by_name.values()), None)
