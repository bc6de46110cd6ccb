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


def uuids(raw: bytes) -> pa.Array:
    """UUIDs out of 16 bytes each."""
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(raw) // 16, [None, pa.py_buffer(raw)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def session_keys(names: pa.Array, event_keys: EventKeys) -> pa.Array:
    """The natural keys of sessions as UUIDs; their first half is the session of exchanges."""
    pairs = [hash_array(names, event_keys.session), hash_array(names, event_keys.session_low)]
    return uuids(np.stack(pairs, axis=1).astype(">i8").tobytes())
