"""Reads the public extracts that REAL_DATA points at as inputs of the engine, with their truth."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from accounts.ingest.mapping import Emission, Source, mapping_read
from accounts.ingest.tables import Type
from accounts.kinds import families_of
from investigations.linkage import types

DATA = os.environ.get("REAL_DATA", "")
MAPPINGS = Path(__file__).parents[2] / "mappings"


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


def load_mapped(name: str, scratch: Path) -> types.Inputs:
    """The extract of another layout through the product's mapping of its name; its exchanges go to `scratch`."""
    mapping = mapping_read(MAPPINGS / f"{name}.toml")
    connection = duckdb.connect()
    made: dict[str, list[str]] = {"identifiers": [], "exchanges": []}
    for number, path in enumerate(sorted((Path(DATA) / name).glob("*.csv.gz"))):
        source = mapping.source_for(path.name.removesuffix(".csv.gz"))
        assert source is not None
        connection.register(f"file{number}", _read(path))
        for emission in source.emissions:
            made[emission.table.name].append(_mapped(emission, source, f"file{number}"))
    for table, queries in made.items():
        connection.execute(f"CREATE TABLE {table} AS {' UNION ALL '.join(queries)}")
    connection.execute(
        """CREATE TABLE n AS SELECT account_id, row_number() OVER (ORDER BY account_id) AS account, min("at") AS "at"
        FROM (SELECT account_id, occurred_at AS "at" FROM exchanges
        UNION ALL SELECT account_id, first_seen FROM identifiers) GROUP BY account_id"""
    )
    sightings = connection.sql(
        """SELECT account, kind, dense_rank() OVER (ORDER BY kind, value) AS value, min(first_seen) AS first_at,
        max(last_seen) AS last_at, count(*) AS count FROM identifiers JOIN n USING (account_id)
        GROUP BY account, kind, value ORDER BY account, kind, value"""
    ).to_arrow_table()
    shares = connection.sql(
        """SELECT account, occurred_at AS "at", 0 AS status, (hash(content_fingerprint) >> 1)::BIGINT AS content
        FROM exchanges JOIN n USING (account_id)"""
    ).to_arrow_table()
    path = scratch / f"{name}.parquet"
    absent = {field.name: pa.nulls(shares.num_rows, field.type) for field in types.EXCHANGES}
    columns = {**absent, **{column: shares[column] for column in shares.column_names}}
    pq.write_table(pa.table(columns, schema=types.EXCHANGES), path)
    numbers = connection.sql(
        """SELECT account, "at" AS created_at, 'active' AS status, NULL::BIGINT AS status_changed_at FROM n
        ORDER BY account"""
    ).to_arrow_table()
    families = families_of(sightings["kind"].unique().to_pylist())
    return types.Inputs(numbers, sightings, types.DECLARED.empty_table(), (str(path),), families)


def _mapped(emission: Emission, source: Source, table: str) -> str:
    """The query for an emission's columns, times in microseconds."""
    times = {column.name for column in emission.table.columns if column.type is Type.TIME}
    columns = {
        **{c: f'"{f}"' for c, f in emission.columns.items()},
        **{c: f"'{v}'" for c, v in emission.constants.items()},
    }
    asked = (
        f"(({text})::DOUBLE * {source.clock.unit_micros})::BIGINT AS {column}"
        if column in times
        else f"{text} AS {column}"
        for column, text in columns.items()
    )
    return f"SELECT {', '.join(asked)} FROM {table}"


def _read(path: Path) -> pa.Table:
    """All columns as text."""
    with gzip.open(path, "rb") as stream:
        header = stream.readline().decode().strip().split(",")
    options = pacsv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False)
    return pacsv.read_csv(path, convert_options=options)
