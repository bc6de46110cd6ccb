"""What the accounts of clusters did, summed in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from django.db import connection

from investigations.holding import Volume
from investigations.models import Verdict


@dataclass(frozen=True)
class Figures:
    volume: Volume
    first_seen_at: datetime | None
    last_seen_at: datetime | None


def figures_of(members: pa.Table) -> dict[int, Figures]:
    """Volume and first and last sight of each local cluster: one query over its members' accounts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT m.cluster, count(*), sum(a.n_sessions), sum(a.n_exchanges), sum(a.n_output_tokens),
                min(a.created_at), max(coalesce(a.last_seen_at, a.created_at))
            FROM unnest(%s::bigint[], %s::bigint[]) AS m(cluster, account)
            JOIN accounts_account AS a ON a.id = m.account GROUP BY m.cluster""",
            [members["cluster"].to_pylist(), members["account"].to_pylist()],
        )
        return {
            row[0]: Figures(Volume(row[1], int(row[2]), int(row[3]), int(row[4])), row[5], row[6])
            for row in cursor.fetchall()
        }


def judged_clusters(dataset_id: int) -> set[int]:
    """Clusters of the dataset that a person has given a verdict on."""
    return set(Verdict.objects.filter(cluster__dataset=dataset_id).values_list("cluster_id", flat=True))
