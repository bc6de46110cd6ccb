"""A table that goes out: documented columns, rows as they come, and a head that says where it is from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Cell = str | int | float | bool | datetime | None
Row = Sequence[Cell]
Progress = Callable[[int], None]
PROGRESS_EVERY = 5_000


@dataclass(frozen=True)
class Column:
    """A column's stable name and what it means."""

    name: str
    meaning: str
    width: int = 14  # characters, in a workbook


@dataclass(frozen=True)
class Sheet:
    """Rows under columns; `rows` is read once."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]


@dataclass(frozen=True)
class Head:
    """What the first rows of each file say: what it holds, of which run, how filtered, when and by whom it was made."""

    title: str
    dataset: str
    run: str
    filters: str
    made_at: datetime
    made_by: str
    note: str = "Linked is not guilty: position and bits describe evidence; only a verdict says more."

    def lines(self) -> tuple[tuple[str, str], ...]:
        """Name and text of each line, always in the same number and order."""
        return (
            ("export", self.title),
            ("dataset", self.dataset),
            ("run", self.run),
            ("filters", self.filters),
            ("made", f"{time_text(self.made_at)} by {self.made_by}"),
            ("note", self.note),
        )


def time_text(at: datetime) -> str:
    """RFC 3339 in UTC, to the second: 2026-06-01T12:00:00Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
