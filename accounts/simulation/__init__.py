"""Labelled worlds in the extract format, for demonstration, tests and measurement. Pure: arguments in, files out."""

from __future__ import annotations

from accounts.simulation.build import Summary, simulate
from accounts.simulation.errors import SimulationError
from accounts.simulation.settings import DEMO, FORMATS, LEVELS, PRESETS, USUAL_PREVALENCE, WorldSettings

__all__ = [
    "DEMO",
    "FORMATS",
    "LEVELS",
    "PRESETS",
    "USUAL_PREVALENCE",
    "SimulationError",
    "Summary",
    "WorldSettings",
    "simulate",
]
