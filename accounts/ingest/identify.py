"""Values of identifier columns to numbers of this file; new ones are sealed and handed on, clear text goes no further."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from accounts import normalise
from accounts.ingest.convert import Typed
from accounts.ingest.hashing import uuids
from accounts.ingest.kernels.lookup import ABSENT, NameTable
from accounts.ingest.problems import Refusal, Refusals
from accounts.ingest.readers import Piece
from accounts.kinds import kind_get
from core import keys

REMEMBERED = 2_000_000
"""Values whose number is remembered, of all kinds together, at about 90 bytes each; then that memory starts anew, and a
value met again has a second number (`Staging.twins_merge`)."""
SEALED_AT_ONCE = 16_384
"""Values sealed before they move into an Arrow batch, which is far smaller than the objects that sealing makes."""

IDENTIFIERS = pa.schema(
    [
        ("number", pa.int32()),
        ("kind", pa.string()),
        ("digest", pa.uuid()),
        ("sealed", pa.binary()),
        ("data_key", pa.binary()),
        ("mask", pa.string()),
    ]
)


@dataclass
class Numbered:
    """A column of this file's numbers for values (int32, null where there is no value) and what could not be used."""

    numbers: pa.Array
    reasons: dict[int, str] = field(default_factory=dict)
    """Row to the reason why its value is unusable."""


class Known:
    """Values of one kind that were met, with their numbers: compact, and asked a whole column at a time.

    Two tables, so that adding a few values to many does not build the large one anew each time.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._values: list[list[pa.Array]] = [[], []]
        self._numbers: list[list[np.ndarray]] = [[], []]
        self._tables: list[NameTable | None] = [None, None]
        self._sizes = [0, 0]

    def __len__(self) -> int:
        return sum(self._sizes)

    def find(self, values: pa.Array) -> np.ndarray:
        """Each value's number, ABSENT for those not met."""
        found = np.full(len(values), ABSENT, np.int64)
        for table in self._tables:
            if table is not None:
                found = np.maximum(found, table.find(values))
        return found

    def add(self, values: pa.Array, numbers: np.ndarray) -> None:
        """Remembers values that were not met before."""
        self._values[1].append(values)
        self._numbers[1].append(numbers)
        self._sizes[1] += len(values)
        if 2 * self._sizes[1] > self._sizes[0]:
            self._values = [self._values[0] + self._values[1], []]
            self._numbers = [self._numbers[0] + self._numbers[1], []]
            self._sizes = [sum(self._sizes), 0]
            self._tables = [None, None]  # the old ones go before the new one is built
            self._tables[0] = self._table(0)
        else:
            self._tables[1] = self._table(1)

    def _table(self, which: int) -> NameTable:
        values, numbers = pa.concat_arrays(self._values[which]), np.concatenate(self._numbers[which])
        self._values[which], self._numbers[which] = [values], [numbers]
        return NameTable(values, numbers, self._key)


class Identifying:
    """Numbers of one file's values; collects the digest and the sealed form of each value met for the first time."""

    def __init__(self, key: keys.Key) -> None:
        self._key = key
        self._table_key = keys.hash_key("identify-table", size=16, key=key)
        self._known: dict[str, Known] = {}
        self._fresh: list[pa.RecordBatch] = []
        self._n = 0
        self.has_forgotten = False

    def column(self, kind: str, values: pa.Array) -> Numbered:
        """The numbers of a text column of one kind."""
        encoded = pc.dictionary_encode(values)
        distinct = encoded.dictionary
        found, reasons = self._learn(kind, distinct)
        numbers = pc.take(pa.array(found.astype(np.int32), mask=found == ABSENT), encoded.indices)
        if not reasons:
            return Numbered(numbers)
        indices = encoded.indices.to_pylist()
        wrong = {i: reasons[j] for i, j in enumerate(indices) if j is not None and j in reasons}
        return Numbered(numbers, wrong)

    def take_fresh(self) -> list[pa.RecordBatch]:
        """The identifiers (schema IDENTIFIERS) met since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def forget(self) -> None:
        """Frees the memory of values met so far."""
        self.has_forgotten = self.has_forgotten or bool(self._known)
        self._known.clear()

    def _learn(self, kind: str, values: pa.Array) -> tuple[np.ndarray, dict[int, str]]:
        """The values' numbers, of those not met before too, which are sealed; places of the unusable ones, and why."""
        if sum(map(len, self._known.values())) > REMEMBERED:
            self.forget()
        known = self._known.setdefault(kind, Known(self._table_key))
        found = known.find(values)
        places = np.flatnonzero(found == ABSENT)
        normal = kind_get(kind).normalise
        reasons: dict[int, str] = {}
        met, clear = [], []
        for place, value in zip(places.tolist(), values.take(pa.array(places)).to_pylist(), strict=True):
            try:
                clear.append(normal(value))
                met.append(value)
            except normalise.Unusable as error:
                reasons[place] = str(error)
        usable = np.setdiff1d(places, np.fromiter(reasons, np.int64, len(reasons)), assume_unique=True)
        if met == clear:
            found[usable] = self._add(kind, known, clear)
        elif met:
            self._learn_spellings(kind, known, met, clear)
            found[usable] = known.find(pa.array(met, pa.string()))
        return found, reasons

    def _learn_spellings(self, kind: str, known: Known, met: list[str], clear: list[str]) -> None:
        """The same where some are other spellings of a value, which may have been met as itself."""
        distinct = pa.array(list(dict.fromkeys(clear)), pa.string())
        self._add(kind, known, distinct.filter(pa.array(known.find(distinct) == ABSENT)).to_pylist())
        other = [(one, value) for one, value in zip(met, clear, strict=True) if one != value]
        spellings, meant = (pa.array(column, pa.string()) for column in zip(*other, strict=True))
        known.add(spellings, known.find(meant))

    def _add(self, kind: str, known: Known, clear: list[str]) -> np.ndarray:
        """Gives new values their numbers, digests and envelopes; returns the numbers."""
        numbers = np.arange(self._n, self._n + len(clear), dtype=np.int64)
        if not clear:
            return numbers
        digests = keys.values_digest(clear, kind=kind, normaliser_version=normalise.VERSION, key=self._key)
        self._n += len(clear)
        known.add(pa.array(clear, pa.string()), numbers)
        for at in range(0, len(clear), SEALED_AT_ONCE):
            some = slice(at, at + SEALED_AT_ONCE)
            self._seal(kind, numbers[some], digests[some], clear[some])
        return numbers

    def _seal(self, kind: str, numbers: np.ndarray, digests: list[bytes], clear: list[str]) -> None:
        mask = kind_get(kind).mask
        data_keys, ciphertexts = keys.envelopes(clear, kind=kind)
        columns = [
            pa.array(numbers, pa.int32()),
            pa.array([kind] * len(clear), pa.string()),
            uuids(b"".join(digests)),
            pa.array(ciphertexts, pa.binary()),
            pa.array(data_keys, pa.binary()),
            pa.array([mask(value)[:80] for value in clear], pa.string()),
        ]
        self._fresh.append(pa.RecordBatch.from_arrays(columns, schema=IDENTIFIERS))


def identify(
    typed: Typed, identifying: Identifying, *, kinds: frozenset[str] | None, piece: Piece, refusals: Refusals
) -> Typed:
    """Replaces the values of identifier columns by numbers; rows with an unusable value are refused.

    An IPv6 address also gives the column `ip_range`, its /64: within one, machines change addresses at will.
    """
    columns, ok = dict(typed.columns), np.ones(len(typed), np.bool_)
    for column in typed.table.columns:
        if not column.kind:
            continue
        if kinds is not None and column.kind not in kinds:
            columns[column.name] = pa.nulls(len(typed), pa.int32())
            continue
        values = columns[column.name]
        numbered = identifying.column(column.kind, values)
        _refuse(numbered, column.name, typed, piece, refusals, ok)
        columns[column.name] = numbered.numbers
        if column.kind == "ip":
            columns["ip_range"] = _ranges(values, numbered, identifying, kinds)
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
    numbers = np.zeros(len(typed), np.int32)
    for name in pc.unique(kind).to_pylist():
        at = np.flatnonzero(np.asarray(pc.equal(kind, name).to_numpy(zero_copy_only=False), np.bool_))
        numbered = identifying.column(name, values.take(pa.array(at)))
        moved = Numbered(numbered.numbers, {int(at[i]): reason for i, reason in numbered.reasons.items()})
        _refuse(moved, "value", typed, piece, refusals, ok)
        numbers[at] = np.asarray(numbered.numbers.fill_null(ABSENT))
    columns = dict(typed.columns) | {"value": pa.array(numbers, mask=numbers == ABSENT)}
    return Typed(typed.table, columns, typed.lines, typed.extra, typed.rows).keep(ok)


def _ranges(values: pa.Array, numbered: Numbered, identifying: Identifying, kinds: frozenset[str] | None) -> pa.Array:
    if kinds is not None and "ip_range" not in kinds:
        return pa.nulls(len(values), pa.int32())
    wide = pc.and_(pc.match_substring(values, ":"), pc.invert(pc.match_substring(values, ".")))
    wide = pc.and_(pc.fill_null(wide, False), numbered.numbers.is_valid())
    if not pc.any(wide).as_py():
        return pa.nulls(len(values), pa.int32())
    return identifying.column("ip_range", pc.if_else(wide, values, pa.scalar(None, pa.string()))).numbers


def _refuse(numbered: Numbered, column: str, typed: Typed, piece: Piece, refusals: Refusals, ok: np.ndarray) -> None:
    for i, reason in numbered.reasons.items():
        if ok[i]:
            ok[i] = False
            text = piece.raw(int(typed.rows[i])) if refusals.room else ""
            refusals.add(Refusal(typed.table.name, int(typed.lines[i]), column, "unusable_value", reason, text))
