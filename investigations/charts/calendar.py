"""An account's days: one square a day, a column a week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import plotly.graph_objects as go

from investigations.charts.figures import SCORE_SCALE, Chart, axis, figure_json, layout, table

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Day:
    day: date
    count: int


def calendar_chart(days: Sequence[Day], *, title: str, unit: str = "exchanges") -> Chart:
    """Weeks from left to right, Monday on top; days before the first and after the last stay blank."""
    by_day = {d.day: d.count for d in days}
    first, last = (min(by_day), max(by_day)) if by_day else (date(1970, 1, 5), date(1970, 1, 4))
    monday = first - timedelta(days=first.weekday())
    n_weeks = (last - monday).days // 7 + 1 if by_day else 0
    weeks = [monday + timedelta(weeks=i) for i in range(n_weeks)]
    grid = [[_count(by_day, w + timedelta(days=d), first, last) for w in weeks] for d in range(7)]
    names = [[f"{w + timedelta(days=d):%a %d %b %Y}" for w in weeks] for d in range(7)]
    figure = go.Figure(layout=layout())
    figure.add_heatmap(
        x=list(range(n_weeks)),
        y=list(WEEKDAYS),
        z=grid,
        text=names,
        zmin=0,
        zmax=max([1, *by_day.values()]),
        colorscale=SCORE_SCALE,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hovertemplate=f"%{{text}}: %{{z:,}} {unit}<extra></extra>",
    )
    months = [i for i, w in enumerate(weeks) if i == 0 or w.month != weeks[i - 1].month]
    labels = [f"{weeks[i]:%b %Y}" for i in months]
    figure.update_xaxes(axis(showgrid=False, showline=False, tickvals=months, ticktext=labels, fixedrange=True))
    figure.update_yaxes(axis(autorange="reversed", showgrid=False, fixedrange=True))
    rows = [(f"{d.day:%Y-%m-%d}", f"{d.count:,}") for d in sorted(days, key=lambda d: d.day) if d.count]
    n_days = (last - first).days + 1 if by_day else 0
    return Chart(
        id="calendar",
        title=title,
        figure=figure_json(figure, keep="calendar"),
        table=table(("Day (UTC)", unit.capitalize()), rows, numeric=(unit.capitalize(),)),
        shown=n_days,
        total=n_days,
        noun="days",
    )


def _count(by_day: dict[date, int], day: date, first: date, last: date) -> int | None:
    return by_day.get(day, 0) if first <= day <= last else None
