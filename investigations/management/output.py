"""How our commands end: one JSON object or plain words, and an exit code that says which kind of end it was."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from core.datasets import dataset_get
from core.errors import AppError, NotFound, problem
from core.models import Dataset
from investigations.models import Run
from investigations.models.choices import RunState

FAILED, REFUSED, CANCELLED = 1, 2, 130


def stop(command: BaseCommand, error: AppError, *, as_json: bool, exit_code: int = REFUSED) -> NoReturn:
    """Says what is wrong, on standard output as JSON when that was asked for, and ends the process."""
    if as_json:
        command.stdout.write(json.dumps({"error": problem(error)}, ensure_ascii=False))
    else:
        command.stderr.write(str(error))
    sys.exit(exit_code)


def print_json(command: BaseCommand, body: dict[str, Any]) -> None:
    """The command's one JSON object."""
    command.stdout.write(json.dumps(body, ensure_ascii=False))


def run_named(dataset_name: str, run_id: str | None) -> tuple[Dataset, Run]:
    """The dataset with the run that was named by id or number, by default its newest done one. NotFound otherwise."""
    dataset = dataset_get(dataset_name)
    rows = dataset.runs.filter(state=RunState.DONE)
    if run_id is None:
        run = rows.order_by("-number").first()
        told = "has no run yet"
    else:
        run = next((r for r in rows.order_by("-number") if run_id in (str(r.public_id), str(r.number))), None)
        told = f"has no run “{run_id[:40]}” that is done"
    if run is None:
        raise NotFound(
            f"The dataset “{dataset.name}” {told}.", what_to_do=f"Make one: manage.py link --dataset {dataset.name}."
        )
    if not run.has_rows:
        raise NotFound(
            f"The members of run {run.number} are no longer kept; the last two runs have theirs.",
            code="run_without_rows",
            what_to_do="Name one of the last two runs, or leave --run out.",
        )
    return dataset, run
