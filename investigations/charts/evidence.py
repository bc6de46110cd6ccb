"""Evidence by family: bits for and against on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from investigations.charts.figures import MILLIBITS, Chart, axis, figure_json, layout, percent, signed, table


@dataclass(frozen=True)
class FamilyEvidence:
    """One family's share: medians in millibits over the links that have such evidence."""

    family: str
    bits_for: int
    bits_against: int = 0
    n_links: int = 0
    parts_without: int = 0


@dataclass(frozen=True)
class EvidenceRow:
    """A family with its bars, positions and widths in per cent of the axis."""

    family: str
    bits_for: int
    bits_against: int
    n_links: int
    parts_without: int
    for_width: float
    against_x: float
    against_width: float


@dataclass(frozen=True)
class EvidenceBars:
    rows: tuple[EvidenceRow, ...]
    zero: float


def evidence_bars(evidence: Sequence[FamilyEvidence]) -> EvidenceBars:
    """Bars of all families on one axis that begins at the strongest evidence against and ends at the strongest for."""
    low = min((e.bits_against for e in evidence), default=0)
    high = max((e.bits_for for e in evidence), default=0)
    span = (high - low) or 1
    zero = percent(-low / span)
    rows = tuple(
        EvidenceRow(
            family=e.family,
            bits_for=e.bits_for,
            bits_against=e.bits_against,
            n_links=e.n_links,
            parts_without=e.parts_without,
            for_width=percent(max(e.bits_for, 0) / span),
            against_x=percent((e.bits_against - low) / span),
            against_width=percent(-min(e.bits_against, 0) / span),
        )
        for e in evidence
    )
    return EvidenceBars(rows=rows, zero=zero)


def evidence_chart(evidence: Sequence[FamilyEvidence], *, title: str, n_links: int) -> Chart:
    """Horizontal bars, solid for and hollow against, the first family on top."""
    names = [e.family for e in evidence]
    colours = [f"var(--f-{e.family})" for e in evidence]
    figure = go.Figure(layout=layout(barmode="relative"))
    figure.add_bar(
        orientation="h",
        name="for",
        y=names,
        x=[e.bits_for / MILLIBITS for e in evidence],
        marker={"color": colours},
        text=[signed(e.bits_for) for e in evidence],
        textposition="outside",
        hovertemplate="%{y}: %{x:+.1f} bits for<extra></extra>",
    )
    figure.add_bar(
        orientation="h",
        name="against",
        y=names,
        x=[e.bits_against / MILLIBITS for e in evidence],
        marker={"color": "var(--surface)", "line": {"color": colours, "width": 1.5}},
        hovertemplate="%{y}: %{x:+.1f} bits against<extra></extra>",
    )
    figure.update_xaxes(axis("median bits per link", zeroline=True))
    figure.update_yaxes(axis(autorange="reversed", showgrid=False))
    rows = [
        (
            e.family,
            signed(e.bits_for),
            signed(e.bits_against) if e.bits_against else "",
            f"{e.n_links:,}",
            f"{e.parts_without:,}",
        )
        for e in evidence
    ]
    return Chart(
        id="evidence",
        title=title,
        figure=figure_json(figure, keep="evidence"),
        table=table(
            ("Family", "For", "Against", "Links", "Parts without it"),
            rows,
            numeric=("For", "Against", "Links", "Parts without it"),
        ),
        shown=n_links,
        total=n_links,
        noun="links",
    )
