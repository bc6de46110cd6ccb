"""Who was active when: accounts × time buckets, members beside matched others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from investigations.charts.figures import SCORE_SCALE, Chart, axis, layout, table

LEVELS = 5
ROW_PIXELS = 8
MOST_TICKS = 7
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
STEPS = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY)
LATE = 90  # per cent of the width after which a tick's words end at it instead of beginning there


@dataclass(frozen=True)
class ActivityBand:
    """Accounts that belong together: counts[i][j] is what accounts[i] did in bucket j."""

    name: str
    accounts: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    total: int
    note: str = ""


@dataclass(frozen=True)
class Activity:
    """Bands over the same buckets. `how` says how the shown accounts were chosen."""

    start: datetime
    bucket: timedelta
    bands: tuple[ActivityBand, ...]
    how: str

    @property
    def n_buckets(self) -> int:
        """How many buckets each row has."""
        return max((len(row) for band in self.bands for row in band.counts), default=0)

    @property
    def times(self) -> list[datetime]:
        """When each bucket begins, in UTC."""
        return [self.start.astimezone(UTC) + i * self.bucket for i in range(self.n_buckets)]


@dataclass(frozen=True)
class LevelPath:
    level: int
    path: str


@dataclass(frozen=True)
class BandDrawing:
    name: str
    note: str
    height: int
    pixels: int
    levels: tuple[LevelPath, ...]


@dataclass(frozen=True)
class Tick:
    """A time on the axis: where it stands, in per cent of the width, and whether its words end there."""

    label: str
    at: float
    is_late: bool


@dataclass(frozen=True)
class HeatmapDrawing:
    """The same as SVG paths, one per level and band, in units of one cell."""

    width: int
    bands: tuple[BandDrawing, ...]
    ticks: tuple[Tick, ...]


def activity_chart(activity: Activity, *, title: str, unit: str = "exchanges") -> Chart:
    """A heatmap a band above the other over one time axis; the counts' scale is shared."""
    shown = sum(len(b.accounts) for b in activity.bands)
    most = max((c for b in activity.bands for row in b.counts for c in row), default=0)
    times = [t.strftime("%Y-%m-%d %H:%M") for t in activity.times]
    heatmaps, axes = [], {}
    for number, (band, (low, high)) in enumerate(zip(activity.bands, _domains(activity.bands), strict=True), start=1):
        suffix = "" if number == 1 else str(number)
        heatmaps.append(_heatmap(band, times, most=most, yaxis=f"y{suffix}", unit=unit))
        hidden = {"showticklabels": False, "ticks": "", "showgrid": False}
        axes[f"yaxis{suffix}"] = axis(band.name, domain=[low, high], autorange="reversed", anchor="x", **hidden)
    lowest = "y" if len(activity.bands) < 2 else f"y{len(activity.bands)}"
    axes["xaxis"] = axis(type="date", showgrid=False, anchor=lowest)
    rows = [
        (band.name, account, f"{sum(counts):,}", f"{sum(1 for c in counts if c):,}", _busiest(counts, times))
        for band in activity.bands
        for account, counts in zip(band.accounts, band.counts, strict=True)
    ]
    columns = ("Group", "Account", unit.capitalize(), "Active buckets", "Busiest bucket (UTC)")
    return Chart(
        id="activity",
        title=title,
        figure={"data": heatmaps, "layout": layout(uirevision="activity", **axes)},
        table=table(columns, rows, numeric=columns[2:4]),
        shown=shown,
        total=sum(b.total for b in activity.bands),
        noun="accounts",
        how=activity.how,
    )


def activity_drawing(activity: Activity) -> HeatmapDrawing:
    """The heatmap without JavaScript; levels go by rank of count, so that one busy account doesn't pale the rest."""
    ordered = sorted(c for b in activity.bands for row in b.counts for c in row if c)
    bands = tuple(
        BandDrawing(
            name=band.name,
            note=band.note,
            height=len(band.counts),
            pixels=len(band.counts) * ROW_PIXELS,
            levels=_paths(band.counts, ordered),
        )
        for band in activity.bands
        if band.counts
    )
    return HeatmapDrawing(width=activity.n_buckets, bands=bands, ticks=_ticks(activity))


def _ticks(activity: Activity) -> tuple[Tick, ...]:
    """Even times (midnights, where the stretch is longer than a day or two), each where it is on the axis."""
    width = activity.n_buckets * activity.bucket
    if not width:
        return ()
    start = activity.start.astimezone(UTC)
    step = next((s for s in STEPS if width / s <= MOST_TICKS), STEPS[-1])
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    even = min(step, DAY)
    at = midnight + -(-(start - midnight) // even) * even
    ticks = []
    while at < start + width:
        percent = round(100 * ((at - start) / width), 3)
        label = f"{at.day} {at:%b}" if step >= DAY else f"{at.day} {at:%b %H:%M}"
        ticks.append(Tick(label, percent, percent > LATE))
        at += step
    return tuple(ticks)


def _heatmap(band: ActivityBand, times: Sequence[str], *, most: int, yaxis: str, unit: str) -> dict[str, Any]:
    """A band as Plotly reads it, without its checks: they take longer than everything else on the page."""
    return {
        "type": "heatmap",
        "x": list(times),
        "y": list(band.accounts),
        "z": [list(row) for row in band.counts],
        "zmin": 0,
        "zmax": max(most, 1),
        "colorscale": SCORE_SCALE,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "xaxis": "x",
        "yaxis": yaxis,
        "hovertemplate": f"%{{y}}<br>%{{x}} UTC: %{{z:,}} {unit}<extra>{band.name}</extra>",
    }


def _domains(bands: Sequence[ActivityBand]) -> list[tuple[float, float]]:
    """Each band's part of the height, by its number of rows, from the top down, with a gap between."""
    gap = 0.05
    n_rows = sum(max(len(b.accounts), 1) for b in bands) or 1
    usable = 1 - gap * (len(bands) - 1)
    domains, top = [], 1.0
    for band in bands:
        height = usable * max(len(band.accounts), 1) / n_rows
        domains.append((max(top - height, 0.0), top))
        top -= height + gap
    return domains


def _paths(counts: Sequence[Sequence[int]], ordered: Sequence[int]) -> tuple[LevelPath, ...]:
    """One path a level; a count's level goes by the share of counts below it, so that many equal ones stay pale."""
    parts: dict[int, list[str]] = {level: [] for level in range(LEVELS + 1)}
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            level = 1 + bisect_left(ordered, count) * LEVELS // len(ordered) if count else 0
            parts[level].append(f"M{x} {y}h.88v.84h-.88z")
    return tuple(LevelPath(level, "".join(cells)) for level, cells in parts.items() if cells)


def _busiest(counts: Sequence[int], times: Sequence[str]) -> str:
    if not any(counts):
        return ""
    return times[max(range(len(counts)), key=lambda i: counts[i])]
