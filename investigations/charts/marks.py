"""Small marks inside a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from investigations.charts.figures import percent


@dataclass(frozen=True)
class LookPart:
    name: str
    share: float
    x: float
    width: float


@dataclass(frozen=True)
class LookMeter:
    """What a look is worth, 0 to 1, made of parts that add up to it."""

    total: float
    parts: tuple[LookPart, ...]
    words: str


@dataclass(frozen=True)
class Sparkline:
    points: str
    area: str
    words: str


def look_meter(parts: Sequence[tuple[str, float]]) -> LookMeter:
    """Parts by name and share of the whole axis (0 to 1), side by side from the left."""
    made, x = [], 0.0
    for name, share in parts:
        share = min(max(share, 0.0), 1.0 - x)
        made.append(LookPart(name, share, percent(x), percent(share)))
        x += share
    words = f"worth {x:.0%}: " + ", ".join(f"{p.name} {p.share:.0%}" for p in made)
    return LookMeter(total=x, parts=tuple(made), words=words)


def sparkline(counts: Sequence[int], *, noun: str) -> Sparkline:
    """A line in a box of 100 × 20 that begins at zero."""
    if not counts:
        return Sparkline("", "", f"no {noun}")
    most = max(*counts, 1)
    step = 100 / max(len(counts) - 1, 1)
    points = " ".join(f"{i * step:.1f},{20 - 19 * c / most:.1f}" for i, c in enumerate(counts))
    words = f"{noun}: {counts[0]:,} first, {max(counts):,} at most, {counts[-1]:,} last"
    return Sparkline(points, f"0,20 {points} {(len(counts) - 1) * step:.1f},20", words)
