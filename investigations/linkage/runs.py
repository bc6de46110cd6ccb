"""A run from the outside: its steps, how it tells where it is, and the one function that carries it out.

Light to import: the console and every command know the steps, but only who runs needs the compiled loops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from investigations.linkage import types
from investigations.linkage.settings import Settings

ENGINE_VERSION = "8"
"""Rises when the same input and settings would give other bytes."""
STEPS = ("gather", "hubs", "candidates", "signals", "score", "link", "cluster", "admit", "publish")
"""The steps in their order; `Progress.step` is one of them."""


@dataclass(frozen=True)
class Progress:
    """Where a run is: step `index` (from 0) of `of`, and in it `done` of `total`."""

    step: str
    index: int
    of: int
    done: int
    total: int


class Stopped(Exception):
    """The run was asked to stop; what its finished steps made is in the working folder."""


def run(
    inputs: types.Inputs,
    settings: Settings,
    *,
    workdir: Path,
    progress: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> types.Result:
    """Links, clusters and the model of these inputs; goes on where an earlier call in this folder ended.

    Raises Stopped between two steps, and inside the long ones, when should_stop says so.
    """
    from investigations.linkage.pipeline import Pipeline, begin  # brings numba and SciPy

    workdir.mkdir(parents=True, exist_ok=True)
    begin(workdir, inputs, settings)
    return Pipeline(inputs, settings, workdir, progress, should_stop).result()
