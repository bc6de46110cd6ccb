from __future__ import annotations

import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from core.datasets import dataset_get
from core.errors import AppError, Conflict, InvalidInput
from core.models import Dataset
from investigations.linkage import Settings, SettingsError
from investigations.management.output import CANCELLED, FAILED, print_json, stop
from investigations.models import Run
from investigations.models.choices import OPEN_RUN_STATES, RunState
from investigations.services.run_execution import run_execute
from investigations.services.runs import run_cancel, run_request

POLL_SECONDS = 0.5


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Links a dataset's accounts: a run in this process, or with --queue on the workers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", default="main", help="whose accounts (default: main)")
        parser.add_argument(
            "--run-settings", type=Path, metavar="FILE", help="settings of the run, TOML (also --settings)"
        )
        parser.add_argument("--queue", action="store_true", help="leave it to the workers and return at once")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_: Any, **options: Any) -> None:
        as_json = options["json"]
        try:
            dataset = dataset_get(options["dataset"])
            run = self._run_open_or_new(dataset, options["run_settings"])
            if options["queue"]:
                self._queue(run, as_json=as_json)
                return
            run = self._carry_out(run)
        except AppError as error:
            stop(self, error, as_json=as_json)
        self._report(run, as_json=as_json)

    def _run_open_or_new(self, dataset: Dataset, file: Path | None) -> Run:
        """A new run; or the one that is open already, which a killed process may have left behind."""
        settings = _settings_of(file)
        try:
            return run_request(dataset, settings=settings, reason="manage.py link")
        except Conflict:
            run = dataset.runs.filter(state__in=OPEN_RUN_STATES).order_by("number").first()
            if run is None or settings:
                raise
            return run

    def _queue(self, run: Run, *, as_json: bool) -> None:
        from investigations.tasks import run_hint

        run_hint(run)
        if as_json:
            print_json(self, {"run": str(run.public_id), "number": run.number, "state": run.state})
        else:
            self.stdout.write(f"Run {run.number} ({run.public_id}) is {run.get_state_display().lower()}.")

    def _carry_out(self, run: Run) -> Run:
        """Executes the run here; while another process has it, follows it. Ctrl-C cancels it."""
        stopping: list[bool] = []
        before = signal.signal(signal.SIGINT, lambda *_: stopping.append(True))
        try:
            while True:
                run_execute(run.pk, should_stop=lambda: bool(stopping), watcher=self._watch)
                run.refresh_from_db()
                if run.state not in OPEN_RUN_STATES:
                    return run
                if stopping:
                    return run_cancel(run)
                time.sleep(POLL_SECONDS)
        finally:
            signal.signal(signal.SIGINT, before)

    def _watch(self, step: str, label: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            share = f" {100 * done // total} %" if total > 1 else ""
            self.stderr.write(f"\r\x1b[K{label}{share}", ending="")
            self.stderr.flush()

    def _report(self, run: Run, *, as_json: bool) -> None:
        if sys.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="")
        if as_json:
            print_json(self, run_as_dict(run))
        else:
            self._say(run)
        if run.state == RunState.CANCELLED:
            sys.exit(CANCELLED)
        if run.state != RunState.DONE:
            sys.exit(FAILED)

    def _say(self, run: Run) -> None:
        if run.state == RunState.DONE:
            told = run_as_dict(run)
            self.stdout.write(
                f"Run {run.number} ({run.public_id}): {told['accounts']:,} accounts, {told['links']:,} links, "
                f"{told['clusters']:,} clusters in {told['seconds']:.1f} s and {told['peak_mb']:,} MB."
            )
            return
        error = run.error or {}
        said = [f"Run {run.number} {run.get_state_display().lower()}."]
        said += [str(error[name]) for name in ("detail", "kept", "what_to_do") if error.get(name)]
        self.stderr.write(" ".join(said))


def run_as_dict(run: Run) -> dict[str, Any]:
    """The object that `--json` prints."""
    numbers = run.statistics
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    body = {
        "run": str(run.public_id),
        "number": run.number,
        "state": run.state,
        "accounts": numbers.get("accounts", 0),
        "links": numbers.get("links", 0),
        "clusters": numbers.get("clusters", 0),
        "members": numbers.get("members", 0),
        "actionable": numbers.get("actionable", 0),
        "seconds": round(seconds, 3),
        "peak_mb": run.peak_mb or 0,
        "steps": {step["name"]: step["seconds"] for step in run.steps},
        "input_digest": run.input_digest,
        "model_digest": run.model_digest,
    }
    return body | ({"error": run.error} if run.error else {})


def _settings_of(file: Path | None) -> dict[str, Any]:
    """What a settings file says; InvalidInput names the file and what is wrong in it."""
    if file is None:
        return {}
    try:
        return Settings.from_toml(file).to_dict()
    except SettingsError as error:
        raise InvalidInput(
            f"The settings are not valid: {error}",
            code="bad_settings",
            what_to_do="Correct the value, or leave it out to get the default.",
        ) from error
    except OSError as error:
        raise InvalidInput(f"{file} can't be read: {error.strerror}.", code="bad_settings") from error
