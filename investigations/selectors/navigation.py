"""Counts beside the entries of the rail."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, F, Func, IntegerField, Model, OuterRef, QuerySet, Subquery

from accounts.models import Batch
from accounts.models.batch import OPEN_BATCH_STATES
from core.models import Dataset
from investigations.models import Case, CaseCluster, ClusterVersion
from investigations.models.choices import OPEN_CASE_STATES
from investigations.selectors.runs import run_latest


@dataclass(frozen=True)
class RailCounts:
    """Counts beside the entries of the rail; None leaves the entry bare."""

    triage: int  # clusters of the latest run that no case looks at yet
    clusters: int
    cases: int  # open ones
    imports_open: int


def rail_counts(dataset: Dataset) -> RailCounts:
    """What waits in each part of the console. One query, and one for the newest run."""
    run = run_latest(dataset)
    clusters = ClusterVersion.objects.filter(run=run) if run else ClusterVersion.objects.filter(run=None)
    looked_at = CaseCluster.objects.filter(cluster=OuterRef("cluster"))
    counts = Dataset.objects.filter(pk=dataset.pk).values_list(
        _count(clusters.filter(~Exists(looked_at))),
        _count(clusters),
        _count(Case.objects.filter(dataset=dataset, state__in=OPEN_CASE_STATES)),
        _count(Batch.objects.filter(dataset=dataset, state__in=OPEN_BATCH_STATES)),
    )
    return RailCounts(*counts[0])


def _count(rows: QuerySet[Model]) -> Subquery:
    counted = rows.order_by().annotate(n=Func(F("pk"), function="count", output_field=IntegerField()))
    return Subquery(counted.values("n"))
