"""What binary COPY takes and gives: every type, absent values, text of any length, and numbers in whole blocks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from django.db import DatabaseError, OperationalError, connection

from accounts.ingest.copying import copy_in, copy_out_bytes, ids_reserve, temp_table
from accounts.ingest.hashing import uuids
from accounts.ingest.kernels.pgcopy import EPOCH
from accounts.models import Account
from config import home
from tests import databases
from tests.databases import LiveDatabase
from tests.factories import accounts_make, dataset_make
from tests.settings import TEST_HOME


def test_rows_arrive_as_they_were(db: None) -> None:
    key, at = uuid.UUID(int=7), datetime(2026, 6, 1, tzinfo=UTC)
    micros = int(at.timestamp()) * 1_000_000 - EPOCH
    batch = pa.table(
        {
            "n8": pa.array([-1, None, 2**62]),
            "n4": pa.array([1, 2, None], pa.int32()),
            "n2": pa.array([None, -2, 3], pa.int16()),
            "flag": pa.array([True, False, None]),
            "key": pa.concat_arrays([uuids(key.bytes).storage, pa.nulls(2, pa.binary(16))]),
            "words": pa.array(["", "größer\t\n,\\N", None]),
            "raw": pa.array([b"\0\xff", None, b""]),
            "at": pa.array([micros, None, 0 - EPOCH]),
            "json": pa.array(['\x01{"a": 1}', None, "\x01{}"]),
        }
    ).to_batches()[0]
    types = (
        "n8 bigint, n4 integer, n2 smallint, flag boolean, key uuid, words text, raw bytea, at timestamptz, json jsonb"
    )
    with connection.cursor() as cursor:
        temp_table(cursor, "arrived_rows", types)
        assert copy_in(cursor, "arrived_rows", batch.schema.names, [batch.slice(0, 1), batch.slice(1)]) == 3
        cursor.execute("SELECT n8, n4, n2, flag, key, words, raw, at, json::text FROM arrived_rows")
        rows = [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in cursor.fetchall()]
    assert rows == [
        (-1, 1, None, True, key, "", b"\0\xff", at, '{"a": 1}'),
        (None, 2, -2, False, None, "größer\t\n,\\N", None, None, None),
        (2**62, None, 3, None, None, None, b"", datetime(1970, 1, 1, tzinfo=UTC), "{}"),
    ]


def test_no_rows_are_no_trouble(db: None) -> None:
    empty = pa.record_batch([pa.array([], pa.int64()), pa.array([], pa.string())], names=["n", "words"])
    with connection.cursor() as cursor:
        temp_table(cursor, "arrived_rows", "n bigint, words text")
        assert copy_in(cursor, "arrived_rows", ["n", "words"], [empty]) == 0
        assert copy_in(cursor, "arrived_rows", ["n", "words"], []) == 0


def test_reserved_numbers_meet_no_others(db: None) -> None:
    [before] = accounts_make(dataset_make(), 1)
    with connection.cursor() as cursor:
        some, more = ids_reserve(cursor, "accounts_account", 2500), ids_reserve(cursor, "accounts_account", 1)
    [after] = accounts_make(dataset_make(), 1)
    taken = [before.pk, *some.tolist(), *more.tolist(), after.pk]
    assert len(set(taken)) == len(taken)
    assert (np.diff(some) > 0).all()
    assert Account.objects.count() == 2


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_server_that_goes_away_is_told_from_a_statement_that_it_refuses(live_db: LiveDatabase, way: str) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        _end(pid)
        yield pa.record_batch({"n": pa.array([1], pa.int64())})

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (n bigint)")
        pid = connection.connection.info.backend_pid
        with pytest.raises(OperationalError):
            if way == "in":
                copy_in(cursor, "t", ["n"], batches())
            else:
                _end(pid)
                copy_out_bytes(cursor, "SELECT 1::bigint", "binary")
    connection.close()
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="no_such_table") as refused:
        copy_out_bytes(cursor, "SELECT * FROM no_such_table", "binary")
    assert not isinstance(refused.value, OperationalError)


def _end(pid: int) -> None:
    """End the server's side of a connection, as a server that dies does."""
    word = home.secrets_for(TEST_HOME).postgres_superuser
    with databases.role_connection("postgres", word, database="postgres") as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
