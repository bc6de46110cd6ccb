"""Writes an extract so that it is there whole or not at all."""

from __future__ import annotations

import errno
import gzip
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from accounts.simulation.errors import SimulationError
from accounts.simulation.settings import FORMATS

NAMES = {
    "parquet": {
        "accounts": "accounts.parquet", "sessions": "sessions.parquet", "exchanges": "exchanges.parquet",
        "identifiers": "identifiers.parquet", "truth": "truth.csv",
    },
    "csv": {
        "accounts": "accounts.csv.gz", "sessions": "sessions.csv.gz", "exchanges": "exchanges.csv.gz",
        "identifiers": "identifiers.csv.gz", "truth": "truth.csv",
    },
}  # fmt: skip
_REPEATING = [
    "account_id", "session_id", "api_key_id", "surface", "model", "status", "fingerprint_type", "system_fingerprint", "tools_fingerprint",
    "parameters_fingerprint", "country", "plan", "entry_path", "referrer", "signup_user_agent", "user_agent", "asn",
    "tls_fingerprint", "kind",
]  # fmt: skip


class ExtractWriter:
    """A context that collects tables in a temporary folder on the disk of `out`, and moves them in at the end."""

    def __init__(self, out: Path, *, form: str, force: bool) -> None:
        if form not in FORMATS:
            raise SimulationError(f"format must be one of {', '.join(FORMATS)}, not {form!r}.")
        self._out, self._form, self._force = out.resolve(), form, force
        self._sinks: dict[str, _ParquetSink | _CsvSink] = {}

    def __enter__(self) -> ExtractWriter:
        _check_target(self._out, force=self._force)
        try:
            self._out.parent.mkdir(parents=True, exist_ok=True)
            place = self._out if self._out.is_dir() else self._out.parent  # OUT itself can be a mount point
            self._temporary = Path(tempfile.mkdtemp(prefix=f".{self._out.name}.", dir=place))
        except OSError as error:
            raise _explained(error, self._out) from error
        return self

    def write(self, table: str, rows: pa.Table) -> None:
        """Appends rows to one table of the extract."""
        try:
            if table not in self._sinks:
                path = self._temporary / NAMES[self._form][table]
                sink = _ParquetSink if path.suffix == ".parquet" else _CsvSink
                self._sinks[table] = sink(path, rows.schema)
            self._sinks[table].write(rows)
        except OSError as error:
            raise _explained(error, self._out) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for sink in self._sinks.values():
                    sink.close()
                self._publish()
        except OSError as failure:
            raise _explained(failure, self._out) from failure
        finally:
            for sink in self._sinks.values():
                sink.abandon()
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _publish(self) -> None:
        for path in self._temporary.iterdir():
            path.chmod(0o644)
        if not self._out.exists():
            self._temporary.chmod(0o755)
            self._temporary.replace(self._out)
            return
        for names in NAMES.values():
            for name in names.values():
                (self._out / name).unlink(missing_ok=True)
        for path in self._temporary.iterdir():
            path.replace(self._out / path.name)


class _ParquetSink:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        dictionary = [name for name in _REPEATING if name in schema.names]
        self._writer = pq.ParquetWriter(
            path, schema, compression="zstd", compression_level=1, use_dictionary=dictionary
        )

    def write(self, rows: pa.Table) -> None:
        if rows.num_rows:
            self._writer.write_table(rows, row_group_size=1 << 21)

    def close(self) -> None:
        self._writer.close()

    def abandon(self) -> None:
        try:
            self._writer.close()
        except OSError:  # the disk is still full; the file goes away with its folder
            pass


class _CsvSink:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._raw = path.open("wb")
        packed = path.suffix == ".gz"
        self._file: Any = gzip.GzipFile("", "wb", 9, self._raw, mtime=0) if packed else self._raw
        self._header = True

    def write(self, rows: pa.Table) -> None:
        pacsv.write_csv(
            _zoned(rows), self._file, pacsv.WriteOptions(include_header=self._header, quoting_style="needed")
        )
        self._header = False

    def close(self) -> None:
        self._file.close()
        self._raw.close()

    def abandon(self) -> None:
        try:
            self.close()
        except OSError:  # as above
            pass


def _zoned(rows: pa.Table) -> pa.Table:
    """Times as RFC 3339 text in UTC, whole seconds without a fraction."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            column = rows.column(index).combine_chunks()
            micros = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
            moments = micros.astype("datetime64[us]")
            fractions = bool((micros % 1_000_000).any())
            text = np.datetime_as_string(moments, unit="us" if fractions else "s", timezone="UTC")
            missing = column.is_null().to_numpy(zero_copy_only=False)
            rows = rows.set_column(index, field.name, pa.array(text.astype(object), pa.string(), mask=missing))
    return rows


def _check_target(out: Path, *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise SimulationError(f"{out} is a file; name a folder for the world.")
    try:
        occupied = out.exists() and any(out.iterdir())
    except OSError as error:
        raise _explained(error, out) from error
    if occupied and not force:
        raise SimulationError(f"{out} is not empty; choose another folder, or --force to replace the extract in it.")


def _explained(error: OSError, out: Path) -> SimulationError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SimulationError(
            f"The disk of {out} is full; nothing was left there. Free some space or make a smaller world."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return SimulationError(f"No right to write {out}; nothing was left there.")
    return SimulationError(f"Could not write {out}: {error.strerror or error}; nothing was left there.")
