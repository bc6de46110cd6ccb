"""Making a run's results visible: all of it in one transaction, or nothing.

Cost: three COPYs, no row of Python per link or member; measured in bench/bench_runs.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.utils import timezone

from core import audit
from core.public_ids import numbers_new
from investigations.linkage import Result, match_clusters
from investigations.linkage.lineage import Lineage
from investigations.models import Cluster, ClusterVersion, HubValue, LineageEvent, Link, Member, Run
from investigations.models.choices import LineageKind, RunState
from investigations.services import landing_tables as tables
from investigations.services.bulk import numbers_reserve, rows_copy
from investigations.services.landing_figures import figures_of, judged_clusters
from investigations.services.runs import RUN_LANDED

KEPT_RUNS = 2
PARTS = 6
EVENT_KINDS = {"kept": LineageKind.SAME}
Ints = npt.NDArray[np.int64]


class LostRun(Exception):
    """Another worker has claimed the run since; nothing was written."""


@dataclass(frozen=True)
class Identities:
    """Durable numbers by local cluster: of the cluster, of its new version, and what it continues."""

    cluster: Ints
    version: Ints
    n_new: Ints
    lineage: Lineage
    n_before: dict[int, int]
    """Members of each durable cluster in the run before."""


def run_land(
    run: Run, result: Result, *, steps: list[dict[str, Any]], progress: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Writes links, clusters, members, hubs and lineage and ends the run, all at once. Raises LostRun."""
    with transaction.atomic():
        result = tables.without_vanished(result, _existing_accounts(run))
        identities = _identities(run, result)
        progress(1, PARTS)
        _versions_write(run, result, identities)
        progress(2, PARTS)
        rows_copy(Member, tables.members(result.members, identities.version))
        progress(3, PARTS)
        rows_copy(Link, tables.links(result.links, result.evidence, run.pk, identities.cluster))
        rows_copy(HubValue, tables.hubs(result.hubs, run.pk))
        progress(4, PARTS)
        _lineage_write(run, identities)
        _clusters_point(run)
        _old_rows_drop(run)
        progress(5, PARTS)
        _finish(run, result, steps)
    progress(PARTS, PARTS)


def _existing_accounts(run: Run) -> Ints:
    """The dataset's accounts now: one that was erased while the run worked does not come back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM accounts_account WHERE dataset_id = %s ORDER BY id", [run.dataset_id])
        return np.fromiter((row[0] for row in cursor.fetchall()), dtype=np.int64)


def _identities(run: Run, result: Result) -> Identities:
    """Matches the clusters with those of the newest run that has rows, and makes the clusters that are new."""
    before = _members_before(run)
    now = dict(zip(result.members["account"].to_pylist(), result.members["cluster"].to_pylist(), strict=True))
    lineage = match_clusters(before, now)
    n = result.clusters.num_rows
    cluster = np.array([lineage.identity.get(i) or 0 for i in range(n)], dtype=np.int64)
    born = np.flatnonzero(cluster == 0)
    cluster[born] = numbers_reserve(Cluster, born.size)
    rows_copy(Cluster, tables.clusters(cluster[born], numbers_new(born.size), run))
    n_before = _counted(before)
    n_new = np.asarray(result.clusters["n_accounts"].to_numpy(), dtype=np.int64).copy()
    for event in lineage.events:
        if event.new is not None and lineage.identity[event.new] is not None:
            n_new[event.new] = event.joined
    return Identities(cluster, numbers_reserve(ClusterVersion, n), n_new, lineage, n_before)


def _members_before(run: Run) -> dict[int, int]:
    """Account to durable cluster, of the newest run before this one that has rows."""
    last = Run.objects.filter(dataset=run.dataset_id, has_rows=True).exclude(pk=run.pk).order_by("-number").first()
    if last is None:
        return {}
    rows = Member.objects.filter(version__run=last).values_list("account_id", "version__cluster_id")
    return dict(rows.iterator(chunk_size=20_000))


def _counted(members: dict[int, int]) -> dict[int, int]:
    numbers, counts = np.unique(np.fromiter(members.values(), dtype=np.int64, count=len(members)), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _versions_write(run: Run, result: Result, identities: Identities) -> None:
    figures = figures_of(result.members)
    rows = tables.versions(
        result,
        run_id=run.pk,
        cluster=identities.cluster,
        version=identities.version,
        n_new=identities.n_new,
        figures=figures,
        judged=judged_clusters(run.dataset_id),
    )
    rows_copy(ClusterVersion, rows)


def _lineage_write(run: Run, identities: Identities) -> None:
    LineageEvent.objects.bulk_create(
        [row for event in identities.lineage.events for row in _event_rows(run, event, identities)],
        batch_size=5_000,
    )


def _event_rows(run: Run, event: Any, identities: Identities) -> list[LineageEvent]:
    """One row for each other cluster that an event names, at least one."""
    kind = EVENT_KINDS.get(event.event, event.event)
    own = event.old[0] if event.new is None else int(identities.cluster[event.new])
    first = event.old[0] if event.old else None
    n_before = identities.n_before.get(first, 0) if first is not None else 0
    n_shared = max(n_before - event.left, 0)
    others = [number for number in event.old if number != own] or [None]
    return [
        LineageEvent(
            run=run,
            kind=kind,
            cluster_id=own,
            other_id=other,
            n_before=n_before,
            n_after=0 if event.new is None else n_shared + event.joined,
            n_shared=0 if event.new is None else n_shared,
        )
        for other in others
    ]


def _clusters_point(run: Run) -> None:
    """Points each found cluster at its version of this run, and ends those that were not found again."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE investigations_cluster AS c SET current_id = v.id, ended_in_id = NULL
            FROM investigations_clusterversion AS v WHERE v.run_id = %s AND v.cluster_id = c.id""",
            [run.pk],
        )
        cursor.execute(
            """UPDATE investigations_cluster AS c SET ended_in_id = %s
            WHERE c.dataset_id = %s AND c.ended_in_id IS NULL AND NOT EXISTS (
                SELECT 1 FROM investigations_clusterversion AS v WHERE v.run_id = %s AND v.cluster_id = c.id)""",
            [run.pk, run.dataset_id, run.pk],
        )


def _old_rows_drop(run: Run) -> None:
    """Drops links, members and hubs of all but the last two runs; versions and their figures stay."""
    done = Run.objects.filter(dataset=run.dataset_id, has_rows=True).exclude(pk=run.pk).order_by("-number")
    old = list(done.values_list("pk", flat=True)[KEPT_RUNS - 1 :])
    if not old:
        return
    Link.objects.filter(run__in=old)._raw_delete("default")
    HubValue.objects.filter(run__in=old)._raw_delete("default")
    Member.objects.filter(version__in=ClusterVersion.objects.filter(run__in=old))._raw_delete("default")
    Run.objects.filter(pk__in=old).update(has_rows=False)


def _finish(run: Run, result: Result, steps: list[dict[str, Any]]) -> None:
    """Ends the run, unless somebody else has it by now; the last statement, so that heartbeats are not held up."""
    mine = Run.objects.filter(pk=run.pk, claims=run.claims, state=RunState.RUNNING)
    ended = mine.update(
        state=RunState.DONE,
        has_rows=True,
        finished_at=timezone.now(),
        statistics=result.statistics,
        model=result.model,
        model_digest=result.model["digest"],
        input_digest=run.input_digest,
        peak_mb=run.peak_mb,
        steps=[row | {"state": "done"} for row in steps],
        error=None,
    )
    if not ended:
        raise LostRun
    audit.record(
        RUN_LANDED,
        actor=run.requested_by,
        target=run.public_id,
        dataset=run.dataset.name,
        number=run.number,
        links=result.links.num_rows,
        clusters=result.clusters.num_rows,
    )
