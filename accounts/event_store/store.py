"""The event store: exchanges as directories of Parquet files, which exist once a manifest row lists them."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings

from accounts.models import EventDirectory
from core.models import Dataset

ROWS_PER_FILE = 8_000_000
ROWS_PER_GROUP = 262_144
_REPEATING = ["model", "system", "tools", "parameters", "api_key"]

EXCHANGES = pa.schema(
    [
        ("account", pa.int64()),
        ("at", pa.int64()),
        ("status", pa.int8()),
        ("surface", pa.int8()),
        ("model", pa.string()),
        ("exchange", pa.int64()),
        ("session", pa.int64()),
        ("api_key", pa.int64()),
        ("content", pa.int64()),
        ("system", pa.int64()),
        ("tools", pa.int64()),
        ("parameters", pa.int64()),
        ("output", pa.int64()),
        ("prefix", pa.int64()),
        ("end_user", pa.int64()),
        ("input_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
    ]
)
"""Columns of an event file (equal to the engine's; a test compares them)."""


@dataclass(frozen=True)
class Written:
    """A finished directory that is not listed yet."""

    path: str
    digest: str
    n_rows: int
    n_bytes: int


def store_root() -> Path:
    """The folder that holds all event directories."""
    return Path(settings.HYDRASCOPE_HOME) / "events"


def dataset_folder(dataset: Dataset) -> Path:
    """The folder of a dataset's event directories."""
    return store_root() / f"dataset-{dataset.pk}"


def event_paths(dataset: Dataset) -> list[Path]:
    """The listed Parquet files of a dataset, in order."""
    listed = EventDirectory.objects.filter(dataset=dataset, replaced_at__isnull=True).order_by("id")
    return [path for row in listed for path in sorted((store_root() / row.path).glob("*.parquet"))]


class EventWriter:
    """Writes exchanges into a hidden directory; `finish` syncs and renames it, `discard` removes it."""

    def __init__(self, dataset: Dataset) -> None:
        name = secrets.token_hex(8)
        self._final = dataset_folder(dataset) / f"d-{name}"
        self.folder = dataset_folder(dataset) / f".tmp-{name}"
        self._writer: pq.ParquetWriter | None = None
        self._in_file = 0
        self._pending: list[pa.RecordBatch] = []
        self._n_pending = 0
        self.n_rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows of schema EXCHANGES."""
        if not len(batch):
            return
        self._pending.append(batch)
        self._n_pending += len(batch)
        self.n_rows += len(batch)
        if self._n_pending >= ROWS_PER_GROUP:
            self._flush()

    def close(self) -> list[Path]:
        """Ends the files; returns them in order."""
        self._flush()
        self._roll()
        return sorted(self.folder.glob("*.parquet"))

    def finish(self) -> Written:
        """Syncs files and folder and gives the directory its final name."""
        paths = self.close()
        total, n_bytes = hashlib.sha256(), 0
        for path in paths:
            total.update(_synced_digest(path))
            n_bytes += path.stat().st_size
        _sync_folder(self.folder)
        self.folder.replace(self._final)
        _sync_folder(self._final.parent)
        place = str(self._final.relative_to(store_root()))
        return Written(path=place, digest=total.hexdigest(), n_rows=self.n_rows, n_bytes=n_bytes)

    def discard(self) -> None:
        """Removes what was written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self._final, ignore_errors=True)

    def _flush(self) -> None:
        if not self._pending:
            return
        table = pa.Table.from_batches(self._pending, schema=EXCHANGES).combine_chunks()
        self._pending, self._n_pending = [], 0
        if self._writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"part-{len(list(self.folder.glob('*.parquet'))):05d}.parquet"
            self._writer = pq.ParquetWriter(
                path, EXCHANGES, compression="zstd", compression_level=1, use_dictionary=_REPEATING
            )
        self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        self._in_file += len(table)
        if self._in_file >= ROWS_PER_FILE:
            self._roll()

    def _roll(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._in_file = 0


def events_remove(dataset_number: int) -> None:
    """Removes the event directories of a dataset that was deleted."""
    shutil.rmtree(store_root() / f"dataset-{dataset_number}", ignore_errors=True)


def orphans_remove(dataset: Dataset) -> int:
    """Removes directories that no manifest row lists, traces of a load that was cut off; under the load lock."""
    folder = dataset_folder(dataset)
    if not folder.exists():
        return 0
    listed = set(EventDirectory.objects.filter(dataset=dataset).values_list("path", flat=True))
    stale = [p for p in folder.iterdir() if p.is_dir() and str(p.relative_to(store_root())) not in listed]
    for path in stale:
        shutil.rmtree(path)
    return len(stale)


def _synced_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").digest()


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def moment(micros: int) -> datetime:
    """The moment that microseconds since 1970 name."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
