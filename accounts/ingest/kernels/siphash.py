"""SipHash-2-4 (Aumasson and Bernstein 2012) over columns of text: a keyed hash that nobody can guess backwards."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from accounts.ingest.kernels.buffers import Text, text_buffers


@njit(cache=True, nogil=True, inline="always")
def _rotl(x: np.uint64, b: np.uint64) -> np.uint64:
    return (x << b) | (x >> (np.uint64(64) - b))


@njit(cache=True, nogil=True, inline="always")
def _round(v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    v0 += v1
    v1 = _rotl(v1, np.uint64(13)) ^ v0
    v0 = _rotl(v0, np.uint64(32))
    v2 += v3
    v3 = _rotl(v3, np.uint64(16)) ^ v2
    v0 += v3
    v3 = _rotl(v3, np.uint64(21)) ^ v0
    v2 += v1
    v1 = _rotl(v1, np.uint64(17)) ^ v2
    v2 = _rotl(v2, np.uint64(32))
    return v0, v1, v2, v3


@njit(cache=True, nogil=True)
def siphash(data, start, stop, k0, k1):  # type: ignore[no-untyped-def]
    """The hash of data[start:stop] under the key (k0, k1), as uint64."""
    v0 = k0 ^ np.uint64(0x736F6D6570736575)
    v1 = k1 ^ np.uint64(0x646F72616E646F6D)
    v2 = k0 ^ np.uint64(0x6C7967656E657261)
    v3 = k1 ^ np.uint64(0x7465646279746573)
    n = stop - start
    whole = start + n // 8 * 8
    for i in range(start, whole, 8):
        m = np.uint64(0)
        for j in range(8):
            m |= np.uint64(data[i + j]) << np.uint64(8 * j)
        v3 ^= m
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= m
    m = np.uint64(n & 0xFF) << np.uint64(56)
    for j in range(stop - whole):
        m |= np.uint64(data[whole + j]) << np.uint64(8 * j)
    v3 ^= m
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0 ^= m
    v2 ^= np.uint64(0xFF)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@njit(cache=True, nogil=True)
def _hash_column(data, offsets, valid, k0, k1, out):  # type: ignore[no-untyped-def]
    for i in range(len(valid)):
        if valid[i]:
            out[i] = np.int64(siphash(data, offsets[i], offsets[i + 1], k0, k1))


@njit(cache=True, nogil=True)
def _simhash_or_hash(data, offsets, valid, k0, k1, out):  # type: ignore[no-untyped-def]
    for i in range(len(valid)):
        if not valid[i]:
            continue
        start, stop = offsets[i], offsets[i + 1]
        bits = np.uint64(0)
        is_hex = stop - start == 16
        if is_hex:
            for j in range(start, stop):
                c = data[j] | 0x20
                if 48 <= data[j] <= 57:
                    digit = data[j] - 48
                elif 97 <= c <= 102:
                    digit = c - 87
                else:
                    is_hex = False
                    break
                bits = (bits << np.uint64(4)) | np.uint64(digit)
        out[i] = np.int64(bits) if is_hex else np.int64(siphash(data, start, stop, k0, k1))


def key_words(key: bytes) -> tuple[np.uint64, np.uint64]:
    """The two little-endian words of a key of 16 bytes."""
    words = np.frombuffer(key, "<u8")
    if len(words) != 2:
        raise ValueError("a SipHash key has 16 bytes")
    return np.uint64(words[0]), np.uint64(words[1])


def hash_text(text: Text, key: bytes) -> np.ndarray:
    """int64 hashes of a column's values; 0 where a value is absent."""
    out = np.zeros(len(text), np.int64)
    _hash_column(text.data, text.offsets, text.valid, *key_words(key), out)
    return out


def hash_array(array: pa.Array | pa.ChunkedArray, key: bytes) -> np.ndarray:
    """`hash_text` of an Arrow column."""
    return hash_text(text_buffers(array), key)


def fingerprints(array: pa.Array | pa.ChunkedArray, key: bytes, *, simhash: bool) -> np.ndarray:
    """int64 per fingerprint: keyed hash, or with `simhash` the 64 bits that sixteen hex digits spell."""
    text = text_buffers(array)
    if not simhash:
        return hash_text(text, key)
    out = np.zeros(len(text), np.int64)
    _simhash_or_hash(text.data, text.offsets, text.valid, *key_words(key), out)
    return out
