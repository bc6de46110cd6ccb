"""Loading extracts: a batch of files, one dataset, one load at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.event_store.store import orphans_remove
from accounts.ingest.hashing import EventKeys
from accounts.ingest.kernels import kernels_ready
from accounts.ingest.landing import Landed
from accounts.ingest.load import FileLoad, RefusedWhole, rejects_store
from accounts.ingest.mapping import Emission, Mapping, Source
from accounts.ingest.names import AccountNames
from accounts.ingest.origin import Origin, origin_digest, origin_of_path
from accounts.ingest.problems import FileProblem
from accounts.ingest.readers import Piece
from accounts.ingest.tables import SUFFIXES, TABLES, file_stem
from accounts.ingest.waiting import waiting_arrived, waiting_open
from accounts.models import Batch, BatchFile, BatchState, FileState, Identifier, WaitingRow
from accounts.services.batches import BATCH_LOADED, batch_create, batch_hold, batch_tell, batches_interrupted
from accounts.services.load_lock import load_lock
from core import audit
from core.datasets import dataset_ensure
from core.disk import is_disk_full
from core.errors import Conflict
from core.keys import keyring
from core.models import Dataset
from core.models.dataset import DatasetKind

log = structlog.get_logger("ingest")
OUR_TROUBLE = frozenset({"out_of_memory", "disk_full", "load_failed"})
"""Codes of files that failed by the machine's doing, not by their own."""
_WAITING_AT_ONCE = 5000


@dataclass(frozen=True)
class LoadProgress:
    """How far the load of one file is."""

    file: str
    n_rows: int
    n_bytes: int
    total_bytes: int


Progress = Callable[[LoadProgress], None]


@dataclass
class IngestReport:
    """What came of a batch: counts per table, and its files."""

    batch: Batch
    files: list[BatchFile]
    accepted: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)
    """Rows that had waited for their account and were loaded now."""
    ignored: dict[str, list[str]] = field(default_factory=dict)
    """File to the columns that no table has."""
    skipped: list[str] = field(default_factory=list)
    """Files of a folder that name no table."""
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 all landed, 1 a file refused whole, 2 nothing could be read, 3 some file could not, 4 the machine failed."""
        states = [file.state for file in self.files]
        if any(file.error and file.error.get("code") in OUR_TROUBLE for file in self.files):
            return 4
        if not states or all(state == FileState.FAILED for state in states):
            return 2
        if FileState.FAILED in states:
            return 3
        return 1 if FileState.REFUSED in states else 0


@dataclass(frozen=True)
class Found:
    """The input files of a call, in the order in which they load, and files of folders that are none."""

    origins: list[Origin]
    skipped: list[str]
    problems: dict[str, FileProblem]


def ingest_files(
    paths: Sequence[Path],
    *,
    dataset: str,
    mapping: Mapping | None = None,
    strict: bool = False,
    started_by: Any = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Loads files and folders into a dataset (made when it is new), here and now."""
    mapping = mapping or Mapping()
    found = files_find(paths, mapping)
    kind = DatasetKind.DEMO if dataset == "demo" else DatasetKind.LIVE
    target = dataset_ensure(dataset, kind=kind, by=started_by)
    batches_interrupted()
    try:
        report = _files_load(found, target, mapping, strict=strict, started_by=started_by, progress=progress)
    except BaseException:  # an interrupt too: the batch has ended, and says so
        if connection.connection is not None and not connection.connection.closed:
            batches_interrupted()
        raise
    report.skipped = found.skipped
    return report


def _files_load(
    found: Found, dataset: Dataset, mapping: Mapping, *, strict: bool, started_by: Any, progress: Progress | None
) -> IngestReport:
    with ExitStack() as holding:
        with transaction.atomic():  # nobody sees the batch before this process holds it
            batch = batch_create(dataset, mapping=mapping, strict=strict, started_by=started_by)
            holding.enter_context(batch_hold(batch))
            for name, problem in found.problems.items():
                BatchFile.objects.create(batch=batch, name=name[:255], state=FileState.FAILED, error=problem.as_dict())
            work = [
                (BatchFile.objects.create(batch=batch, name=origin.name[:255], n_bytes=origin.n_bytes), origin)
                for origin in found.origins
            ]
        return batch_run(batch, work, mapping, progress=progress)


def files_find(paths: Sequence[Path], mapping: Mapping) -> Found:
    """Expands folders, sorts files so that accounts come first, names those that cannot be read."""
    known: list[tuple[int, str, Origin]] = []
    skipped: list[str] = []
    problems: dict[str, FileProblem] = {}
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        for file in inside:
            source = _source_of(file.name, mapping)
            if source is None and path.is_dir():
                skipped.append(file.name)
                continue
            try:
                if source is None:
                    origin_of_path(file)
                    raise _no_table(file.name)
                known.append((_rank(source), file.name, origin_of_path(file)))
            except FileProblem as problem:
                problems[file.name] = problem
    known.sort(key=lambda entry: entry[:2])
    return Found([origin for _, _, origin in known], skipped, problems)


def batch_run(
    batch: Batch, work: list[tuple[BatchFile, Origin]], mapping: Mapping, *, progress: Progress | None = None
) -> IngestReport:
    """Loads a batch's files that are not settled yet, under the dataset's load lock; ends the batch."""
    start = timezone.now()
    kernels_ready()
    report = IngestReport(batch=batch, files=[])
    Batch.objects.filter(pk=batch.pk).update(
        state=BatchState.LOADING, started_at=start, heartbeat_at=start, attempts=batch.attempts + 1
    )
    with load_lock(batch.dataset), connection.cursor() as cursor:
        _require_current_keys(batch.dataset)
        orphans_remove(batch.dataset)
        event_keys = EventKeys.load()
        names = AccountNames(cursor, batch.dataset, event_keys.account)
        for file, origin in work:
            if file.state in (FileState.QUEUED, FileState.LOADING):
                _file_load(file, origin, mapping, names, event_keys, report, progress)
        _waiting_load(batch.dataset, names, event_keys, report)
    return _batch_end(batch, report, (timezone.now() - start).total_seconds())


def _file_load(
    file: BatchFile,
    origin: Origin,
    mapping: Mapping,
    names: AccountNames,
    event_keys: EventKeys,
    report: IngestReport,
    progress: Progress | None,
) -> None:
    """Loads one file and settles its row, whatever happens."""
    file.state = FileState.LOADING
    file.save(update_fields=["state"])
    try:
        file.digest = origin_digest(origin)
        if _landed_before(file):
            return
        source = _source_of(origin.name, mapping)
        if source is None:
            raise _no_table(origin.name)
        _file_read(file, origin, source, names, event_keys, report, progress)
    except FileProblem as problem:
        _file_fail(file, problem)
    except Exception as error:  # whatever fails, the file's row says so and the other files go on
        if connection.connection is None or connection.connection.closed:
            raise  # without a database there is no row to say so in, and no load lock any more
        log.exception("ingest.file_failed", file=file.pk)
        _file_fail(file, _trouble(file.name, error))


def _file_read(
    file: BatchFile,
    origin: Origin,
    source: Source,
    names: AccountNames,
    event_keys: EventKeys,
    report: IngestReport,
    progress: Progress | None,
) -> None:
    load = FileLoad(dataset=file.batch.dataset, file=file, names=names, event_keys=event_keys)
    is_landed = False
    try:
        load.read(origin, source, lambda rows, size: _told(file, rows, size, progress))
        load.land(strict=file.batch.is_strict, settle=lambda found: _file_settle(file, load, found))
        is_landed = True
        if load.ignored_columns:
            report.ignored[file.name] = load.ignored_columns
    except RefusedWhole:
        rejects_store(file, load.refusals, file.batch.dataset)
        file.state = FileState.REFUSED
        file.refused = dict(load.refusals.counts)
        file.save()
    finally:
        load.close(landed=is_landed)
        if is_landed:
            names.keep()
        else:
            names.forget()


def _file_settle(file: BatchFile, load: FileLoad, landed: Landed) -> None:
    """Marks the file as landed in the transaction that lands it."""
    file.state = FileState.LANDED
    file.landed_at = timezone.now()
    file.accepted = {table: n for table, n in landed.accepted.items() if n}
    file.duplicates = {table: n for table, n in landed.duplicates.items() if n}
    file.refused = dict(load.refusals.counts)
    file.waiting = dict(load.waiting)
    file.save()


def _landed_before(file: BatchFile) -> bool:
    """Settles a file whose bytes landed in this dataset before, with the same mapping: all of it is there."""
    earlier = BatchFile.objects.filter(
        digest=file.digest,
        state=FileState.LANDED,
        batch__dataset=file.batch.dataset,
        batch__mapping=file.batch.mapping,
    ).first()
    if earlier is None:
        return False
    tables = set(earlier.accepted) | set(earlier.duplicates)
    file.duplicates = {t: earlier.accepted.get(t, 0) + earlier.duplicates.get(t, 0) for t in tables}
    file.state = FileState.DUPLICATE
    file.n_bytes_read = file.n_bytes
    file.save()
    return True


def _file_fail(file: BatchFile, problem: FileProblem) -> None:
    if connection.in_atomic_block and connection.needs_rollback:
        raise problem
    file.state, file.landed_at = FileState.FAILED, None
    file.accepted, file.duplicates, file.refused, file.waiting = {}, {}, {}, {}
    file.error = problem.as_dict()
    file.save()


def _told(file: BatchFile, n_rows: int, n_bytes: int, progress: Progress | None) -> None:
    BatchFile.objects.filter(pk=file.pk).update(n_rows_read=n_rows, n_bytes_read=min(n_bytes, file.n_bytes))
    Batch.objects.filter(pk=file.batch_id).update(heartbeat_at=timezone.now())
    file.n_rows_read, file.n_bytes_read = n_rows, min(n_bytes, file.n_bytes)
    if progress:
        progress(LoadProgress(file.name, n_rows, file.n_bytes_read, file.n_bytes))


def _waiting_load(dataset: Dataset, names: AccountNames, event_keys: EventKeys, report: IngestReport) -> None:
    """Loads the rows that waited for accounts which are there by now, file by file."""
    with connection.cursor() as cursor:
        arrived = waiting_arrived(cursor, dataset)
    for file_id, numbers in arrived.items():
        file = BatchFile.objects.select_related("batch__dataset").get(pk=file_id)
        for at in range(0, len(numbers), _WAITING_AT_ONCE):
            _waiting_load_some(file, numbers[at : at + _WAITING_AT_ONCE], names, event_keys, report)


def _waiting_load_some(
    file: BatchFile, numbers: list[int], names: AccountNames, event_keys: EventKeys, report: IngestReport
) -> None:
    load = FileLoad(dataset=file.batch.dataset, file=file, names=names, event_keys=event_keys)
    is_landed = False
    try:
        for table in TABLES:
            rows = WaitingRow.objects.filter(pk__in=numbers, table=table).order_by("id")
            envelopes = [bytes(envelope) for envelope in rows.values_list("rows_sealed", flat=True)]
            if envelopes:
                typed = waiting_open(envelopes, table)
                load.take(typed, Emission(TABLES[table]), Piece({}, typed.lines, lambda i: ""))

        def settle(landed: Landed) -> None:
            WaitingRow.objects.filter(pk__in=numbers).delete()
            _arrived_count(file, load, landed)

        landed = load.land(strict=False, settle=settle)
        is_landed = True
    finally:
        load.close(landed=is_landed)
        names.keep()
    for table, n in landed.accepted.items():
        if n:
            report.arrived[table] = report.arrived.get(table, 0) + n


def _arrived_count(file: BatchFile, load: FileLoad, landed: Landed) -> None:
    """Moves rows that waited over to the file's other counts."""
    for table in TABLES:
        n, same, refused = (c.get(table, 0) for c in (landed.accepted, landed.duplicates, load.refusals.counts))
        if n or same or refused:
            file.accepted[table] = file.accepted.get(table, 0) + n
            file.duplicates[table] = file.duplicates.get(table, 0) + same
            file.refused[table] = file.refused.get(table, 0) + refused
            file.waiting[table] = max(0, file.waiting.get(table, 0) - n - same - refused)
    file.save(update_fields=["accepted", "duplicates", "refused", "waiting"])


def _batch_end(batch: Batch, report: IngestReport, seconds: float) -> IngestReport:
    """Sums the files up, writes the batch's end and its audit entry."""
    report.files = list(BatchFile.objects.filter(batch=batch).order_by("id"))
    for file in report.files:
        for total, counts in (
            (report.accepted, file.accepted),
            (report.refused, file.refused),
            (report.duplicates, file.duplicates),
            (report.waiting, file.waiting),
        ):
            for table, n in counts.items():
                total[table] = total.get(table, 0) + n
    fine = [file for file in report.files if file.state in (FileState.LANDED, FileState.DUPLICATE)]
    state = BatchState.LANDED if len(fine) == len(report.files) else BatchState.PARTLY
    batch.state = state if fine else BatchState.FAILED
    batch.finished_at = timezone.now()
    batch.attempts += 1
    report.seconds = seconds
    with transaction.atomic():
        batch.save(update_fields=["state", "finished_at"])
        batch_tell(batch)
        audit.record(
            BATCH_LOADED,
            actor=batch.started_by,
            target=str(batch.public_id),
            dataset=batch.dataset.name,
            accepted=report.accepted,
            refused=report.refused,
            files=len(report.files),
        )
    batch.refresh_from_db()
    return report


def _require_current_keys(dataset: Dataset) -> None:
    active = keyring().active.id
    if len(keyring().keys) == 1:
        return
    if Identifier.objects.filter(dataset=dataset).exclude(key_id=active).exists():
        raise Conflict(
            f"The keys were rotated, but the dataset {dataset.name} still has digests of the old key.",
            code="keys_rotated",
            what_to_do="Run manage.py rederive, then load again.",
        )


def _source_of(name: str, mapping: Mapping) -> Source | None:
    stem = file_stem(name)
    return None if stem is None else mapping.source_for(stem)


def _rank(source: Source) -> int:
    return min(list(TABLES).index(emission.table.name) for emission in source.emissions)


def _no_table(name: str) -> FileProblem:
    stem = file_stem(name)
    if stem is None:
        return FileProblem(
            f"{name} is of no kind that can be read; files end in {', '.join(SUFFIXES)}.",
            code="unknown_format",
            hint="Export it as CSV or Parquet.",
        )
    return FileProblem(
        f"“{stem}” names no table; there are {', '.join(TABLES)}.",
        code="no_table",
        hint="Rename the file after its table, or give a mapping file with --mapping.",
    )


def _trouble(name: str, error: Exception) -> FileProblem:
    """What to say when the machine or the database fails in the middle of a file."""
    whole = str(error).strip()
    text = whole.splitlines()[0] if whole else type(error).__name__
    is_memory = isinstance(error, MemoryError | duckdb.OutOfMemoryException) or "out of memory" in text.lower()
    # The scratch database says that memory is short when it finds no room to spill either.
    if is_disk_full(error) or (is_memory and shutil.disk_usage(settings.HYDRASCOPE_HOME).free < ROOM_TO_SPILL):
        return FileProblem(
            f"The disk is full; nothing of {name} was loaded.",
            code="disk_full",
            hint="Free some space, then load again.",
        )
    if is_memory:
        return FileProblem(
            f"This machine ran out of memory while it loaded {name}; nothing is wrong with the file,"
            " and nothing of it is visible.",
            code="out_of_memory",
            hint="Load it again when the machine has more memory to spare, or in several parts.",
        )
    return FileProblem(
        f"{name} was not loaded, and nothing of it is visible: {text}", code="load_failed", hint="Load it again."
    )


ROOM_TO_SPILL = 64 << 20
