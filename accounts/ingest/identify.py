"""Values of identifier columns to digests; new ones are sealed and handed on, clear text goes no further than here."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from accounts import normalise
from accounts.ingest.convert import Typed
from accounts.ingest.kernels.lookup import ABSENT, NameTable
from accounts.ingest.problems import Refusal, Refusals
from accounts.ingest.readers import Piece
from accounts.kinds import kind_get
from core import keys

REMEMBERED = 2_000_000
"""Values whose digest is remembered, of all kinds together, at about 100 bytes each; then that memory starts anew
(a value sealed twice costs time only)."""
SEALED_AT_ONCE = 16_384
"""Values sealed before they move into an Arrow batch, which is far smaller than the objects that sealing makes."""

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


class Known:
    """Values of one kind that were met, with their digests: compact, and asked a whole column at a time.

    Two tables, so that adding a few values to many does not build the large one anew each time.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._values: list[list[pa.Array]] = [[], []]
        self._digests = np.zeros((0, 16), np.uint8)
        self._tables: list[NameTable | None] = [None, None]
        self._sizes = [0, 0]

    def __len__(self) -> int:
        return len(self._digests)

    def find(self, values: pa.Array) -> np.ndarray:
        """Each value's row among the digests, ABSENT for those not met."""
        found = np.full(len(values), ABSENT, np.int64)
        for table in self._tables:
            if table is not None:
                found = np.maximum(found, table.find(values))
        return found

    def add(self, values: pa.Array, digests: list[bytes]) -> None:
        """Remembers new values."""
        fresh = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)
        self._digests = np.concatenate([self._digests, fresh])
        self._values[1].append(values)
        self._sizes[1] += len(values)
        if 2 * self._sizes[1] > self._sizes[0]:
            self._values = [self._values[0] + self._values[1], []]
            self._sizes = [sum(self._sizes), 0]
            self._tables = [self._table(0, 0), None]
        else:
            self._tables[1] = self._table(1, self._sizes[0])

    def texts(self, rows: np.ndarray) -> pa.Array:
        """The digests of rows as 32 hex digits, null for ABSENT."""
        if not len(self._digests):
            return pa.nulls(len(rows), pa.string())
        text = self._digests[np.maximum(rows, 0)].tobytes().hex().encode("ascii")
        offsets = np.arange(0, 32 * len(rows) + 1, 32, dtype=np.int32)
        made = pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(text))
        return pc.if_else(pa.array(rows != ABSENT), made, pa.scalar(None, pa.string()))

    def _table(self, which: int, first: int) -> NameTable:
        numbers = np.arange(first, first + self._sizes[which], dtype=np.int64)
        merged = pa.concat_arrays(self._values[which])
        self._values[which] = [merged]
        return NameTable(merged, numbers, self._key)


class Identifying:
    """Digests of one file's values; collects the sealed form of each value it meets for the first time."""

    def __init__(self, key: keys.Key) -> None:
        self._key = key
        self._table_key = keys.hash_key("identify-table", size=16, key=key)
        self._known: dict[str, Known] = {}
        self._fresh: list[pa.RecordBatch] = []

    def column(self, kind: str, values: pa.Array) -> Digested:
        """The digests of a text column of one kind."""
        encoded = pc.dictionary_encode(values)
        distinct = encoded.dictionary
        reasons = self._learn(kind, distinct)
        known = self._known[kind]
        digests = pc.take(known.texts(known.find(distinct)), encoded.indices)
        if not reasons:
            return Digested(digests)
        indices = encoded.indices.to_pylist()
        wrong = {i: reasons[j] for i, j in enumerate(indices) if j is not None and j in reasons}
        return Digested(digests, wrong)

    def take_fresh(self) -> list[pa.RecordBatch]:
        """The identifiers (schema IDENTIFIERS) met since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def forget(self) -> None:
        """Frees the memory of values met so far."""
        self._known.clear()

    def _learn(self, kind: str, values: pa.Array) -> dict[int, str]:
        """Digests and seals the values not met before; returns the places of those that are unusable, and why."""
        if sum(map(len, self._known.values())) > REMEMBERED:
            self.forget()
        known = self._known.setdefault(kind, Known(self._table_key))
        places = np.flatnonzero(known.find(values) == ABSENT).tolist()
        normal = kind_get(kind).normalise
        reasons: dict[int, str] = {}
        clear, used = [], []
        for place, value in zip(places, values.take(pa.array(places, pa.int64())).to_pylist(), strict=True):
            try:
                clear.append(normal(value))
                used.append(place)
            except normalise.Unusable as error:
                reasons[place] = str(error)
        if used:
            digests = keys.values_digest(clear, kind=kind, normaliser_version=normalise.VERSION, key=self._key)
            known.add(values.take(pa.array(used, pa.int64())), digests)
            for at in range(0, len(clear), SEALED_AT_ONCE):
                some = slice(at, at + SEALED_AT_ONCE)
                self._seal(kind, {digest.hex(): text for digest, text in zip(digests[some], clear[some], strict=True)})
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
