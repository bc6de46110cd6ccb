"""Reads the public extracts that REAL_DATA points at as inputs of the engine, with their truth."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv

from accounts.kinds import families_of
from investigations.linkage import types

DATA = os.environ.get("REAL_DATA", "")


@dataclass(frozen=True)
class Extract:
    """An extract with accounts numbered in the order of their ids."""

    inputs: types.Inputs
    truth: pa.Table


def load(name: str) -> Extract:
    """The extract of this name; identifiers are numbered by kind and value."""
    folder = Path(DATA) / name
    accounts, identifiers, truth = (_read(folder / f"{stem}.csv.gz") for stem in ("accounts", "identifiers", "truth"))
    connection = duckdb.connect()
    connection.register("a", accounts.select(["account_id", "created_at"]))
    connection.register("i", identifiers.select(["account_id", "kind", "value"]))
    connection.register("t", truth)
    connection.execute("CREATE TABLE n AS SELECT account_id, row_number() OVER (ORDER BY account_id) AS account FROM a")
    sightings = connection.sql(
        """SELECT account, kind, dense_rank() OVER (ORDER BY kind, value) AS value, NULL::BIGINT AS first_at,
        NULL::BIGINT AS last_at, 1::BIGINT AS count FROM i JOIN n USING (account_id) ORDER BY account, kind, value"""
    ).to_arrow_table()
    labels = connection.sql(
        """SELECT account, nullif(operator_id, '') AS operator, nullif(t.kind, '') AS kind, abusive = '1' AS abusive
        FROM t JOIN n USING (account_id) ORDER BY account"""
    ).to_arrow_table()
    numbers = connection.sql(
        """SELECT account, epoch_us(created_at::TIMESTAMPTZ) AS created_at, 'active' AS status,
        NULL::BIGINT AS status_changed_at FROM a JOIN n USING (account_id) ORDER BY account"""
    ).to_arrow_table()
    families = families_of(sightings["kind"].unique().to_pylist())
    inputs = types.Inputs(numbers, sightings, types.DECLARED.empty_table(), (), families)
    return Extract(inputs, labels)


def _read(path: Path) -> pa.Table:
    """All columns as text."""
    with gzip.open(path, "rb") as stream:
        header = stream.readline().decode().strip().split(",")
    options = pacsv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False)
    return pacsv.read_csv(path, convert_options=options)
