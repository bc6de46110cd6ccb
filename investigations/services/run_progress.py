"""A run's progress: the steps with counts and seconds, on its row about twice a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from investigations.linkage import Progress
from investigations.linkage.runs import STEPS as ENGINE_STEPS
from investigations.models import Run
from investigations.selectors.runs import STEP_LABELS
from investigations.services.run_claim import RunHold

READ, LAND = "read", "land"
STEPS = (READ, *ENGINE_STEPS, LAND)

Watcher = Callable[[str, str, int, int], None]
"""Told of each step's progress: name, label, done, total."""


def steps_waiting() -> list[dict[str, Any]]:
    """The rows of a run that has not begun."""
    return [{"name": name, "state": "waiting", "done": 0, "total": 0, "seconds": None} for name in STEPS]


class RunProgress:
    """Notes where a run is. A step that is finished for the first time gives the run its attempts back."""

    def __init__(self, run: Run, hold: RunHold, *, watcher: Watcher | None = None) -> None:
        self.run = run
        self.steps: list[dict[str, Any]] = _known(run.steps) or steps_waiting()
        self._hold = hold
        self._watcher = watcher
        self.step = run.step  # the row's own lags half a second behind
        self._began = 0.0

    def engine(self, progress: Progress) -> None:
        """Takes the engine's report."""
        self.report(progress.step, progress.done, progress.total)

    def report(self, step: str, done: int, total: int) -> None:
        """Notes that `step` has done so much; earlier steps are done."""
        if step != self.step or not self._began:
            self._enter(step)
        row = self.steps[STEPS.index(step)]
        if row["state"] != "done":
            is_done = total > 0 and done >= total
            seconds = round(time.monotonic() - self._began, 3)
            row.update(state="done" if is_done else "running", done=done, total=total, seconds=seconds)
            if is_done:
                self.run.attempts = 0
        if self._watcher:
            self._watcher(step, STEP_LABELS[step], done, total)
        self._hold.note(
            step=step,
            step_done=done,
            step_total=total,
            steps=[dict(known) for known in self.steps],
            attempts=self.run.attempts,
        )

    def _enter(self, step: str) -> None:
        self.step, self._began = step, time.monotonic()
        for row in self.steps[: STEPS.index(step)]:
            row["state"] = "done"


def _known(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of an earlier attempt when they are those of this version's steps."""
    return rows if [row.get("name") for row in rows] == list(STEPS) else []
