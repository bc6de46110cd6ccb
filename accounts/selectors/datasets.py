"""Datasets with what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Sum

from accounts.models import Account, EventDirectory
from core.models import Dataset


@dataclass(frozen=True)
class DatasetRow:
    """One dataset in a list."""

    name: str
    kind: str
    created_at: datetime
    n_accounts: int
    n_sessions: int
    n_exchanges: int
    n_event_bytes: int
    last_seen_at: datetime | None


def dataset_list() -> list[DatasetRow]:
    """All datasets by name. Three queries."""
    accounts = {
        row["dataset"]: row
        for row in Account.objects.values("dataset").annotate(
            n=Count("pk"),
            total_sessions=Sum("n_sessions"),
            total_exchanges=Sum("n_exchanges"),
            last=Max("last_seen_at"),
        )
    }
    events = dict(EventDirectory.objects.values_list("dataset").annotate(n=Sum("n_bytes")).order_by())
    rows = []
    for dataset in Dataset.objects.order_by("name"):
        held: dict[str, Any] = dict(accounts.get(dataset.pk, {}))
        rows.append(
            DatasetRow(
                name=dataset.name,
                kind=dataset.get_kind_display(),
                created_at=dataset.created_at,
                n_accounts=held.get("n", 0),
                n_sessions=held.get("total_sessions") or 0,
                n_exchanges=held.get("total_exchanges") or 0,
                n_event_bytes=events.get(dataset.pk, 0),
                last_seen_at=held.get("last"),
            )
        )
    return rows
