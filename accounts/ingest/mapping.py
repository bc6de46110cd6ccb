"""Mapping files (TOML): how files of another layout become tables of the extract format."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from accounts.ingest.problems import FileProblem
from accounts.ingest.tables import TABLES, Table, table_of_stem

UNITS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}
_DELIMITERS = frozenset({",", ";", "\t", "|"})


@dataclass(frozen=True)
class Clock:
    """How times are written: the unit of Unix times, the zone of naive ones, a strptime format."""

    unit_micros: int = 1_000_000
    zone: str = ""
    format: str = ""


@dataclass(frozen=True)
class Emission:
    """One table that is made of a source's rows."""

    table: Table
    columns: dict[str, str] = field(default_factory=dict)
    """Column of the table to column of the file; columns not named here keep their name."""
    constants: dict[str, str] = field(default_factory=dict)
    kinds: frozenset[str] | None = None
    """The only kinds of identifiers to take; None takes all."""
    derive_accounts: bool = False
    """Create accounts that are unknown; their first activity stands in for the creation time."""

    def source_of(self, column: str, found: list[str]) -> str | None:
        """The file's column that feeds a table's column."""
        if column in self.constants:
            return None
        if column in self.columns:
            return self.columns[column]
        return column if column in found else None


@dataclass(frozen=True)
class Source:
    """Files whose stem matches a pattern, and what is made of them."""

    pattern: str
    emissions: tuple[Emission, ...]
    clock: Clock = Clock()
    delimiter: str = ","


@dataclass(frozen=True)
class Mapping:
    """A whole mapping file; the empty one knows the extract format only."""

    sources: tuple[Source, ...] = ()
    text: str = ""

    def source_for(self, stem: str) -> Source | None:
        """What to do with a file of this stem; None when it names no table that is known."""
        for source in self.sources:
            if fnmatchcase(stem, source.pattern):
                return source
        table = table_of_stem(stem)
        return Source(pattern=stem, emissions=(Emission(table),)) if table else None


def mapping_read(path: Path) -> Mapping:
    """Reads a mapping file; FileProblem names what is wrong in it."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _problem(f"The mapping file {path} cannot be read: {error}.") from error
    return mapping_parse(text)


def mapping_parse(text: str) -> Mapping:
    """A mapping out of the text of its file; an empty text is the empty mapping."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _problem(f"The mapping file is not valid TOML: {error}.") from error
    _known(data, {"name", "source"}, "the mapping file")
    sources = data.get("source", [])
    if text.strip() and not sources:
        raise _problem("The mapping file has no [[source]].")
    if not isinstance(sources, list):
        raise _problem("source must be written as [[source]], once for each sort of file.")
    return Mapping(sources=tuple(_source(entry) for entry in sources), text=text)


def _source(entry: dict[str, Any]) -> Source:
    _known(entry, {"file", "delimiter", "time", "table"}, "[[source]]")
    pattern = _string(entry, "file", "[[source]]")
    delimiter = entry.get("delimiter", ",")
    if delimiter not in _DELIMITERS:
        raise _problem(f"delimiter {delimiter!r} is not one of comma, semicolon, tab and |.")
    tables = entry.get("table", [])
    if not isinstance(tables, list) or not tables:
        raise _problem(f"The source “{pattern}” needs at least one [[source.table]].")
    emissions = tuple(_emission(table) for table in tables)
    return Source(pattern, emissions, _clock(entry.get("time", {})), delimiter)


def _emission(entry: dict[str, Any]) -> Emission:
    _known(entry, {"table", "columns", "constants", "kinds", "derive_accounts"}, "[[source.table]]")
    name = _string(entry, "table", "[[source.table]]")
    if name not in TABLES:
        raise _problem(f"“{name}” is not a table; there are {', '.join(TABLES)}.")
    table = TABLES[name]
    columns = {str(k): str(v) for k, v in entry.get("columns", {}).items()}
    constants = {str(k): str(v) for k, v in entry.get("constants", {}).items()}
    for column in (*columns, *constants):
        if column not in table.names and not re.fullmatch(r"x_\w+", column):
            raise _problem(f"The table {name} has no column “{column}”; it has {', '.join(table.names)}.")
    kinds = entry.get("kinds")
    return Emission(
        table=table,
        columns=columns,
        constants=constants,
        kinds=None if kinds is None else frozenset(str(kind) for kind in kinds),
        derive_accounts=bool(entry.get("derive_accounts", False)),
    )


def _clock(entry: dict[str, Any]) -> Clock:
    _known(entry, {"unit", "zone", "format"}, "[source.time]")
    unit, zone = entry.get("unit", "seconds"), str(entry.get("zone", ""))
    if unit not in UNITS:
        raise _problem(f"unit {unit!r} is not one of {', '.join(UNITS)}.")
    if zone:
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError) as error:
            raise _problem(f"“{zone}” is not a time zone such as Europe/Berlin.") from error
    return Clock(UNITS[unit], zone, str(entry.get("format", "")))


def _known(entry: Any, allowed: set[str], where: str) -> None:
    if not isinstance(entry, dict):
        raise _problem(f"{where} must be a table of names and values.")
    for key in entry:
        if key not in allowed:
            raise _problem(f"{where} has an unknown entry “{key}”; it may have {', '.join(sorted(allowed))}.")


def _string(entry: dict[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise _problem(f'{where} needs {key} = "…".')
    return value


def _problem(reason: str) -> FileProblem:
    return FileProblem(reason, code="bad_mapping", hint="See docs/guide/ingest.md for the layout of a mapping file.")
