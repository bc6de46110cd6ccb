"""A dataset as the columns that a run reads: accounts, sightings, declared links and the files of exchanges."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection, transaction

from accounts.event_store.store import event_paths
from accounts.ingest.copying import copy_out_bytes
from accounts.ingest.kernels.pgcopy import EPOCH, read_int64
from accounts.kinds import families_of
from accounts.models import EventDirectory, Status
from core.models import Dataset

ACCOUNTS = pa.schema(
    [
        ("account", pa.int64()),
        ("created_at", pa.int64()),
        ("status", pa.string()),
        ("status_changed_at", pa.int64()),
        ("plan", pa.string()),
    ]
)
SIGHTINGS = pa.schema(
    [
        ("account", pa.int64()),
        ("kind", pa.string()),
        ("value", pa.int64()),
        ("first_at", pa.int64()),
        ("last_at", pa.int64()),
        ("count", pa.int64()),
    ]
)
DECLARED = pa.schema([("account", pa.int64()), ("group", pa.int64())])
"""Schemas of the engine's input, by value (a test compares them with the engine's)."""


@dataclass(frozen=True)
class EngineInputs:
    """What a run reads of a dataset; equal data gives an equal digest."""

    accounts: pa.Table
    sightings: pa.Table
    declared: pa.Table
    exchanges: tuple[str, ...]
    families: dict[str, str]
    now: int
    """The newest moment that the data speaks of, in microseconds: the clock of a run is the data's own."""
    digest: str


def engine_inputs(dataset: Dataset) -> EngineInputs:
    """Reads a dataset's columns in one snapshot. About a second per million sightings."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not connection.savepoint_ids and len(connection.atomic_blocks) == 1:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        accounts = _accounts(cursor, dataset)
        sightings = _sightings(cursor, dataset)
        now = _now(cursor, dataset)
        paths = tuple(str(path) for path in event_paths(dataset))
        listed = list(
            EventDirectory.objects.filter(dataset=dataset, replaced_at__isnull=True)
            .order_by("id")
            .values_list("digest")
        )
    declared = DECLARED.empty_table()
    kinds = pc.unique(sightings.column("kind")).to_pylist()
    digest = hashlib.sha256(str((listed, now)).encode())
    for table in (accounts, sightings, declared):
        digest.update(_table_digest(table))
    return EngineInputs(accounts, sightings, declared, paths, families_of(kinds), now, digest.hexdigest())


def _accounts(cursor: object, dataset: Dataset) -> pa.Table:
    states = ", ".join(f"'{status}'" for status in Status.values)
    cursor.execute("SELECT DISTINCT plan FROM accounts_account WHERE dataset_id = %s AND plan <> ''", [dataset.pk])  # type: ignore[attr-defined]
    plans = sorted(row[0] for row in cursor.fetchall())  # type: ignore[attr-defined]
    named = ", ".join("'" + plan.replace("'", "''") + "'" for plan in plans)
    values, valid = _columns(
        cursor,
        f"""SELECT id, created_at, array_position(ARRAY[{states}]::text[], status::text)::bigint, status_changed_at,
        array_position(ARRAY[{named}]::text[], plan::text)::bigint
        FROM accounts_account WHERE dataset_id = {dataset.pk} ORDER BY id""",
        5,
    )
    states_by_number = pa.array(Status.values)
    return pa.table(
        [
            pa.array(values[0]),
            _times(values[1], valid[1]),
            states_by_number.take(pa.array(values[2] - 1)),
            _times(values[3], valid[3]),
            pa.array(plans, pa.string()).take(pa.array(values[4] - 1, mask=~valid[4])),
        ],
        schema=ACCOUNTS,
    )


def _sightings(cursor: object, dataset: Dataset) -> pa.Table:
    cursor.execute("SELECT DISTINCT kind FROM accounts_identifier WHERE dataset_id = %s", [dataset.pk])  # type: ignore[attr-defined]
    kinds = sorted(row[0] for row in cursor.fetchall())  # type: ignore[attr-defined]
    if not kinds:
        return SIGHTINGS.empty_table()
    named = ", ".join("'" + kind.replace("'", "''") + "'" for kind in kinds)
    # All rows are read: what PostgreSQL last counted (none, before a load) must not talk it into looking up each one.
    cursor.execute("SET LOCAL enable_nestloop = off")  # type: ignore[attr-defined]
    values, valid = _columns(
        cursor,
        f"""SELECT s.account_id, array_position(ARRAY[{named}]::text[], i.kind::text)::bigint, s.identifier_id,
        s.first_at, s.last_at, s.n::bigint FROM accounts_sighting s
        JOIN accounts_identifier i ON i.id = s.identifier_id WHERE i.dataset_id = {dataset.pk}""",
        6,
    )
    cursor.execute("SET LOCAL enable_nestloop = on")  # type: ignore[attr-defined]
    order = np.lexsort((values[2], values[1], values[0]))
    values, valid = values[:, order], valid[:, order]
    return pa.table(
        [
            pa.array(values[0]),
            pa.array(kinds).take(pa.array(values[1] - 1)),
            pa.array(values[2]),
            _times(values[3], valid[3]),
            _times(values[4], valid[4]),
            pa.array(values[5]),
        ],
        schema=SIGHTINGS,
    )


def _now(cursor: object, dataset: Dataset) -> int:
    values, valid = _columns(
        cursor,
        f"""SELECT greatest(max(created_at), max(status_changed_at), max(last_seen_at)) FROM accounts_account
        WHERE dataset_id = {dataset.pk}""",
        1,
    )
    return int(values[0][0]) + EPOCH if valid[0].all() and values.shape[1] else 0


def _columns(cursor: object, query: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    return read_int64(copy_out_bytes(cursor, query, "binary"), n)


def _times(values: np.ndarray, valid: np.ndarray) -> pa.Array:
    return pa.array(values + EPOCH, mask=~valid)


def _table_digest(table: pa.Table) -> bytes:
    """A digest of a table's content that does not depend on how its memory is laid out."""
    total = hashlib.sha256()
    for column in table.columns:
        array = column.combine_chunks()
        if pa.types.is_string(array.type):
            array = pc.dictionary_encode(array)
            array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
            total.update("\x1f".join(array.dictionary.to_pylist()).encode())
            array = array.indices
        total.update(np.asarray(pc.fill_null(array, -1)).tobytes())
        total.update(np.asarray(array.is_valid()).tobytes())
    return total.digest()
