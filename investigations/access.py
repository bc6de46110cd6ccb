"""The only ways in which views get rows of investigations: what a person may not see does not exist for them (404)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.db.models import Model, QuerySet

from accounts.models import Account, Identifier
from core.access import Actor, Capability, get_or_404, require
from core.errors import NotFound
from core.models import Dataset
from core.public_ids import public_id_to_number
from investigations.models import Case, Cluster, Export, Instruction, Run, Verdict
from investigations.models.choices import OPEN_CASE_STATES

M = TypeVar("M", bound=Model)


def run_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Run:
    """A run that the person may see."""
    return _get(user, Run.objects.select_related("dataset", "requested_by"), public_id, dataset)


def cluster_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Cluster:
    """A cluster that the person may see, ended ones included."""
    rows = Cluster.objects.select_related("dataset", "current__run").defer("current__run__model")
    return _get(user, rows, public_id, dataset)


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


def instruction_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Instruction:
    """An instruction to the engine that the person may see, withdrawn ones included."""
    return _get(user, Instruction.objects.select_related("dataset"), public_id, dataset)


def export_get_for(user: Actor, public_id: str, *, dataset: Dataset | None = None) -> Export:
    """One of the person's own exports: what others took out may show more than this person may see."""
    own = Export.objects.select_related("dataset").filter(requested_by=getattr(user, "pk", None))
    return _get(user, own, public_id, dataset)


def things_get_for(user: Actor, public_ids: Sequence[str]) -> tuple[list[Cluster], list[Account]]:
    """Clusters and accounts by id, each once, in the order given; NotFound names the first that isn't there."""
    require(user, Capability.VIEW)
    asked = list(dict.fromkeys(public_ids))
    clusters = Cluster.objects.select_related("dataset", "current").filter(public_id__in=_well_formed(asked, "clu"))
    accounts = Account.objects.select_related("dataset").filter(public_id__in=_well_formed(asked, "acc"))
    found_clusters = {c.public_id: c for c in clusters}
    found_accounts = {a.public_id: a for a in accounts}
    for public_id in asked:
        if public_id not in found_clusters and public_id not in found_accounts:
            raise NotFound(
                f"No cluster or account with the id {public_id[:40]} is visible to you.",
                what_to_do="Check the id, or search for it.",
            )
    return (
        [found_clusters[i] for i in asked if i in found_clusters],
        [found_accounts[i] for i in asked if i in found_accounts],
    )


def cases_open_of(user: Actor, clusters: Sequence[Cluster]) -> list[Case]:
    """The cases in work that hold one of these clusters already."""
    require(user, Capability.VIEW)
    rows = Case.objects.filter(case_clusters__cluster__in=clusters, state__in=OPEN_CASE_STATES)
    return list(rows.distinct().order_by("number")[:20]) if clusters else []


def _well_formed(public_ids: Sequence[str], prefix: str) -> list[int]:
    numbers = []
    for text in public_ids:
        try:
            numbers.append(public_id_to_number(text, prefix))
        except ValueError:
            continue
    return numbers


def _get(user: Actor, rows: QuerySet[M], public_id: str, dataset: Dataset | None) -> M:
    require(user, Capability.VIEW)
    return get_or_404(rows if dataset is None else rows.filter(dataset=dataset), public_id)
