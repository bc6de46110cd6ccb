"""What every chart is: a figure, what it shows of what, and its rows as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

MILLIBITS = 1000
SCORE_SCALE = [[i / 5, f"var(--score-{i})"] for i in range(6)]


@dataclass(frozen=True)
class Column:
    label: str
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    text: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """The same rows as the figure, for people and programs that can't see it."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows with each cell's alignment."""
        return [[Cell(t, c.numeric) for t, c in zip(row, self.columns, strict=True)] for row in self.rows]


@dataclass(frozen=True)
class Chart:
    """A Plotly figure as JSON-able lists and dicts. `how` says how the shown were chosen when not all are."""

    id: str
    title: str
    figure: dict[str, Any]
    table: Table
    shown: int
    total: int
    noun: str
    how: str = ""

    @property
    def script_id(self) -> str:
        """The id of the element that carries the figure's JSON."""
        return f"{self.id}-figure"

    @property
    def shown_words(self) -> str:
        """How much is shown of how much, and how it was chosen."""
        words = f"{self.shown:,} of {self.total:,} {self.noun} shown"
        return f"{words}: {self.how}" if self.how else words


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Sequence[str] = ()) -> Table:
    """A table from its columns' names and its rows' texts."""
    return Table(
        columns=tuple(Column(name, name in numeric) for name in columns),
        rows=tuple(tuple(row) for row in rows),
    )


def figure_json(figure: go.Figure, *, keep: str) -> dict[str, Any]:
    """A figure as plain lists and dicts, without the template; `keep` names the view whose zoom survives new data."""
    figure.update_layout(uirevision=keep, template=None)
    found = figure.to_dict()
    found["layout"].pop("template", None)
    return {str(key): _plain(inner) for key, inner in found.items()}


def layout(**more: Any) -> dict[str, Any]:
    """The layout that all charts share."""
    shared: dict[str, Any] = {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": "zoom",
        "bargap": 0.3,
    }
    return shared | more


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis whose labels make their own room."""
    shared: dict[str, Any] = {
        "automargin": True,
        "title": {"text": title, "standoff": 8},
        "zeroline": False,
        "fixedrange": False,
    }
    return shared | more


def signed(millibits: int) -> str:
    """Millibits as bits with sign and one decimal, e.g. +18.2 or −1.2."""
    bits = millibits / MILLIBITS
    return f"{bits:+.1f}".replace("-", "−")


def percent(value: float) -> float:
    """A share of an axis in per cent, short enough for markup."""
    return round(value * 100, 2)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value
