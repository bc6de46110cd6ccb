"""The raw buffers of Arrow text columns as NumPy arrays, without copying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Text:
    """A text or binary column: value i is data[offsets[i]:offsets[i + 1]], absent where not valid[i]."""

    offsets: np.ndarray
    data: np.ndarray
    valid: np.ndarray

    def __len__(self) -> int:
        return len(self.valid)


def text_buffers(array: pa.Array | pa.ChunkedArray) -> Text:
    """The buffers of a string or binary column with 32 or 64 bit offsets (given back as int64)."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # more than 2 GB of text: cannot happen for a batch
        raise ValueError("a batch holds more text than one Arrow array can")
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets, data = array.buffers()
    width = np.dtype(np.int64 if wide else np.int32)
    n, start = len(array), array.offset
    if n == 0 or offsets is None:
        return Text(np.zeros(n + 1, np.int64), np.zeros(0, np.uint8), np.zeros(n, np.bool_))
    ends = np.frombuffer(offsets, width, count=n + 1, offset=start * width.itemsize).astype(np.int64)
    body = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    return Text(ends, body, valid_mask(array))


def valid_mask(array: pa.Array) -> np.ndarray:
    """True where a value is present."""
    if array.null_count == 0:
        return np.ones(len(array), np.bool_)
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
