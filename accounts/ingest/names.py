"""The accounts of a dataset by the platform's id, and the numbers given to those that a file brings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from accounts.ingest.copying import copy_out, ids_reserve
from accounts.ingest.kernels.lookup import ABSENT, NameTable
from core.models import Dataset


class AccountNames:
    """Numbers by platform id; what a file adds stays provisional until `keep`, and `forget` takes it back."""

    def __init__(self, cursor: Any, dataset: Dataset, key: bytes) -> None:
        self._cursor = cursor
        self._key = key
        query = f"SELECT platform_id, id FROM accounts_account WHERE dataset_id = {dataset.pk} ORDER BY id"
        table = copy_out(cursor, query, {"name": pa.string(), "id": pa.int64()}).combine_chunks()
        self._names: list[pa.Array] = [table.column("name").combine_chunks()] if len(table) else []
        self._numbers: list[np.ndarray] = [np.asarray(table.column("id"))] if len(table) else []
        self._kept = len(self._names)
        self._table = self._build()
        self._first_new: int | None = None

    def find(self, names: pa.Array) -> np.ndarray:
        """The number of each name, ABSENT where it is unknown."""
        return self._table.find(names)

    def add(self, names: pa.Array) -> np.ndarray:
        """The number of each name; those unknown get one."""
        found = self.find(names)
        fresh = pc.unique(names.filter(pa.array(found == ABSENT)))
        if not len(fresh):
            return found
        numbers = ids_reserve(self._cursor, "accounts_account", len(fresh))
        if self._first_new is None:
            self._first_new = int(numbers[0])
        self._names.append(fresh)
        self._numbers.append(numbers)
        self._table = self._build()
        return self.find(names)

    def is_new(self, numbers: np.ndarray) -> np.ndarray:
        """Which numbers were given since the last `keep`."""
        if self._first_new is None:
            return np.zeros(len(numbers), np.bool_)
        return numbers >= self._first_new

    def keep(self) -> None:
        """The file landed: its accounts exist."""
        self._kept, self._first_new = len(self._names), None

    def forget(self) -> None:
        """The file did not land: its accounts don't exist."""
        if len(self._names) > self._kept:
            self._names, self._numbers = self._names[: self._kept], self._numbers[: self._kept]
            self._table = self._build()
        self._first_new = None

    def _build(self) -> NameTable:
        names = pa.concat_arrays(self._names) if self._names else pa.array([], pa.string())
        numbers = np.concatenate(self._numbers) if self._numbers else np.zeros(0, np.int64)
        return NameTable(names, numbers, self._key)
