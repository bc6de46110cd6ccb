"""The only ways in which views get rows of investigations: what a person may not see does not exist for them (404)."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from accounts.models import Account, Identifier
from core.access import Actor, Capability, get_or_404, require
from core.models import Dataset
from investigations.models import Cluster, Run

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


def _get(user: Actor, rows: QuerySet[M], public_id: str, dataset: Dataset | None) -> M:
    require(user, Capability.VIEW)
    return get_or_404(rows if dataset is None else rows.filter(dataset=dataset), public_id)
