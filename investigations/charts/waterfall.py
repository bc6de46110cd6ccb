"""From prior to sum: the bits of one link, signal by signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from investigations.charts.figures import MILLIBITS, Chart, axis, figure_json, layout, percent, signed, table


@dataclass(frozen=True)
class WaterfallStep:
    """One signal's bits after damping and caps. `available` is False where the data has no such signal."""

    label: str
    bits: int
    family: str = ""
    why: str = ""
    available: bool = True


@dataclass(frozen=True)
class WaterfallRow:
    """A step with its bar; positions in per cent of the axis."""

    label: str
    family: str
    kind: str  # prior or step
    bits: int
    total: int
    why: str
    available: bool
    start: float
    end: float
    x: float
    width: float


@dataclass(frozen=True)
class Waterfall:
    rows: tuple[WaterfallRow, ...]
    zero: float
    total: int
    total_x: float
    total_width: float
    reading: str


def waterfall(prior: int, steps: Sequence[WaterfallStep], *, prior_why: str = "") -> Waterfall:
    """All bars on one axis; the sum is the prior plus all steps, and a link where it is not below zero."""
    all_steps = [WaterfallStep("prior", prior, why=prior_why), *steps]
    totals = _running([s.bits for s in all_steps])
    low, high = min(0, *totals), max(0, *totals)
    span = (high - low) or 1

    def at(value: int) -> float:
        return percent((value - low) / span)

    rows = []
    for i, (step, end) in enumerate(zip(all_steps, totals, strict=True)):
        start = end - step.bits
        rows.append(
            WaterfallRow(
                label=step.label,
                family=step.family,
                kind="step" if i else "prior",
                bits=step.bits,
                total=end,
                why=step.why,
                available=step.available,
                start=at(start),
                end=at(end),
                x=at(min(start, end)),
                width=percent(abs(step.bits) / span),
            )
        )
    total = totals[-1]
    reading = "above the line" if total >= 0 else "below the line"
    return Waterfall(
        rows=tuple(rows),
        zero=at(0),
        total=total,
        total_x=at(min(0, total)),
        total_width=percent(abs(total) / span),
        reading=reading,
    )


def waterfall_chart(falls: Waterfall, *, title: str) -> Chart:
    """The same steps as a Plotly waterfall; bars against are hollow."""
    rows = [r for r in falls.rows if r.available]
    labels = [*(r.label for r in rows), "sum"]
    bars = [(r.total - r.bits, r.bits) for r in rows] + [(0, falls.total)]
    colours = [f"var(--f-{r.family or 'other'})" for r in rows] + ["var(--ink-2)"]
    fills = ["var(--surface)" if r.bits < 0 and r.kind == "step" else c for r, c in zip(rows, colours, strict=False)]
    figure = go.Figure(layout=layout())
    figure.add_bar(
        orientation="h",
        y=labels,
        base=[base / MILLIBITS for base, _ in bars],
        x=[bits / MILLIBITS for _, bits in bars],
        marker={"color": [*fills, "var(--ink-2)"], "line": {"color": colours, "width": 1.5}},
        text=[signed(bits) for _, bits in bars],
        textposition="outside",
        hovertext=[*(r.why for r in rows), falls.reading],
        hovertemplate="%{y}: %{text} bits<br>%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(axis("bits", zeroline=True))
    figure.update_yaxes(axis(autorange="reversed", showgrid=False))
    cells = [
        (r.label, r.family, signed(r.bits) if r.available else "not available", signed(r.total), r.why)
        for r in falls.rows
    ]
    cells.append(("sum", "", signed(falls.total), signed(falls.total), falls.reading))
    return Chart(
        id="waterfall",
        title=title,
        figure=figure_json(figure, keep="waterfall"),
        table=table(("Step", "Family", "Bits", "Sum", "Why"), cells, numeric=("Bits", "Sum")),
        shown=len(falls.rows),
        total=len(falls.rows),
        noun="steps",
    )


def _running(values: Sequence[int]) -> list[int]:
    totals, total = [], 0
    for value in values:
        total += value
        totals.append(total)
    return totals
