"""Raw columns to typed ones: times as microseconds, whole numbers, choices, flags; rows that don't fit are refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from accounts.extra import extra_seal
from accounts.ingest.kernels import parse
from accounts.ingest.kernels.buffers import text_buffers, valid_mask
from accounts.ingest.mapping import Clock, Emission
from accounts.ingest.problems import FileProblem, Refusal, Refusals, shown
from accounts.ingest.readers import Piece
from accounts.ingest.tables import Column, Table, Type

TIME_REASONS = {
    parse.NOT_A_TIME: ("wrong_time", "“{value}” is not a time: write it as 2026-01-31T08:30:00Z or in Unix seconds"),
    parse.NAIVE: (
        "naive_time",
        '“{value}” has no time zone: add Z or +02:00, or name the zone in a mapping file (zone = "Europe/Berlin")',
    ),
    parse.OUT_OF_RANGE: (
        "time_out_of_range",
        '“{value}” lies outside 1970 to 2200; of milliseconds, a mapping file says unit = "milliseconds"',
    ),
}
NUMBER_REASONS = {
    parse.NOT_A_NUMBER: ("not_a_number", "“{value}” is not a whole number of zero or more"),
    parse.OUT_OF_RANGE: ("number_too_large", "{value} is larger than this column can hold"),
}
_FLAGS = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}
_ORDERED = (("started_at", "ended_at"), ("first_seen", "last_seen"), ("since", "until"))


@dataclass
class Typed:
    """Rows of one table: text as strings, times and numbers as int64, flags as bool; all columns of the table exist."""

    table: Table
    columns: dict[str, pa.Array]
    lines: np.ndarray
    extra: pa.Array
    """The x_ columns of a row as JSON text; null where it has none."""
    rows: np.ndarray
    """Each row's place in its piece, for the text of refused rows."""

    def __len__(self) -> int:
        return len(self.lines)

    def keep(self, mask: np.ndarray) -> Typed:
        """The rows where `mask` holds."""
        if mask.all():
            return self
        chosen = pa.array(mask)
        columns = {name: array.filter(chosen) for name, array in self.columns.items()}
        return Typed(self.table, columns, self.lines[mask], self.extra.filter(chosen), self.rows[mask])


class Converter:
    """Makes the rows of one table out of the pieces of one file."""

    def __init__(self, emission: Emission, clock: Clock, found: list[str], *, file: str, refusals: Refusals) -> None:
        self._emission = emission
        self._table = emission.table
        self._clock = clock
        self._refusals = refusals
        self._sources = {c.name: emission.source_of(c.name, found) for c in self._table.columns}
        self._check(found, file)
        used = {source for source in self._sources.values() if source}
        named = {column: source for column, source in emission.columns.items() if column.startswith("x_")}
        self._extras = {c: c for c in found if c.startswith("x_") and c not in used} | named
        self.ignored = [c for c in found if c not in used and c not in self._extras.values()]

    def _check(self, found: list[str], file: str) -> None:
        """FileProblem for a required column that neither the file nor the mapping has."""
        listed = ", ".join(shown(c, 40) for c in found[:40])
        for column in self._emission.columns.values():
            if column not in found:
                raise FileProblem(
                    f"The mapping reads a column “{column}” that {file} does not have; it has: {listed}.",
                    code="missing_column",
                    hint="Correct the name in the mapping file.",
                )
        for name in self._table.required:
            if self._sources[name] is None and name not in self._emission.constants:
                raise FileProblem(
                    f"{file} has no column “{name}”, which the table {self._table.name} needs; it has: {listed}.",
                    code="missing_column",
                    hint=f'Rename the column, or map it: [source.table.columns] {name} = "your column".'
                    " See docs/guide/ingest.md.",
                )

    def convert(self, piece: Piece) -> Typed:
        """The piece's rows that fit; the others are refused with the first thing that is wrong with them."""
        ok = np.ones(len(piece), np.bool_)
        columns = {column.name: self._column(column, piece, ok) for column in self._table.columns}
        self._check_order(columns, piece, ok)
        rows = np.arange(len(piece), dtype=np.int64)
        return Typed(self._table, columns, piece.lines, self._extra(piece), rows).keep(ok)

    def _column(self, column: Column, piece: Piece, ok: np.ndarray) -> pa.Array:
        n = len(piece)
        source = self._sources[column.name]
        if source is not None:
            raw = piece.columns[source]
        elif column.name in self._emission.constants:
            raw = pa.array([self._emission.constants[column.name]] * n, pa.string())
        else:
            return pa.nulls(n, _arrow_type(column))
        if column.required and raw.null_count:
            missing = ~valid_mask(raw)
            self._refuse(missing, ok, piece, column, raw, ("missing_value", "is empty, but is required"))
        match column.type:
            case Type.TIME:
                return self._time(column, raw, piece, ok)
            case Type.INTEGER:
                return self._integer(column, raw, piece, ok)
            case Type.CHOICE:
                return self._choice(column, raw, piece, ok)
            case Type.FLAG:
                return self._flag(column, raw, piece, ok)
            case _:
                return self._text(column, raw, piece, ok)

    def _text(self, column: Column, raw: pa.Array, piece: Piece, ok: np.ndarray) -> pa.Array:
        text = _as_text(raw, column.name)
        if len(text) and (pc.max(pc.binary_length(text)).as_py() or 0) > column.max_length:
            long = np.asarray(pc.fill_null(pc.utf8_length(text), 0)) > column.max_length
            reason = ("too_long", f"is longer than {column.max_length} characters")
            self._refuse(long, ok, piece, column, text, reason)
        return text

    def _time(self, column: Column, raw: pa.Array, piece: Piece, ok: np.ndarray) -> pa.Array:
        micros, code, valid = read_times(raw, self._clock, column.name)
        for number, reason in TIME_REASONS.items():
            self._refuse(code == number, ok, piece, column, raw, reason)
        return pa.array(micros, mask=~valid)

    def _integer(self, column: Column, raw: pa.Array, piece: Piece, ok: np.ndarray) -> pa.Array:
        if pa.types.is_integer(raw.type):
            values = np.asarray(pc.fill_null(raw.cast(pa.int64()), 0))
            code = np.where(values < 0, parse.NOT_A_NUMBER, 0) + np.where(values > column.high, parse.OUT_OF_RANGE, 0)
        elif pa.types.is_floating(raw.type):
            floats = np.nan_to_num(np.asarray(pc.fill_null(raw.cast(pa.float64()), 0.0)), nan=0.0)
            strange = (floats < 0) | (floats != np.floor(floats)) | (floats > 2.0**53)
            values = np.where(strange, 0, floats).astype(np.int64)
            code = np.where(strange, parse.NOT_A_NUMBER, np.where(values > column.high, parse.OUT_OF_RANGE, 0))
        else:
            values, code = parse.integers(text_buffers(_as_text(raw, column.name)), high=column.high)
        for number, reason in NUMBER_REASONS.items():
            self._refuse(code == number, ok, piece, column, raw, reason)
        return pa.array(values, mask=~valid_mask(raw))

    def _choice(self, column: Column, raw: pa.Array, piece: Piece, ok: np.ndarray) -> pa.Array:
        text = _as_text(raw, column.name)
        known = pc.is_in(text, pa.array(column.choices))
        strange = ~np.asarray(known.to_numpy(zero_copy_only=False), np.bool_) & valid_mask(text)
        if strange.any():
            reason = ("unknown_choice", "“{value}” is not one of " + ", ".join(column.choices))
            self._refuse(strange, ok, piece, column, text, reason)
        return text

    def _flag(self, column: Column, raw: pa.Array, piece: Piece, ok: np.ndarray) -> pa.Array:
        if pa.types.is_boolean(raw.type):
            return raw
        values = [
            None if v is None else _FLAGS.get(v.strip().lower(), v) for v in _as_text(raw, column.name).to_pylist()
        ]
        strange = np.array([isinstance(v, str) for v in values], np.bool_)
        self._refuse(strange, ok, piece, column, raw, ("not_a_flag", "“{value}” is not one of 0, 1, false, true"))
        return pa.array([None if isinstance(v, str) else v for v in values], pa.bool_())

    def _check_order(self, columns: dict[str, pa.Array], piece: Piece, ok: np.ndarray) -> None:
        for first, last in _ORDERED:
            if first in columns and last in columns:
                wrong = np.asarray(
                    pc.fill_null(pc.less(columns[last], columns[first]), False).to_numpy(zero_copy_only=False)
                )
                column = self._table.column(last)
                self._refuse(wrong, ok, piece, column, columns[last], ("ends_early", f"lies before {first}"))

    def _refuse(
        self, bad: np.ndarray, ok: np.ndarray, piece: Piece, column: Column, values: pa.Array, reason: tuple[str, str]
    ) -> None:
        """Counts the bad rows that were good so far, keeps the first ones and takes all of them out of `ok`."""
        fresh = np.flatnonzero(bad & ok)
        if not len(fresh):
            return
        ok[fresh] = False
        name, (code, text) = self._table.name, reason
        self._refusals.count(name, len(fresh))
        for i in fresh[: self._refusals.room].tolist():
            message = text.format(value=shown(values[i].as_py())) if "{value}" in text else text
            self._refusals.keep(Refusal(name, int(piece.lines[i]), column.name, code, message, piece.raw(i)))

    def _extra(self, piece: Piece) -> pa.Array:
        if not self._extras:
            return pa.nulls(len(piece), pa.string())
        names = list(self._extras)
        lists = [piece.columns[source].to_pylist() for source in self._extras.values()]
        rows = ({k: v for k, v in zip(names, row, strict=True) if v is not None} for row in zip(*lists, strict=True))
        return pa.array([extra_seal(row) if row else None for row in rows], pa.string())


def read_times(raw: pa.Array, clock: Clock, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int64 microseconds, reason codes, and which values are present; naive times go through the clock's zone."""
    valid = valid_mask(raw)
    if pa.types.is_timestamp(raw.type):
        micros = np.asarray(pc.fill_null(raw.cast(pa.timestamp("us", raw.type.tz), safe=False).cast(pa.int64()), 0))
        code = np.full(len(raw), parse.OK if raw.type.tz else parse.NAIVE, np.int8)
        code[~valid] = parse.OK
    elif pa.types.is_date(raw.type):
        days = np.asarray(pc.fill_null(raw.cast(pa.date32()).cast(pa.int32()), 0)).astype(np.int64)
        micros, code = days * 86_400_000_000, np.where(valid, parse.NAIVE, parse.OK).astype(np.int8)
    elif clock.format:
        stamps = pc.strptime(_as_text(raw, name), format=clock.format, unit="us", error_is_null=True)
        micros = np.asarray(pc.fill_null(stamps.cast(pa.int64()), 0))
        code = np.where(valid & ~valid_mask(stamps), parse.NOT_A_TIME, np.where(valid, parse.NAIVE, parse.OK))
    else:
        micros, code = parse.times(text_buffers(_as_text(raw, name)), unit_micros=clock.unit_micros)
    naive = code == parse.NAIVE
    if clock.zone and naive.any():
        micros = np.where(naive, _in_zone(micros, clock.zone), micros)
        code = np.where(naive, parse.OK, code)
    outside = (code == parse.OK) & valid & ((micros < parse.EARLIEST) | (micros >= parse.LATEST))
    return micros, np.where(outside, parse.OUT_OF_RANGE, code), valid


def _in_zone(micros: np.ndarray, zone: str) -> np.ndarray:
    """UTC of local times; an hour that comes twice is its first, one that is left out begins the next."""
    local = pa.array(micros).cast(pa.timestamp("us"))
    placed = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="latest")
    return np.asarray(placed.cast(pa.int64()))


def _as_text(raw: pa.Array, name: str) -> pa.Array:
    if pa.types.is_string(raw.type):
        return raw
    try:
        return raw.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FileProblem(
            f"The column “{name}” holds {raw.type}, which cannot be read as text.",
            code="column_type",
            hint="Write it as text, a number or a time.",
        ) from error


def _arrow_type(column: Column) -> pa.DataType:
    match column.type:
        case Type.TIME | Type.INTEGER:
            return pa.int64()
        case Type.FLAG:
            return pa.bool_()
        case _:
            return pa.string()
