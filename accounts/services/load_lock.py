"""The lock that makes loads of one dataset, and what rewrites what they left, come one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from core.models import Dataset

_LOCK = 0x1A6E57  # the advisory locks of loads; the second number is the dataset's


@contextmanager
def load_lock(dataset: Dataset) -> Iterator[None]:
    """Holds the dataset's load lock: two loads of one dataset come one after the other, also across machines."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK, dataset.pk])
    try:
        folder = Path(settings.HYDRASCOPE_HOME) / "tmp" / "ingest"
        for stale in folder.glob(f"{dataset.public_id}-*"):
            shutil.rmtree(stale, ignore_errors=True)
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, dataset.pk])
