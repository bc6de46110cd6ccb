"""Values of identifier columns to digests; new ones are sealed and handed on, clear text goes no further than here."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from accounts import normalise
from accounts.ingest.convert import Typed
from accounts.ingest.problems import Refusal, Refusals
from accounts.ingest.readers import Piece
from accounts.kinds import kind_get
from core import keys

REMEMBERED = 400_000
"""Values whose digest is remembered; then the memory starts anew (a value sealed twice costs time only)."""

IDENTIFIERS = pa.schema(
    [
        ("kind", pa.string()),
        ("digest", pa.string()),
        ("sealed", pa.binary()),
        ("data_key", pa.binary()),
        ("seal_key", pa.int32()),
        ("mask", pa.string()),
    ]
)


@dataclass
class Digested:
    """A column of digests (32 hex digits, null where there is no value) and what could not be used."""

    digests: pa.Array
    reasons: dict[int, str] = field(default_factory=dict)
    """Row to the reason why its value is unusable."""


class Identifying:
    """Digests of one file's values; collects the sealed form of each value it meets for the first time."""

    def __init__(self, key: keys.Key) -> None:
        self._key = key
        self._known: dict[str, dict[str, str]] = {}
        self._n_known = 0
        self._fresh: list[pa.RecordBatch] = []

    def column(self, kind: str, values: pa.Array) -> Digested:
        """The digests of a text column of one kind."""
        encoded = pc.dictionary_encode(values)
        distinct = encoded.dictionary.to_pylist()
        reasons = self._learn(kind, distinct)
        known = self._known[kind]
        looked_up = pa.array([known.get(value) for value in distinct], pa.string())
        digests = pc.take(looked_up, encoded.indices)
        if not reasons:
            return Digested(digests)
        indices = encoded.indices.to_pylist()
        wrong = {i: reasons[distinct[j]] for i, j in enumerate(indices) if j is not None and distinct[j] in reasons}
        return Digested(digests, wrong)

    def take_fresh(self) -> list[pa.RecordBatch]:
        """The identifiers (schema IDENTIFIERS) met since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _learn(self, kind: str, values: list[str]) -> dict[str, str]:
        """Digests and seals the values not met before; returns the reasons of those that are unusable."""
        if self._n_known > REMEMBERED:
            self._known, self._n_known = {}, 0
        known = self._known.setdefault(kind, {})
        registered = kind_get(kind)
        reasons: dict[str, str] = {}
        new, clear = [], []
        for value in values:
            if value in known:
                continue
            try:
                clear.append(registered.normalise(value))
                new.append(value)
            except normalise.Unusable as error:
                reasons[value] = str(error)
        if new:
            digests = keys.values_digest(clear, kind=kind, normaliser_version=normalise.VERSION, key=self._key)
            texts = [digest.hex() for digest in digests]
            known.update(zip(new, texts, strict=True))
            self._n_known += len(new)
            self._seal(kind, dict(zip(texts, clear, strict=True)))
        return reasons

    def _seal(self, kind: str, clear: dict[str, str]) -> None:
        mask = kind_get(kind).mask
        sealed = keys.values_seal(list(clear.values()), kind=kind)
        columns = [
            pa.array([kind] * len(clear), pa.string()),
            pa.array(list(clear), pa.string()),
            pa.array([s.sealed for s in sealed], pa.binary()),
            pa.array([s.data_key for s in sealed], pa.binary()),
            pa.array([s.key_id for s in sealed], pa.int32()),
            pa.array([mask(value)[:80] for value in clear.values()], pa.string()),
        ]
        self._fresh.append(pa.RecordBatch.from_arrays(columns, schema=IDENTIFIERS))


def identify(
    typed: Typed, identifying: Identifying, *, kinds: frozenset[str] | None, piece: Piece, refusals: Refusals
) -> Typed:
    """Replaces the values of identifier columns by digests; rows with an unusable value are refused.

    An IPv6 address also gives the column `ip_range`, its /64: within one, machines change addresses at will.
    """
    columns, ok = dict(typed.columns), np.ones(len(typed), np.bool_)
    for column in typed.table.columns:
        if not column.kind:
            continue
        if kinds is not None and column.kind not in kinds:
            columns[column.name] = pa.nulls(len(typed), pa.string())
            continue
        values = columns[column.name]
        digested = identifying.column(column.kind, values)
        _refuse(digested, column.name, typed, piece, refusals, ok)
        columns[column.name] = digested.digests
        if column.kind == "ip":
            columns["ip_range"] = _ranges(values, digested, identifying, kinds)
    return Typed(typed.table, columns, typed.lines, typed.extra, typed.rows).keep(ok)


def identify_named(
    typed: Typed, identifying: Identifying, *, kinds: frozenset[str] | None, piece: Piece, refusals: Refusals
) -> Typed:
    """The same for the table `identifiers`, where a column names each value's kind."""
    if kinds is not None:
        wanted = pc.is_in(typed.columns["kind"], pa.array(sorted(kinds), pa.string()))
        typed = typed.keep(np.asarray(wanted.to_numpy(zero_copy_only=False), np.bool_))
    ok = np.ones(len(typed), np.bool_)
    kind, values = typed.columns["kind"], typed.columns["value"]
    digests = np.full(len(typed), None, object)
    for name in pc.unique(kind).to_pylist():
        at = np.flatnonzero(np.asarray(pc.equal(kind, name).to_numpy(zero_copy_only=False), np.bool_))
        digested = identifying.column(name, values.take(pa.array(at)))
        moved = Digested(digested.digests, {int(at[i]): reason for i, reason in digested.reasons.items()})
        _refuse(moved, "value", typed, piece, refusals, ok)
        digests[at] = digested.digests.to_numpy(zero_copy_only=False)
    columns = dict(typed.columns) | {"value": pa.array(digests, pa.string())}
    return Typed(typed.table, columns, typed.lines, typed.extra, typed.rows).keep(ok)


def _ranges(values: pa.Array, digested: Digested, identifying: Identifying, kinds: frozenset[str] | None) -> pa.Array:
    if kinds is not None and "ip_range" not in kinds:
        return pa.nulls(len(values), pa.string())
    wide = pc.and_(pc.match_substring(values, ":"), pc.invert(pc.match_substring(values, ".")))
    wide = pc.and_(pc.fill_null(wide, False), digested.digests.is_valid())
    if not pc.any(wide).as_py():
        return pa.nulls(len(values), pa.string())
    return identifying.column("ip_range", pc.if_else(wide, values, pa.scalar(None, pa.string()))).digests


def _refuse(digested: Digested, column: str, typed: Typed, piece: Piece, refusals: Refusals, ok: np.ndarray) -> None:
    for i, reason in digested.reasons.items():
        if ok[i]:
            ok[i] = False
            text = piece.raw(int(typed.rows[i])) if refusals.room else ""
            refusals.add(Refusal(typed.table.name, int(typed.lines[i]), column, "unusable_value", reason, text))
