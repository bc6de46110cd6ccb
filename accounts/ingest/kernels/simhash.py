"""Keyed projection of content to 64 bits: similar texts get similar bits, and without the key no guess can be checked.

Tokenisation version 1: a token is a run of ASCII letters, digits and underscores or of bytes above 127, ASCII letters
lowered; a feature is three tokens in a row (fewer in shorter texts); each feature votes on each bit with the bits of
its SipHash (Charikar 2002, with keyed features). The bits of equal texts are equal; a changed word moves a few of them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from accounts.ingest.kernels.buffers import text_buffers
from accounts.ingest.kernels.siphash import key_words, siphash

TOKENISATION = 1


@njit(cache=True, nogil=True)
def _lowered(data, start, stop, out):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        c = data[i]
        out[i - start] = c + 32 if 65 <= c <= 90 else c


@njit(cache=True, nogil=True, inline="always")
def _in_token(c):  # type: ignore[no-untyped-def]
    return 97 <= c <= 122 or 48 <= c <= 57 or c == 95 or c >= 128


@njit(cache=True, nogil=True)
def _vote(votes, feature, k0, k1, scratch):  # type: ignore[no-untyped-def]
    for j in range(8):
        scratch[j] = np.uint8((feature >> np.uint64(8 * j)) & np.uint64(0xFF))
    bits = siphash(scratch, 0, 8, k0, k1)
    for j in range(64):
        if (bits >> np.uint64(j)) & np.uint64(1):
            votes[j] += 1
        else:
            votes[j] -= 1


@njit(cache=True, nogil=True)
def _project(data, length, k0, k1, votes, scratch):  # type: ignore[no-untyped-def]
    votes[:] = 0
    before, last = np.uint64(0), np.uint64(0)
    n, i = 0, 0
    while i < length:
        if not _in_token(data[i]):
            i += 1
            continue
        start = i
        while i < length and _in_token(data[i]):
            i += 1
        token = siphash(data, start, i, k0, k1)
        n += 1
        if n >= 3:
            _vote(
                votes,
                before * np.uint64(0x9E3779B97F4A7C15) ^ last * np.uint64(0xC2B2AE3D27D4EB4F) ^ token,
                k0,
                k1,
                scratch,
            )
        before, last = last, token
    if n < 3:
        _vote(votes, before * np.uint64(0x9E3779B97F4A7C15) ^ last * np.uint64(0xC2B2AE3D27D4EB4F), k0, k1, scratch)
    bits = np.uint64(0)
    for j in range(64):
        if votes[j] > 0:
            bits |= np.uint64(1) << np.uint64(j)
    return np.int64(bits)


@njit(cache=True, nogil=True)
def _project_column(data, offsets, valid, k0, k1, out):  # type: ignore[no-untyped-def]
    longest = 0
    for i in range(len(valid)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    buffer = np.zeros(longest + 1, np.uint8)
    votes = np.zeros(64, np.int32)
    scratch = np.zeros(8, np.uint8)
    for i in range(len(valid)):
        if valid[i]:
            _lowered(data, offsets[i], offsets[i + 1], buffer)
            out[i] = _project(buffer, offsets[i + 1] - offsets[i], k0, k1, votes, scratch)


def project(array: pa.Array | pa.ChunkedArray, key: bytes) -> np.ndarray:
    """int64 with the 64 projected bits per text; 0 where there is none."""
    text = text_buffers(array)
    out = np.zeros(len(text), np.int64)
    _project_column(text.data, text.offsets, text.valid, *key_words(key), out)
    return out
