"""PostgreSQL's binary COPY: 64-bit columns to NumPy arrays, and Arrow batches to what COPY takes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from accounts.ingest.kernels.buffers import Text, text_buffers, valid_mask

EPOCH = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL's times begin."""
_HEADER = 19  # signature, flags, length of the extension
START = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"


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


@njit(cache=True, nogil=True)
def _put_length(out, p, n):  # type: ignore[no-untyped-def]
    for j in range(4):
        out[p + j] = (n >> (24 - 8 * j)) & 255


@njit(cache=True, nogil=True)
def _put_fixed(out, at, raw, valid):  # type: ignore[no-untyped-def]
    width = raw.shape[1]
    for i in range(len(at)):
        p = at[i]
        if valid[i]:
            _put_length(out, p, width)
            for j in range(width):
                out[p + 4 + j] = raw[i, j]
            at[i] = p + 4 + width
        else:
            _put_length(out, p, -1)
            at[i] = p + 4


@njit(cache=True, nogil=True)
def _put_text(out, at, data, offsets, valid):  # type: ignore[no-untyped-def]
    for i in range(len(at)):
        p = at[i]
        if valid[i]:
            start, width = offsets[i], offsets[i + 1] - offsets[i]
            _put_length(out, p, width)
            for j in range(width):
                out[p + 4 + j] = data[start + j]
            at[i] = p + 4 + width
        else:
            _put_length(out, p, -1)
            at[i] = p + 4


def rows_encode(batch: pa.RecordBatch) -> np.ndarray:
    """The rows as binary COPY takes them, between START and END.

    Whole numbers keep their width (64 bits for bigint and for times, as microseconds since 2000), flags are booleans,
    UUIDs and text and bytes go as they are.
    """
    columns = [array.storage if isinstance(array, pa.ExtensionArray) else array for array in batch.columns]
    valid = [valid_mask(array) for array in columns]
    sizes = np.full(len(batch), 2 + 4 * len(columns), np.int64)
    made: list[Text | np.ndarray] = []
    for array, present in zip(columns, valid, strict=True):
        if _is_text(array.type):
            text = text_buffers(array)
            made.append(text)
            sizes += np.where(present, np.diff(text.offsets), 0)
        else:
            raw = _fixed(array)
            made.append(raw)
            sizes += np.where(present, raw.shape[1], 0)
    ends = np.cumsum(sizes)
    at = ends - sizes
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    out[at], out[at + 1] = len(columns) >> 8, len(columns) & 255
    at += 2
    for column, present in zip(made, valid, strict=True):
        if isinstance(column, np.ndarray):
            _put_fixed(out, at, column, present)
        else:
            _put_text(out, at, column.data, column.offsets, present)
    return out


def _is_text(type_: pa.DataType) -> bool:
    """Whether values differ in length."""
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(type_) for test in tests)


def _fixed(array: pa.Array) -> np.ndarray:
    """The values as rows of bytes, the highest first; anything where there is none."""
    if pa.types.is_fixed_size_binary(array.type):
        width, body = array.type.byte_width, array.buffers()[1]
        raw = np.frombuffer(body, np.uint8, count=len(array) * width, offset=array.offset * width)
        return raw.reshape(-1, width).copy()
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    values = np.asarray(array.fill_null(0))
    return (
        values.astype(values.dtype.newbyteorder(">"), copy=True)
        .view(np.uint8)
        .reshape(len(array), values.dtype.itemsize)
    )
