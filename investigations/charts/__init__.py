"""Charts as pure functions: dataclasses in, a Plotly figure and the same rows as a table out.

Colours are names of the page's tokens, e.g. `var(--score-3)`: the browser resolves them, so charts follow the theme.
"""

from __future__ import annotations

from investigations.charts.activity import Activity, ActivityBand, HeatmapDrawing, activity_chart, activity_drawing
from investigations.charts.calendar import Day, calendar_chart
from investigations.charts.evidence import EvidenceBars, FamilyEvidence, evidence_bars, evidence_chart
from investigations.charts.figures import Cell, Chart, Column, Table
from investigations.charts.marks import LookMeter, Sparkline, look_meter, sparkline
from investigations.charts.timings import StepTiming, timings_chart
from investigations.charts.waterfall import Waterfall, WaterfallStep, waterfall, waterfall_chart

__all__ = [
    "Activity",
    "ActivityBand",
    "Cell",
    "Chart",
    "Column",
    "Day",
    "EvidenceBars",
    "FamilyEvidence",
    "HeatmapDrawing",
    "LookMeter",
    "Sparkline",
    "StepTiming",
    "Table",
    "Waterfall",
    "WaterfallStep",
    "activity_chart",
    "activity_drawing",
    "calendar_chart",
    "evidence_bars",
    "evidence_chart",
    "look_meter",
    "sparkline",
    "timings_chart",
    "waterfall",
    "waterfall_chart",
]
