"""Rows in bulk between Arrow, the scratch database and PostgreSQL, through COPY."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from core.public_ids import numbers_new

_WRITE = pacsv.WriteOptions(include_header=False, quoting_style="needed")


def copy_in(cursor: Any, table: str, columns: list[str], batches: Iterable[pa.RecordBatch], *, ids: bool = False) -> int:
    """COPYs batches into a table; with `ids` each row gets a random public id, which `columns` then ends with."""
    n = 0
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)") as copy:
        for batch in batches:
            if not len(batch):
                continue
            if ids:
                batch = batch.append_column("public_id", pa.array(numbers_new(len(batch))))
            sink = io.BytesIO()
            pacsv.write_csv(batch, sink, _WRITE)
            copy.write(sink.getvalue())
            n += len(batch)
    return n


def copy_out(cursor: Any, query: str, params: tuple[Any, ...], types: dict[str, pa.DataType]) -> pa.Table:
    """The rows of a query as an Arrow table with these columns; empty text comes back as null."""
    sink = pa.BufferOutputStream()
    with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", params) as copy:
        for block in copy:
            sink.write(block)
    data = sink.getvalue()
    schema = pa.schema(list(types.items()))
    if not data.size:
        return schema.empty_table()
    return pacsv.read_csv(
        pa.BufferReader(data),
        read_options=pacsv.ReadOptions(column_names=list(types)),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""]),
    )


def ids_reserve(cursor: Any, table: str, n: int) -> list[int]:
    """`n` fresh numbers of a table's sequence, ascending."""
    sequence = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
    cursor.execute(sequence, [table, n])
    return [row[0] for row in cursor.fetchall()]
