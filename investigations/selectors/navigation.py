"""Counts beside the entries of the rail."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from accounts.models import Batch
from accounts.models.batch import OPEN_BATCH_STATES
from core.models import Dataset
from investigations.models import Case, CaseCluster, ClusterVersion, Run, Verdict
from investigations.models.choices import OPEN_CASE_STATES
from investigations.selectors.runs import run_latest
from investigations.selectors.shapes import RailCounts
from staff.models import User


def rail_counts(dataset: Dataset, user: User) -> RailCounts:
    """What waits in each part of the console. Eight queries."""
    run = run_latest(dataset)
    clusters = ClusterVersion.objects.filter(run=run) if run else ClusterVersion.objects.none()
    looked_at = CaseCluster.objects.filter(cluster=OuterRef("cluster"))
    cases = Case.objects.filter(dataset=dataset, state__in=OPEN_CASE_STATES)
    return RailCounts(
        triage=clusters.filter(~Exists(looked_at)).count(),
        clusters=clusters.count(),
        cases=cases.count(),
        my_cases=cases.filter(owner=user).count(),
        runs=Run.objects.filter(dataset=dataset).count(),
        verdicts=Verdict.objects.filter(cluster__dataset=dataset, superseded_by__isnull=True).count(),
        imports_open=Batch.objects.filter(dataset=dataset, state__in=OPEN_BATCH_STATES).count(),
    )
