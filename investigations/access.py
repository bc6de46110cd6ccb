"""The only ways in which views get rows of investigations: what a person may not see does not exist for them (404)."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from accounts.models import Account, Identifier
from core.access import Actor, Capability, get_or_404, require
from core.models import Dataset
from investigations.models import Case, Cluster, Export, Run, Verdict

M = TypeVar("M", bound=Model)


def run_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Run:
    """A run that the person may see."""
    return _get(user, Run.objects.select_related("dataset", "requested_by"), public_id, dataset)


def cluster_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Cluster:
    """A cluster that the person may see, ended ones included."""
    return _get(user, Cluster.objects.select_related("dataset", "current"), public_id, dataset)


def account_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Account:
    """An account that the person may see."""
    return _get(user, Account.objects.select_related("dataset"), public_id, dataset)


def identifier_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Identifier:
    """An identifier that the person may see, by its mask."""
    return _get(user, Identifier.objects.select_related("dataset"), public_id, dataset)


def case_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Case:
    """A case that the person may see."""
    return _get(user, Case.objects.select_related("dataset", "owner", "opened_by"), public_id, dataset)


def verdict_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Verdict:
    """A verdict that the person may see, superseded ones included."""
    rows = Verdict.objects.select_related("case__dataset", "cluster", "author")
    return _get(user, rows if dataset is None else rows.filter(case__dataset=dataset), public_id, None)


def export_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Export:
    """One of the person's own exports: what others took out may show more than this person may see."""
    own = Export.objects.select_related("dataset").filter(requested_by=getattr(user, "pk", None))
    return _get(user, own, public_id, dataset)


def _get(user: Actor, rows: QuerySet[M], public_id: str, dataset: Dataset | None) -> M:
    require(user, Capability.VIEW)
    return get_or_404(rows if dataset is None else rows.filter(dataset=dataset), public_id)
