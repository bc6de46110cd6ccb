"""How long each step of a run took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from investigations.charts.figures import Chart, axis, figure_json, layout, table


@dataclass(frozen=True)
class StepTiming:
    step: str
    seconds: float
    n_items: int = 0
    unit: str = ""


def timings_chart(steps: Sequence[StepTiming], *, title: str) -> Chart:
    """One bar a step, from zero, in the order in which they ran."""
    figure = go.Figure(layout=layout())
    figure.add_bar(
        orientation="h",
        y=[s.step for s in steps],
        x=[s.seconds for s in steps],
        marker={"color": "var(--score-4)"},
        text=[_duration(s.seconds) for s in steps],
        textposition="outside",
        constraintext="none",
        cliponaxis=False,
        hovertext=[f"{s.n_items:,} {s.unit}" if s.unit else "" for s in steps],
        hovertemplate="%{y}: %{text}<br>%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(axis("seconds", rangemode="tozero"))
    figure.update_yaxes(axis(autorange="reversed", showgrid=False, dtick=1))
    whole = sum(s.seconds for s in steps)
    rows = [
        (
            s.step,
            _duration(s.seconds),
            f"{s.seconds / whole:.0%}" if whole else "",
            f"{s.n_items:,} {s.unit}".strip() if s.unit else "",
        )
        for s in steps
    ]
    return Chart(
        id="timings",
        title=title,
        figure=figure_json(figure, keep="timings"),
        table=table(("Step", "Time", "Share", "Handled"), rows, numeric=("Time", "Share", "Handled")),
        shown=len(steps),
        total=len(steps),
        noun="steps",
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"
