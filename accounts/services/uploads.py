"""Files that come through the browser or the API: sealed on disk until they are loaded or their retention ends."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.ingest.mapping import Mapping, mapping_parse
from accounts.ingest.origin import Origin
from accounts.ingest.problems import FileProblem
from accounts.ingest.tables import SUFFIXES, TABLES, file_stem, table_of_stem
from accounts.models import Batch, BatchFile, BatchState
from accounts.models.batch import OPEN_BATCH_STATES
from accounts.services.batches import batch_create, batch_hold, batch_tell
from core import keys
from core.access import Capability, require
from core.datasets import dataset_ensure
from core.errors import InvalidInput

if TYPE_CHECKING:
    from accounts.services.ingest import IngestReport, Progress

ATTEMPTS = 3
FRAME = 1 << 20
_OVERHEAD = 4 + 12 + 16  # key number, nonce, tag
_PURPOSE = "upload"
_STALE_AFTER = timedelta(seconds=20)  # too early does no harm: who loads the batch holds it


@dataclass(frozen=True)
class Upload:
    """A file as it arrives: its name and its bytes in chunks."""

    name: str
    chunks: Iterable[bytes]


class Unsealed(io.RawIOBase):
    """A sealed upload as a readable, seekable stream; one frame is in memory at a time."""

    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file = file
        self._n_bytes = n_bytes
        self._at = 0
        self._frame_number = -1
        self._frame = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._n_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._n_bytes:
            return 0
        number, start = divmod(self._at, FRAME)
        if number != self._frame_number:
            self._file.seek(number * (FRAME + _OVERHEAD))
            self._frame = keys.blob_unseal(self._file.read(FRAME + _OVERHEAD), purpose=_PURPOSE)
            self._frame_number = number
        part = self._frame[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()


class Sealing:
    """Bytes as they come, written to a file in sealed frames of equal clear size, so that a reader can find any byte."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pending = bytearray()
        self.n_bytes = 0

    def write(self, data: bytes) -> None:
        """Takes more bytes."""
        self._pending += data
        self.n_bytes += len(data)
        while len(self._pending) >= FRAME:
            self._frame(FRAME)

    def finish(self) -> int:
        """Writes what is left; returns the clear size."""
        if self._pending:
            self._frame(len(self._pending))
        self._file.flush()
        return self.n_bytes

    def _frame(self, size: int) -> None:
        self._file.write(keys.blob_seal(bytes(self._pending[:size]), purpose=_PURPOSE))
        del self._pending[:size]


def uploads_root() -> Path:
    """The folder of sealed uploads."""
    return Path(settings.HYDRASCOPE_HOME) / "uploads"


def batch_upload(
    *, dataset: str, uploads: Sequence[Upload], mapping_text: str = "", strict: bool = False, started_by: Any
) -> Batch:
    """Seals uploaded files and queues a batch for them; the caller sends `batch_ingest` once this is committed."""
    require(started_by, Capability.IMPORT)
    mapping = _mapping_of(mapping_text)
    if not uploads:
        raise InvalidInput("No file was sent.", code="no_file", what_to_do="Choose one or more CSV or Parquet files.")
    for upload in uploads:
        if file_stem(Path(upload.name).name) is None:
            raise InvalidInput(
                f"“{upload.name[:80]}” is of no kind that can be read.",
                code="unknown_format",
                what_to_do=f"Files end in {', '.join(SUFFIXES)}.",
            )
    target = dataset_ensure(dataset, by=started_by)
    with transaction.atomic():
        batch = batch_create(target, mapping=mapping, strict=strict, started_by=started_by)
        folder = uploads_root() / f"dataset-{target.pk}" / str(batch.public_id)
        try:
            for number, upload in enumerate(uploads):
                path = folder / f"{number}.sealed"
                size = _seal(upload.chunks, path)
                stored = str(path.relative_to(uploads_root()))
                name = Path(upload.name).name[:255]
                BatchFile.objects.create(batch=batch, name=name, n_bytes=size, stored_as=stored)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return batch


def batch_load(batch: Batch, *, progress: Progress | None = None) -> IngestReport | None:
    """Loads a queued batch from its sealed uploads, then removes them.

    None when it ended already, was given up, or another process has it: a broker sends a long load's message again
    while the load is alive.
    """
    from accounts.services.ingest import batch_run  # brings numba and DuckDB, which sealing does not need

    with batch_hold(batch) as is_held:
        if not is_held:
            return None
        batch.refresh_from_db(fields=["state", "attempts"])
        if batch.state not in OPEN_BATCH_STATES:
            return None
        if batch.attempts >= ATTEMPTS:
            _give_up(batch)
            return None
        files = [file for file in batch.files.order_by("id") if file.stored_as]
        files.sort(key=lambda file: _rank(file.name))
        work = [(file, _origin(file)) for file in files]
        report = batch_run(batch, work, _mapping_of(batch.mapping), progress=progress)
        uploads_remove(batch)
        return report


def uploads_remove(batch: Batch) -> None:
    """Removes a batch's sealed files."""
    folder = uploads_root() / f"dataset-{batch.dataset_id}" / str(batch.public_id)
    shutil.rmtree(folder, ignore_errors=True)
    batch.files.exclude(stored_as="").update(stored_as="")


def batches_stale() -> list[int]:
    """Queued or loading batches of uploads that no worker has touched for a while."""
    rows = Batch.objects.filter(state__in=OPEN_BATCH_STATES).exclude(files__stored_as="")
    before = timezone.now() - _STALE_AFTER
    return [b.pk for b in rows.distinct() if (b.heartbeat_at or b.created_at) < before]


def dataset_uploads_remove(dataset_number: int) -> None:
    """Removes the sealed uploads of a dataset that was deleted."""
    shutil.rmtree(uploads_root() / f"dataset-{dataset_number}", ignore_errors=True)


def _give_up(batch: Batch) -> None:
    batch.state = BatchState.FAILED
    batch.finished_at = timezone.now()
    batch.error = {
        "code": "gave_up",
        "detail": f"The import was tried {ATTEMPTS} times and its worker was lost each time.",
        "what_to_do": "Look at the worker's log, then upload the files again.",
    }
    with transaction.atomic():
        batch.save(update_fields=["state", "finished_at", "error"])
        batch_tell(batch)
    uploads_remove(batch)


def _seal(chunks: Iterable[bytes], path: Path) -> int:
    """Seals a file; returns its clear size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        sealing = Sealing(file)
        for chunk in chunks:
            sealing.write(chunk)
        return sealing.finish()


def _origin(file: BatchFile) -> Origin:
    path = uploads_root() / file.stored_as

    def opened() -> BinaryIO:
        return io.BufferedReader(Unsealed(path.open("rb"), file.n_bytes))  # type: ignore[return-value]

    return Origin(name=file.name, n_bytes=file.n_bytes, open=opened)


def _mapping_of(text: str) -> Mapping:
    try:
        return mapping_parse(text)
    except FileProblem as problem:
        raise InvalidInput(problem.reason, code=problem.code, what_to_do=problem.hint) from problem


def _rank(name: str) -> tuple[int, str]:
    table = table_of_stem(file_stem(name) or "")
    return (list(TABLES).index(table.name) if table else len(TABLES), name)
