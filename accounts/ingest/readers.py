"""Files as a stream of pieces: columns of some thousand rows at a time, with the line of each row.

What a piece holds is clean: the right number of fields, valid UTF-8, no NUL bytes. Rows that are not are refused on the
way; a file that breaks off raises FileProblem.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from accounts.ingest.kernels.buffers import text_buffers
from accounts.ingest.kernels.records import OPEN_QUOTE, Records, scan
from accounts.ingest.origin import Counted, Origin
from accounts.ingest.problems import FileProblem, shown

BLOCK = 12 << 20
SMALL_BLOCK = 64 << 10
MAX_RECORD = 8 << 20
ROWS = 65_536
_BOM = b"\xef\xbb\xbf"
_BROKEN_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)

Refuse = Callable[[int, str, str, str, str], None]
"""Takes line, column, code, reason and the row's text."""


@dataclass(frozen=True)
class Piece:
    """Some rows of a file; `columns` are text (CSV) or of the file's own types (Parquet), empty text is null."""

    columns: dict[str, pa.Array]
    lines: np.ndarray
    raw: Callable[[int], str]
    """The text of row i, for the store of refused rows."""

    def __len__(self) -> int:
        return len(self.lines)


class Reader:
    """An open file: its columns, its pieces in order, and how many bytes were read so far."""

    def __init__(self, origin: Origin, *, delimiter: str = ",") -> None:
        self.origin = origin
        self.columns: list[str] = []
        self._delimiter = delimiter
        self._stream: Counted | None = None

    @property
    def n_bytes_read(self) -> int:
        return self._stream.n_read if self._stream else 0

    def pieces(self, refuse: Refuse) -> Generator[Piece, None, None]:
        """Opens the file, fills `columns`, then gives its rows."""
        self._stream = Counted(self.origin.open())
        with self._stream as stream:
            head = stream.read(4) or b""
            stream.seek(0)
            if not head:
                raise FileProblem(f"{self.origin.name} is empty.", code="empty", hint="Export it again.")
            if head == b"PAR1" or self.origin.name.lower().endswith(".parquet"):
                yield from self._parquet(stream, refuse)
            else:
                yield from self._csv(stream, head, refuse)

    def _parquet(self, stream: Counted, refuse: Refuse) -> Iterator[Piece]:
        row = 1
        try:
            file = pq.ParquetFile(stream)
            self.columns = list(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=ROWS):
                lines = np.arange(row, row + len(batch), dtype=np.int64)
                row += len(batch)
                yield _parquet_piece(batch, lines, refuse)
        except (pa.ArrowInvalid, OSError, EOFError) as error:
            raise FileProblem(
                f"{self.origin.name} is not a whole Parquet file: it is cut short or damaged after row {row - 1}.",
                code="truncated",
                hint=f"Copy or export it again; nothing of it was loaded. ({shown(error, 120)})",
            ) from error

    def _csv(self, stream: Counted, head: bytes, refuse: Refuse) -> Iterator[Piece]:
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise FileProblem(f"{self.origin.name} is written in UTF-16.", code="encoding", hint="Save it as UTF-8.")
        zipped = head[:2] == b"\x1f\x8b"
        if not zipped and self.origin.name.lower().endswith(".gz"):
            raise FileProblem(f"{self.origin.name} is no gzip file.", code="not_gzip", hint="Compress it again.")
        source: BinaryIO = gzip.GzipFile(fileobj=stream) if zipped else stream  # type: ignore[assignment,arg-type]
        try:
            yield from self._csv_pieces(source, refuse)
        except _BROKEN_GZIP as error:
            raise FileProblem(
                f"{self.origin.name} is cut short or damaged: its gzip stream does not end well.",
                code="truncated",
                hint="Copy or export it again; nothing of it was loaded.",
            ) from error

    def _csv_pieces(self, source: BinaryIO, refuse: Refuse) -> Iterator[Piece]:
        """Reads windows of the file; after broken quoting they are small, so that starting over stays cheap."""
        rest, line, first, ended, window = b"", 1, True, False, BLOCK
        while True:
            while len(rest) < window and not ended:
                block = source.read(BLOCK)
                ended = not block
                rest += block
            if first and rest.startswith(_BOM):
                rest = rest[len(_BOM) :]
            if ended and rest and not rest.endswith((b"\n", b"\r")):
                rest += b"\n"
            data = rest[:window]
            whole = ended and len(data) == len(rest)
            if not whole and data.endswith(b"\r"):
                data = data[:-1]  # its \n may be the next byte
            bytes_ = np.frombuffer(data, np.uint8)
            records = scan(bytes_, delimiter=ord(self._delimiter), line=line)
            if first and len(records.starts):
                records, first = self._take_header(data, records), False
            records, torn = _until_torn(records, len(self.columns))
            if len(records.starts):
                yield self._piece(data, bytes_, records, refuse)
            rest, line = rest[records.rest :], records.rest_line
            stuck = records.state == OPEN_QUOTE and (whole or len(data) - records.rest > MAX_RECORD)
            if torn or stuck:
                rest, line = _skip_open_quote(rest, line, refuse)
                window = SMALL_BLOCK
            elif len(rest) == 0 and ended:
                break
            elif records.rest == 0 and window >= BLOCK:
                raise FileProblem(f"Line {line} of {self.origin.name} is longer than {BLOCK >> 20} MB.", code="not_csv")
            else:
                window = min(BLOCK, window * 2)
        if first:
            raise FileProblem(f"{self.origin.name} has no header line.", code="empty", hint="Export it again.")

    def _take_header(self, data: bytes, records: Records) -> Records:
        try:
            text = data[records.starts[0] : records.ends[0]].decode("utf-8")
        except UnicodeDecodeError as error:
            raise FileProblem(
                f"The header of {self.origin.name} is not UTF-8.", code="encoding", hint="Save the file as UTF-8."
            ) from error
        names = [name.strip() for name in next(csv.reader([text], delimiter=self._delimiter), [])]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise FileProblem(
                f"The header of {self.origin.name} names the column “{shown(twice[0])}” twice.", code="header"
            )
        self.columns = names
        tail = (records.starts[1:], records.ends[1:], records.fields[1:], records.lines[1:], records.odd[1:])
        return Records(*tail, records.rest, records.rest_line, records.state)

    def _piece(self, data: bytes, bytes_: np.ndarray, records: Records, refuse: Refuse) -> Piece:
        good = self._good(data, bytes_, records, refuse)
        index = np.flatnonzero(good)
        starts, ends = records.starts[index], records.ends[index]
        if len(index) == len(good) and len(index):
            body = data[int(starts[0]) : int(ends[-1])] + b"\n"
        else:
            body = b"".join(data[a:b] + b"\n" for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
        columns = _parse(body, self.columns, self._delimiter, len(index))

        def raw(i: int) -> str:
            return data[int(starts[i]) : int(ends[i])].decode("utf-8", "replace")

        return Piece(columns, records.lines[index], raw)

    def _good(self, data: bytes, bytes_: np.ndarray, records: Records, refuse: Refuse) -> np.ndarray:
        """Which records are rows to parse; blank lines are passed over, the rest is refused."""
        blank = records.starts == records.ends
        good = (records.fields == len(self.columns)) & ~blank

        def text(i: int) -> str:
            return data[int(records.starts[i]) : int(records.ends[i])].decode("utf-8", "replace")

        for i in np.flatnonzero(~good & ~blank).tolist():
            reason = f"has {records.fields[i]} fields where the header has {len(self.columns)}"
            refuse(int(records.lines[i]), "", "field_count", reason, text(i))
        for i in np.flatnonzero(_holding_nul(bytes_, records) & good).tolist():
            good[i] = False
            column = self._column_with(data, records, i, lambda field: b"\0" in field)
            refuse(int(records.lines[i]), column, "nul_byte", "holds a NUL byte", text(i))
        for i in _not_utf8(data, records, good):
            good[i] = False
            column = self._column_with(data, records, i, _is_not_utf8)
            refuse(int(records.lines[i]), column, "encoding", "is not valid UTF-8", text(i))
        return good

    def _column_with(self, data: bytes, records: Records, i: int, test: Callable[[bytes], bool]) -> str:
        text = data[int(records.starts[i]) : int(records.ends[i])].decode("latin-1")
        fields = next(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter), [])
        for name, value in zip(self.columns, fields, strict=False):
            if test(value.encode("latin-1")):
                return name
        return ""


def _until_torn(records: Records, n_fields: int) -> tuple[Records, bool]:
    """The records before the first one that spans lines and is malformed: a stray quotation mark."""
    last = np.append(records.lines[1:], records.rest_line)
    torn = np.flatnonzero(((records.fields != n_fields) | records.odd) & (last - records.lines > 1))
    if not len(torn):
        return records, False
    at = int(torn[0])
    head = (records.starts[:at], records.ends[:at], records.fields[:at], records.lines[:at], records.odd[:at])
    return Records(*head, int(records.starts[at]), int(records.lines[at]), records.state), True


def _skip_open_quote(rest: bytes, line: int, refuse: Refuse) -> tuple[bytes, int]:
    """Refuses the line on which a quotation mark opens and never closes; reading goes on with the next line."""
    end = rest.find(b"\n")
    text = rest if end < 0 else rest[:end]
    reason = "opens a quotation mark that is never closed"
    refuse(line, "", "open_quote", reason, text[:2000].decode("utf-8", "replace"))
    return (b"", line + 1) if end < 0 else (rest[end + 1 :], line + 1)


def _holding_nul(bytes_: np.ndarray, records: Records) -> np.ndarray:
    """Which records hold a NUL byte."""
    held = np.zeros(len(records.starts), np.bool_)
    places = np.flatnonzero(bytes_ == 0)
    at = np.searchsorted(records.starts, places, side="right") - 1
    held[at[(at >= 0) & (places < records.rest)]] = True
    return held


def _is_not_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _not_utf8(data: bytes, records: Records, good: np.ndarray) -> list[int]:
    """The good records that are not UTF-8; lone surrogates are none."""
    if not len(records.starts) or not _is_not_utf8(data[int(records.starts[0]) : int(records.ends[-1])]):
        return []
    index = np.flatnonzero(good).tolist()
    return [i for i in index if _is_not_utf8(data[int(records.starts[i]) : int(records.ends[i])])]


def _parse(body: bytes, names: list[str], delimiter: str, n_rows: int) -> dict[str, pa.Array]:
    """The text columns of complete, clean records."""
    if n_rows == 0:
        return {name: pa.array([], pa.string()) for name in names}
    try:
        table = pacsv.read_csv(
            pa.BufferReader(body),
            read_options=pacsv.ReadOptions(column_names=names, block_size=len(body) + 1),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        table = None
    if table is None or table.num_rows != n_rows:  # Arrow reads odd quoting otherwise: take the slow, lenient way
        rows = list(csv.reader(io.StringIO(body.decode("utf-8"), newline=""), delimiter=delimiter))
        rows = [row for row in rows if row]
        return {
            name: pa.array([(row[j] or None) if j < len(row) else None for row in rows], pa.string())
            for j, name in enumerate(names)
        }
    return {name: _one(table.column(name)) for name in names}


def _one(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _parquet_piece(batch: pa.RecordBatch, lines: np.ndarray, refuse: Refuse) -> Piece:
    good = np.ones(len(batch), np.bool_)
    columns: dict[str, pa.Array] = {}
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_binary(array.type):
            array = _clean_text(array, name, lines, good, refuse)
        columns[name] = array
    kept = np.flatnonzero(good)
    if len(kept) < len(good):
        mask = pa.array(good)
        columns = {name: array.filter(mask) for name, array in columns.items()}
    return Piece(columns, lines[kept], lambda i: _row_text(columns, i))


def _clean_text(array: pa.Array, name: str, lines: np.ndarray, good: np.ndarray, refuse: Refuse) -> pa.Array:
    """Text that is UTF-8 without NUL bytes, empty text as null; other rows are refused."""
    text = text_buffers(array)
    body = text.data[text.offsets[0] : text.offsets[-1]]
    raw = array.cast(pa.binary())
    for code, reason, test in (
        ("nul_byte", "holds a NUL byte", (lambda v: b"\0" in v) if bool((body == 0).any()) else None),
        ("encoding", "is not valid UTF-8", _is_not_utf8 if _is_not_utf8(body.tobytes()) else None),
    ):
        if test is None:
            continue
        values = raw.to_pylist()
        bad = [i for i, value in enumerate(values) if value is not None and good[i] and test(value)]
        for i in bad:
            good[i] = False
            refuse(int(lines[i]), name, code, reason, values[i].decode("utf-8", "replace"))
        raw = pa.array([None if i in set(bad) else v for i, v in enumerate(values)], pa.binary())
    clean = raw.cast(pa.string())
    empty = pc.equal(clean, "")
    return pc.if_else(empty, pa.scalar(None, pa.string()), clean) if pc.any(empty).as_py() else clean


def _row_text(columns: dict[str, Any], i: int) -> str:
    row = {name: array[i].as_py() for name, array in columns.items()}
    return json.dumps({k: v for k, v in row.items() if v is not None}, default=str, ensure_ascii=False)
