"""Which rows of the exchanges can hold a value that two accounts share: two streaming passes, before any grouping.

Nearly all contents and answers belong to one account. A table of slots by hash remembers the first account of each
slot and whether another came; rows of slots with one account only can't be shared and are left out. Rows that merely
met in a slot pass too: what follows is exact. Memory is 8 bytes a slot, two to four slots a row, at most MOST_SLOTS.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from investigations.linkage.kernels import mark_slots, marked_rows
from investigations.linkage.threads import each

MOST_SLOTS = 1 << 26
BATCH = 1 << 20


def maybe_shared(paths: tuple[str, ...], columns: tuple[str, ...], keep: tuple[str, ...]) -> list[pa.Table]:
    """For each column a table (value, account, at) of the rows whose value may be shared by two accounts.

    Values of all columns count as of one space. `keep` says of each column whether it alone makes a value worth
    keeping: "any" rows fill the slots, "known" rows only join slots that an earlier column has filled.
    """
    rows = sum(pq.ParquetFile(path).metadata.num_rows for path in paths)
    slots = np.full(min(max(1 << (2 * rows + 1).bit_length(), 1024), MOST_SLOTS), -1, np.int64)
    for column, mode in zip(columns, keep, strict=True):
        for batch in _batches(paths, column, ["account", column]):
            mark_slots(slots, batch[column].to_numpy(), batch["account"].to_numpy(), mode == "known")
    return each(lambda column: _kept(paths, column, slots), columns)


def rows_of(paths: tuple[str, ...], column: str, values: npt.NDArray[np.int64]) -> pa.Table:
    """A table (value, account, at) of the rows that have one of these values; rows that meet one in a slot pass too."""
    slots = np.full(max(1 << (16 * values.size).bit_length(), 1024), -1, np.int64)
    for account in (0, 1):
        mark_slots(slots, values, np.full(values.size, account), only_known=False)
    return _kept(paths, column, slots)


def _kept(paths: tuple[str, ...], column: str, slots: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
    schema = pa.schema([("value", pa.int64()), ("account", pa.int64()), ("at", pa.int64())])
    parts = []
    for batch in _batches(paths, column, [column, "account", "at"]):
        kept = batch.take(pa.array(marked_rows(slots, batch[column].to_numpy())))
        parts.append(pa.table([kept[column], kept["account"], kept["at"]], schema=schema))
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _batches(paths: tuple[str, ...], column: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """These columns of the rows that have a value in `column`."""
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=columns):
            yield batch.filter(pc.is_valid(batch[column])) if batch[column].null_count else batch
