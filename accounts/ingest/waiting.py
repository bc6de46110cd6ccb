"""Rows whose account has not arrived: sealed account by account, and opened again when it has."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from accounts.ingest.convert import Typed
from accounts.ingest.copying import copy_in, copy_out
from accounts.ingest.kernels.pgcopy import EPOCH
from accounts.ingest.staging import Staging
from accounts.ingest.tables import TABLES, Column, Type
from core import keys
from core.models import Dataset

KEPT_DAYS = 30
"""How long rows wait in datasets whose retention is on."""
_PURPOSE = "waiting-rows"
_TYPES = {Type.TIME: pa.int64(), Type.INTEGER: pa.int64(), Type.FLAG: pa.bool_()}


def account_digests(names: list[str]) -> list[bytes]:
    """The digests under which rows of these accounts wait (the keyring's first key, which outlives rotations)."""
    return keys.values_digest(names, kind="waiting_account", normaliser_version=0, key=keys.keyring().keys[0])


def waiting_add(staging: Staging, typed: Typed) -> None:
    """Seals rows account by account into the scratch database."""
    columns = {name: array.to_pylist() for name, array in typed.columns.items() if array.null_count < len(typed)}
    columns |= {"line": typed.lines.tolist(), "extra": typed.extra.to_pylist()}
    groups: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(columns["account_id"]):
        groups[name].append(i)
    sealed = []
    for rows in groups.values():
        body = {name: [values[i] for i in rows] for name, values in columns.items()}
        packed = zlib.compress(json.dumps(body, ensure_ascii=False).encode("utf-8"), 1)
        sealed.append(keys.blob_seal(packed, purpose=_PURPOSE))
    incoming = pa.table(
        {
            "tbl": pa.array([typed.table.name] * len(groups)),
            "digest": pa.array([digest.hex() for digest in account_digests(list(groups))]),
            "n": pa.array([len(rows) for rows in groups.values()]),
            "sealed": pa.array(sealed, pa.binary()),
        }
    )
    staging.db.execute("CREATE TABLE IF NOT EXISTS waiting (tbl VARCHAR, digest VARCHAR, n BIGINT, sealed BLOB)")
    staging.db.register("incoming", incoming)
    staging.db.execute("INSERT INTO waiting SELECT * FROM incoming")
    staging.db.unregister("incoming")


def waiting_land(cursor: Any, staging: Staging, dataset: Dataset, batch_file_id: int, expires_at: int | None) -> None:
    """Moves sealed rows from the scratch database into the waiting store; they expire at these microseconds."""
    expires = "NULL" if expires_at is None else str(expires_at - EPOCH)
    rows = staging.batches(
        f"""SELECT CAST({dataset.pk} AS BIGINT), CAST({batch_file_id} AS BIGINT), tbl, unhex(digest),
        CAST(n AS INTEGER), sealed, CAST({expires} AS BIGINT) FROM waiting"""
    )
    columns = ["dataset_id", "batch_file_id", '"table"', "account_digest", "n_rows", "rows_sealed", "expires_at"]
    copy_in(cursor, "accounts_waitingrow", columns, rows)


def waiting_arrived(cursor: Any, dataset: Dataset) -> dict[int, list[int]]:
    """The waiting rows whose accounts are there by now: their numbers by the batch file that brought them."""
    cursor.execute("SELECT EXISTS (SELECT 1 FROM accounts_waitingrow WHERE dataset_id = %s)", [dataset.pk])
    if not cursor.fetchone()[0]:
        return {}
    query = f"SELECT platform_id FROM accounts_account WHERE dataset_id = {dataset.pk}"
    names = copy_out(cursor, query, {"name": pa.string()}).column("name").to_pylist()
    cursor.execute("CREATE TEMP TABLE IF NOT EXISTS arrived (digest bytea)")
    cursor.execute("TRUNCATE arrived")
    digests = pa.array(account_digests(names), pa.binary())
    copy_in(cursor, "arrived", ["digest"], [pa.record_batch([digests], names=["digest"])])
    cursor.execute(
        """SELECT w.batch_file_id, w.id FROM accounts_waitingrow w JOIN arrived ON arrived.digest = w.account_digest
        WHERE w.dataset_id = %s ORDER BY w.batch_file_id, w.id""",
        [dataset.pk],
    )
    found: dict[int, list[int]] = defaultdict(list)
    for batch_file_id, number in cursor.fetchall():
        found[batch_file_id].append(number)
    return dict(found)


def waiting_open(envelopes: list[bytes], table: str) -> Typed:
    """The rows inside envelopes of one table, as they were when they were sealed."""
    bodies = [json.loads(zlib.decompress(keys.blob_unseal(e, purpose=_PURPOSE))) for e in envelopes]
    sizes = [len(body["line"]) for body in bodies]

    def column(name: str, type_: pa.DataType) -> pa.Array:
        absent = ([None] * size for size in sizes)
        return pa.array([v for body, no in zip(bodies, absent, strict=True) for v in body.get(name, no)], type_)

    spec = TABLES[table]
    columns = {c.name: column(c.name, _arrow_type(c)) for c in spec.columns}
    lines = np.asarray(column("line", pa.int64()))
    return Typed(spec, columns, lines, column("extra", pa.string()), np.arange(len(lines)))


def _arrow_type(column: Column) -> pa.DataType:
    return _TYPES.get(column.type, pa.string())
