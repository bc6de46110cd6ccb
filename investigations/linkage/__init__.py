"""The engine: who is linked to whom, why, and in which clusters. Pure: no Django, no clock, no global randomness."""

from __future__ import annotations

from investigations.linkage.evaluate import evaluate
from investigations.linkage.explain import explain
from investigations.linkage.lineage import match_clusters
from investigations.linkage.runs import Progress, Stopped, run
from investigations.linkage.settings import Settings, SettingsError
from investigations.linkage.types import Inputs, Result

__all__ = [
    "Inputs",
    "Progress",
    "Result",
    "Settings",
    "SettingsError",
    "Stopped",
    "evaluate",
    "explain",
    "match_clusters",
    "run",
]
