"""PostgreSQL's binary COPY of 64-bit columns to NumPy arrays."""

from __future__ import annotations

import numpy as np
from numba import njit

EPOCH = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL's times begin."""
_HEADER = 19  # signature, flags, length of the extension


@njit(cache=True, nogil=True)
def _count(data, at):  # type: ignore[no-untyped-def]
    n = 0
    while True:
        fields = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
        if fields == 0xFFFF:
            return n
        at += 2
        n += 1
        for _ in range(fields):
            at += 4 if data[at] == 255 else 12


@njit(cache=True, nogil=True)
def _read(data, at, values, valid):  # type: ignore[no-untyped-def]
    for row in range(values.shape[1]):
        at += 2
        for column in range(values.shape[0]):
            absent = data[at] == 255
            at += 4
            if absent:
                continue
            value = np.uint64(0)
            for j in range(8):
                value = (value << np.uint64(8)) | np.uint64(data[at + j])
            values[column, row] = np.int64(value)
            valid[column, row] = True
            at += 8


def read_int64(data: bytes, n_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and presence, column by column, of a binary COPY whose columns are all bigint or timestamptz."""
    raw = np.frombuffer(data, np.uint8)
    n = _count(raw, _HEADER)
    values, valid = np.zeros((n_columns, n), np.int64), np.zeros((n_columns, n), np.bool_)
    _read(raw, _HEADER, values, valid)
    return values, valid
