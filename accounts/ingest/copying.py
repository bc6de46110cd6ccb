"""Rows in bulk between Arrow, the scratch database and PostgreSQL, through COPY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from django.db import DatabaseError, OperationalError
from psycopg.pq import ConnStatus, ExecStatus

from accounts.ingest.ahead import ahead
from accounts.ingest.kernels.pgcopy import END, START, read_int64, rows_encode
from core.public_ids import numbers_new

NUMBERS_AT_ONCE = 1000
"""How many numbers one call of a sequence reserves: its increment (migration rows_known_by_what_they_join)."""
_AT_ONCE = 1 << 20


def copy_in(
    cursor: Any, table: str, columns: list[str], batches: Iterable[pa.RecordBatch], *, ids: bool = False
) -> int:
    """COPYs batches into a table; with `ids` each row gets a random public id, which `columns` then ends with.

    The batches' columns have exactly the widths of the table's (see `rows_encode`).
    """
    n, rest = 0, iter(batches)
    with (
        cursor.db.wrap_database_errors,  # COPY's errors come as the driver's own
        closing(ahead(lambda: _written(rest, ids=ids))) as coming,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(START)
        for size, data in coming:
            n += size
            for at in range(0, len(data), _AT_ONCE):
                copy.write(data[at : at + _AT_ONCE])
        copy.write(END)
    return n


def _written(batches: Iterator[pa.RecordBatch], *, ids: bool) -> tuple[int, memoryview] | None:
    """The next batch's number of rows and their bytes; None when there is none."""
    batch = next(batches, None)
    if batch is None:
        return None
    if ids:
        batch = batch.append_column("public_id", pa.array(numbers_new(len(batch))))
    return len(batch), rows_encode(batch).data


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
    with cursor.db.wrap_database_errors:
        result = pg.exec_(f"COPY ({query}) TO STDOUT (FORMAT {form})".encode())
        if result.status != ExecStatus.COPY_OUT:
            raise _refusal(pg, result)
        blocks = []
        while True:
            size, data = pg.get_copy_data(0)
            if size < 0:
                break
            blocks.append(bytes(data))
        while (result := pg.get_result()) is not None:
            if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                raise _refusal(pg, result)
    return b"".join(blocks)


def _refusal(pg: Any, result: Any) -> DatabaseError:
    """The error of a result: a server that went away is told from a statement that it refused."""
    kind = DatabaseError if pg.status == ConnStatus.OK else OperationalError
    return kind(result.get_error_message())


def temp_table(cursor: Any, name: str, columns: str) -> None:
    """An empty temporary table that goes with the transaction (or with the next of its name)."""
    cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    cursor.execute(f"CREATE TEMP TABLE {name} ({columns}) ON COMMIT DROP")


def ids_reserve(cursor: Any, table: str, n: int) -> np.ndarray:
    """`n` fresh numbers of a table's sequence, ascending, in whole blocks; what is left of the last one is never used."""
    blocks = -(-n // NUMBERS_AT_ONCE)
    query = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, {blocks})"
    firsts = read_int64(copy_out_bytes(cursor, query, "binary"), 1)[0][0]
    return (firsts[:, None] + np.arange(NUMBERS_AT_ONCE)).ravel()[:n]
