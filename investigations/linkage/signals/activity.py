"""Who did what when: the exchanges of every unit in order of time, as plain arrays that timing signals share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from investigations.linkage.kernels import in_time_order
from investigations.linkage.units import SECOND

Ints = npt.NDArray[np.int64]
BATCH = 1 << 20
NO_TOKENS = -1


@dataclass(frozen=True)
class Activity:
    """Exchanges by unit, then time; those of one unit at one time with equal status and tokens are one."""

    pointers: Ints
    """Where each unit's begin; one more than there are units."""
    unit: npt.NDArray[np.int32]
    at: Ints
    status: npt.NDArray[np.int8]
    tokens: npt.NDArray[np.int32]
    """Input tokens, NO_TOKENS when unknown."""

    @property
    def span(self) -> int:
        """Microseconds from the first exchange to the last, at least one second."""
        return max(int(self.at.max() - self.at.min()), SECOND) if self.at.size else SECOND


def activity_read(paths: tuple[str, ...], accounts: Ints, unit_of: npt.NDArray[np.int32], n_units: int) -> Activity:
    """The exchanges of known accounts, streamed: 17 bytes each, and as much again while they are put in order."""
    units, ats, statuses, tokens = [], [], [], []
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=["account", "at", "status", "input_tokens"]):
            unit, known = units_from(batch["account"], accounts, unit_of)
            units.append(unit)
            ats.append(_numbers(batch["at"], 0, np.int64)[known])
            statuses.append(_numbers(batch["status"], 0, np.int8)[known])
            tokens.append(_numbers(batch["input_tokens"], NO_TOKENS, np.int32)[known])
    if not units:
        none = np.empty(0, np.int64)
        return Activity(
            np.zeros(n_units + 1, np.int64), none.astype(np.int32), none, none.astype(np.int8), none.astype(np.int32)
        )
    unit, at, status, token = (np.concatenate(parts) for parts in (units, ats, statuses, tokens))
    pointers, order = in_time_order(unit, at, status, token, n_units)
    return Activity(pointers, unit[order], at[order], status[order], token[order])


def units_from(
    column: pa.Array, accounts: Ints, unit_of: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Units of the rows whose account is known, and which rows these are."""
    numbers = _numbers(column, np.iinfo(np.int64).min, np.int64)
    if not accounts.size:
        return np.empty(0, np.int32), np.zeros(numbers.size, bool)
    place = np.minimum(np.searchsorted(accounts, numbers), accounts.size - 1)
    known = accounts[place] == numbers
    return unit_of[place[known]], known


def _numbers(column: pa.Array, missing: int, kind: type) -> npt.NDArray[np.generic]:
    filled = column.fill_null(missing) if column.null_count else column
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=kind)
