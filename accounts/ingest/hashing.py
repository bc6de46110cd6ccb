"""The keyed hashes of ids and fingerprints that are never stored as text.

They are made with the keyring's first key, so that they stay comparable after a rotation (the keys that seal values and
digest identifiers rotate; `manage.py rederive` carries those over).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from accounts.ingest.kernels.siphash import hash_array
from core import keys


@dataclass(frozen=True)
class EventKeys:
    """Keys by purpose; fingerprints share one, so that an answer meets the request that continues it."""

    key_id: int
    exchange: bytes
    session: bytes
    session_low: bytes
    api_key: bytes
    end_user: bytes
    fingerprint: bytes
    content: bytes
    account: bytes

    @classmethod
    def load(cls) -> EventKeys:
        """The keys of this installation."""
        first = keys.keyring().keys[0]
        names = ("exchange", "session", "session_low", "api_key", "end_user", "fingerprint", "content", "account")
        return cls(first.id, *(keys.hash_key(f"event-{name}", size=16, key=first) for name in names))


def hex_pairs(high: np.ndarray, low: np.ndarray) -> pa.Array:
    """Text of 32 hex digits per pair of int64."""
    pairs = np.stack([high, low], axis=1).astype(">i8")
    text = pairs.tobytes().hex().encode("ascii")
    offsets = np.arange(0, 32 * len(high) + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(high), pa.py_buffer(offsets), pa.py_buffer(text))


def session_keys(names: pa.Array, event_keys: EventKeys) -> pa.Array:
    """The natural keys of sessions as 32 hex digits; their first half is the session of exchanges."""
    return hex_pairs(hash_array(names, event_keys.session), hash_array(names, event_keys.session_low))
