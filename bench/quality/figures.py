"""What a row gives: figures beside their targets, printed as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from investigations.linkage import Settings


@dataclass(frozen=True)
class Options:
    """What every row is asked with; `keep` holds worlds between rows."""

    accounts: int
    seeds: tuple[int, ...]
    keep: Path
    settings: Settings
    shuffles: int = 20


@dataclass(frozen=True)
class Figure:
    """One measure; `met` is None where there is no target."""

    measure: str
    target: str
    value: str
    met: bool | None = None

    def line(self, row: str) -> str:
        """A row of the Markdown table."""
        word = {True: "met", False: "**missed**", None: ""}[self.met]
        return f"| {row} | {self.measure} | {self.target} | {self.value} | {word} |"


Row = Callable[[Options], Iterator[Figure]]
HEAD = "| row | measure | target | measured | |\n|---|---|---|---|---|"


def at_least(measure: str, value: float, target: float) -> Figure:
    """A share, or a whole number, that should reach its target."""
    text = str(value) if isinstance(value, int) else f"{value:.3f}"
    return Figure(measure, f">= {target:g}", text, value >= target)


def at_most(measure: str, value: float, target: float, *, note: str = "") -> Figure:
    """A figure that should not exceed its target."""
    text = f"{value:.0f}" if float(value).is_integer() else f"{value:.5f}"
    return Figure(measure, f"<= {target:g}", f"{text}{note}", value <= target)


def plain(measure: str, value: str) -> Figure:
    """A figure without a target."""
    return Figure(measure, "", value)
