"""Names to numbers by an open-addressing table over the text itself, so that a hit is exact.

Accounts by the id that the platform gives them, values by what was learned of them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from accounts.ingest.kernels.buffers import Text, text_buffers
from accounts.ingest.kernels.siphash import key_words, siphash

ABSENT = -1


@njit(cache=True, nogil=True)
def _build(data, offsets, k0, k1, slots):  # type: ignore[no-untyped-def]
    mask = len(slots) - 1
    for i in range(len(offsets) - 1):
        at = np.int64(siphash(data, offsets[i], offsets[i + 1], k0, k1) & np.uint64(mask))
        while slots[at] >= 0:
            at = (at + 1) & mask
        slots[at] = i


@njit(cache=True, nogil=True)
def _equal(a, a0, a1, b, b0, b1):  # type: ignore[no-untyped-def]
    if a1 - a0 != b1 - b0:
        return False
    for j in range(a1 - a0):  # noqa: SIM110 - compiled code has no generators
        if a[a0 + j] != b[b0 + j]:
            return False
    return True


@njit(cache=True, nogil=True)
def _find(data, offsets, slots, q_data, q_offsets, q_valid, k0, k1, out):  # type: ignore[no-untyped-def]
    mask = len(slots) - 1
    for i in range(len(q_valid)):
        if not q_valid[i]:
            continue
        start, stop = q_offsets[i], q_offsets[i + 1]
        at = np.int64(siphash(q_data, start, stop, k0, k1) & np.uint64(mask))
        while slots[at] >= 0:
            j = slots[at]
            if _equal(data, offsets[j], offsets[j + 1], q_data, start, stop):
                out[i] = j
                break
            at = (at + 1) & mask


class NameTable:
    """Numbers by name."""

    def __init__(self, names: pa.Array, numbers: np.ndarray, key: bytes) -> None:
        self._text: Text = text_buffers(names)
        self._numbers = np.ascontiguousarray(numbers, np.int64)
        self._key = key_words(key)
        size = 8
        while size < 2 * len(names):
            size *= 2
        self._slots = np.full(size, -1, np.int32)
        _build(self._text.data, self._text.offsets, *self._key, self._slots)

    def __len__(self) -> int:
        return len(self._numbers)

    def find(self, names: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """The number of each name, ABSENT where it is unknown or null."""
        query = text_buffers(names)
        out = np.full(len(query), -1, np.int64)
        args = (query.data, query.offsets, query.valid)
        _find(self._text.data, self._text.offsets, self._slots, *args, *self._key, out)
        found = out >= 0
        out[found] = self._numbers[out[found]]
        return out
