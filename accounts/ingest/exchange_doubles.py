"""Exchanges that came before, in the same file or in the event store: found by their id, taken out of the new files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from accounts.event_store.store import EXCHANGES, ROWS_PER_GROUP, EventWriter
from accounts.ingest.staging import Doubles, Staging
from core.models import Dataset


@dataclass(frozen=True)
class Distinct:
    """The writer that holds each exchange once, and what was taken out."""

    writer: EventWriter
    doubles: Doubles
    n_known: int
    """Exchanges that earlier files brought."""


def exchanges_distinct(staging: Staging, writer: EventWriter, dataset: Dataset, listed: list[Path]) -> Distinct:
    """Takes out what came before. Costs one pass over the ids; files are rewritten only when something goes."""
    none = Doubles(0, 0, [])
    if not staging.count("keys"):
        return Distinct(writer, none, 0)
    paths = writer.close()
    db = staging.db
    db.execute("CREATE TEMP TABLE known (ordinal BIGINT)")
    if listed:
        held = "SELECT exchange FROM read_parquet($paths) WHERE exchange IS NOT NULL"
        query = f"INSERT INTO known SELECT ordinal FROM keys SEMI JOIN ({held}) USING (exchange)"
        db.execute(query, {"paths": [str(path) for path in listed]})
        db.execute("DELETE FROM keys WHERE ordinal IN (SELECT ordinal FROM known)")
    doubles = _doubles(staging, paths)
    gone = np.sort(np.concatenate([_column(staging, "known"), _column(staging, "doubled")]))
    n_known = staging.count("known")
    if not len(gone):
        return Distinct(writer, doubles, n_known)
    kept = EventWriter(dataset)
    _copy_without(paths, gone, kept)
    writer.discard()
    return Distinct(kept, doubles, n_known)


def _doubles(staging: Staging, paths: list[Path]) -> Doubles:
    """Fills `doubled` with the exchanges whose id came before in the file, compared with the first of that id."""
    db = staging.db
    db.execute(
        """CREATE TEMP TABLE doubled AS
        WITH many AS (SELECT exchange FROM keys GROUP BY exchange HAVING count(*) > 1),
        numbered AS (
            SELECT ordinal, line, first_value(ordinal) OVER w AS first, first_value(line) OVER w AS first_line
            FROM keys SEMI JOIN many USING (exchange) WINDOW w AS (PARTITION BY exchange ORDER BY ordinal)
        )
        SELECT ordinal, line, first, first_line FROM numbered WHERE ordinal <> first"""
    )
    if not staging.count("doubled"):
        return Doubles(0, 0, [])
    offsets, offset = [], 0
    for path in paths:
        offsets.append((str(path), offset))
        offset += pq.ParquetFile(path).metadata.num_rows
    db.execute("CREATE TEMP TABLE offsets (filename VARCHAR, starts BIGINT)")
    db.executemany("INSERT INTO offsets VALUES (?, ?)", offsets)
    db.execute(
        """CREATE TEMP TABLE involved AS
        SELECT e.* EXCLUDE (filename, file_row_number), file_row_number + starts AS ordinal
        FROM read_parquet($paths, filename = true, file_row_number = true) e JOIN offsets USING (filename)
        WHERE file_row_number + starts IN (SELECT ordinal FROM doubled UNION SELECT first FROM doubled)""",
        {"paths": [str(path) for path in paths]},
    )
    same = " AND ".join(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in EXCHANGES.names)
    db.execute(
        f"""CREATE TEMP TABLE compared AS SELECT line, first_line, {same} AS is_same FROM doubled d
        JOIN involved a ON a.ordinal = d.ordinal JOIN involved b ON b.ordinal = d.first"""
    )
    return staging.doubles_of("compared")


def _column(staging: Staging, table: str) -> np.ndarray:
    return np.asarray(staging.db.execute(f"SELECT ordinal FROM {table}").fetchnumpy()["ordinal"], np.int64)


def _copy_without(paths: list[Path], gone: np.ndarray, writer: EventWriter) -> None:
    """Copies event files, leaving out the rows with these ordinals (sorted)."""
    first = 0
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_PER_GROUP):
            lo, hi = np.searchsorted(gone, [first, first + len(batch)])
            keep = np.ones(len(batch), np.bool_)
            keep[gone[lo:hi] - first] = False
            first += len(batch)
            writer.write(batch.cast(EXCHANGES).filter(pa.array(keep)))
