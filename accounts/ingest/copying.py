"""Rows in bulk between Arrow, the scratch database and PostgreSQL, through COPY."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from django.db import DatabaseError
from psycopg.pq import ExecStatus

from accounts.ingest.kernels.pgcopy import read_int64
from core.public_ids import numbers_new

_WRITE = pacsv.WriteOptions(include_header=False, quoting_style="needed")


def copy_in(
    cursor: Any, table: str, columns: list[str], batches: Iterable[pa.RecordBatch], *, ids: bool = False
) -> int:
    """COPYs batches into a table; with `ids` each row gets a random public id, which `columns` then ends with."""
    n = 0
    with (
        ThreadPoolExecutor(1) as beside,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)") as copy,
    ):
        rest = iter(batches)
        coming = beside.submit(_written, rest, ids=ids)
        while (written := coming.result()) is not None:
            coming = beside.submit(_written, rest, ids=ids)  # PostgreSQL takes these rows while the next are made
            copy.write(written[1])
            n += written[0]
    return n


def _written(batches: Iterator[pa.RecordBatch], *, ids: bool) -> tuple[int, bytes] | None:
    """The next batch's number of rows and their CSV; None when there is none."""
    batch = next(batches, None)
    if batch is None:
        return None
    if ids:
        batch = batch.append_column("public_id", pa.array(numbers_new(len(batch))))
    sink = io.BytesIO()
    pacsv.write_csv(batch, sink, _WRITE)
    return len(batch), sink.getvalue()


def copy_out(cursor: Any, query: str, types: dict[str, pa.DataType]) -> pa.Table:
    """The rows of a query (without parameters) as an Arrow table with these columns; empty text comes back as null."""
    data = copy_out_bytes(cursor, query, "csv")
    schema = pa.schema(list(types.items()))
    if not data:
        return schema.empty_table()
    return pacsv.read_csv(
        pa.BufferReader(data),
        read_options=pacsv.ReadOptions(column_names=list(types)),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""]),
    )


def copy_out_bytes(cursor: Any, query: str, form: str) -> bytes:
    """What COPY sends for a query, in `csv` or `binary` form.

    Reads straight from libpq: a driver's loop over rows costs several microseconds for each.
    """
    pg = cursor.connection.pgconn
    result = pg.exec_(f"COPY ({query}) TO STDOUT (FORMAT {form})".encode())
    if result.status != ExecStatus.COPY_OUT:
        raise DatabaseError(result.get_error_message())
    blocks = []
    while True:
        size, data = pg.get_copy_data(0)
        if size < 0:
            break
        blocks.append(bytes(data))
    while (result := pg.get_result()) is not None:
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            raise DatabaseError(result.get_error_message())
    return b"".join(blocks)


def ids_reserve(cursor: Any, table: str, n: int) -> np.ndarray:
    """`n` fresh numbers of a table's sequence, ascending."""
    query = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, {n})"
    return read_int64(copy_out_bytes(cursor, query, "binary"), 1)[0][0]
