"""Arrow tables into PostgreSQL by COPY."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
from django.db import connection, models
from psycopg import sql

ROWS_AT_A_TIME = 50_000


def rows_copy(model: type[models.Model], table: pa.Table) -> int:
    """Appends the table's rows to a model's table; its columns are named like the database's. Returns how many."""
    if not table.num_rows:
        return 0
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    )
    options = pa_csv.WriteOptions(include_header=False)
    # COPY's errors come as the driver's own, unless wrapped: a server that goes away must be known as such above.
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, table.num_rows, ROWS_AT_A_TIME):
            chunk = io.BytesIO()
            pa_csv.write_csv(table.slice(start, ROWS_AT_A_TIME), chunk, write_options=options)
            copy.write(chunk.getbuffer())
    return table.num_rows


def numbers_reserve(model: type[models.Model], n: int) -> npt.NDArray[np.int64]:
    """`n` fresh primary keys of a model, ascending."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, n],
        )
        return np.sort(np.array([row[0] for row in cursor.fetchall()], dtype=np.int64))
