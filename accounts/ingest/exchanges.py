"""Rows of the table `exchanges` to the columns of the event store: numbers and keyed hashes, no text but the model."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from accounts.event_store.store import EXCHANGES
from accounts.ingest.convert import Typed
from accounts.ingest.hashing import EventKeys
from accounts.ingest.kernels.buffers import valid_mask
from accounts.ingest.kernels.simhash import project
from accounts.ingest.kernels.siphash import fingerprints, hash_array
from accounts.ingest.tables import EXCHANGES as TABLE

_FINGERPRINTS = ("system", "tools", "parameters", "output", "prefix")


def exchanges_build(typed: Typed, accounts: np.ndarray, event_keys: EventKeys) -> pa.RecordBatch:
    """A batch of schema EXCHANGES for rows whose accounts are known."""
    columns = typed.columns
    simhash = _is_simhash(columns["fingerprint_type"])

    def hashed(name: str, key: bytes) -> pa.Array:
        return pa.array(hash_array(columns[name], key), mask=~valid_mask(columns[name]))

    made = {
        "account": pa.array(accounts),
        "at": columns["occurred_at"],
        "status": _choice(columns["status"], "status", missing=0),
        "surface": _choice(columns["surface"], "surface", missing=-1),
        "model": columns["model"],
        "exchange": hashed("exchange_id", event_keys.exchange),
        "session": hashed("session_id", event_keys.session),
        "api_key": hashed("api_key_id", event_keys.api_key),
        "content": _content(columns, simhash, event_keys),
        "end_user": hashed("end_user_id", event_keys.end_user),
        "input_tokens": columns["input_tokens"].cast(pa.int32()),
        "output_tokens": columns["output_tokens"].cast(pa.int32()),
    }
    for name in _FINGERPRINTS:
        made[name] = _fingerprint(columns[f"{name}_fingerprint"], simhash, event_keys)
    return pa.RecordBatch.from_arrays([made[name] for name in EXCHANGES.names], schema=EXCHANGES)


def content_projected(typed: Typed, event_keys: EventKeys) -> Typed:
    """The rows with their content replaced by its fingerprint, for rows that have to wait: content is never stored."""
    columns = dict(typed.columns)
    content = columns["content"]
    if content.null_count == len(content):
        return typed
    bits = project(content, event_keys.content).astype(np.uint64)
    spelled = pa.array([f"{int(b):016x}" for b in bits], pa.string(), mask=~valid_mask(content))
    fresh = columns["content_fingerprint"].is_null()
    columns["content_fingerprint"] = pc.if_else(fresh, spelled, columns["content_fingerprint"])
    columns["fingerprint_type"] = pc.if_else(
        pc.and_(fresh, content.is_valid()), pa.scalar("simhash64"), columns["fingerprint_type"]
    )
    columns["content"] = pa.nulls(len(content), pa.string())
    return Typed(typed.table, columns, typed.lines, typed.extra, typed.rows)


def _is_simhash(types: pa.Array) -> np.ndarray:
    if types.null_count == len(types):
        return np.zeros(len(types), np.bool_)
    return np.asarray(pc.fill_null(pc.equal(types, "simhash64"), False).to_numpy(zero_copy_only=False), np.bool_)


def _fingerprint(values: pa.Array, simhash: np.ndarray, event_keys: EventKeys) -> pa.Array:
    if values.null_count == len(values):
        return pa.nulls(len(values), pa.int64())
    if not simhash.any():
        found = fingerprints(values, event_keys.fingerprint, simhash=False)
    elif simhash.all():
        found = fingerprints(values, event_keys.fingerprint, simhash=True)
    else:
        spelled = fingerprints(values, event_keys.fingerprint, simhash=True)
        found = np.where(simhash, spelled, fingerprints(values, event_keys.fingerprint, simhash=False))
    return pa.array(found, mask=~valid_mask(values))


def _content(columns: dict[str, pa.Array], simhash: np.ndarray, event_keys: EventKeys) -> pa.Array:
    """The given fingerprint, or the projection of the content where there is none."""
    given = _fingerprint(columns["content_fingerprint"], simhash, event_keys)
    content = columns["content"]
    if content.null_count == len(content):
        return given
    projected = pa.array(project(content, event_keys.content), mask=~valid_mask(content))
    return pc.coalesce(given, projected)


def _choice(values: pa.Array, column: str, *, missing: int) -> pa.Array:
    if values.null_count == len(values):
        return pa.array(np.full(len(values), missing, np.int8))
    index = pc.index_in(values, pa.array(TABLE.column(column).choices))
    return pc.fill_null(index, missing).cast(pa.int8())
