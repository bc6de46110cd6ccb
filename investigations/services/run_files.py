"""The folder of a run, HYDRASCOPE_HOME/runs/<dataset>/<run>: its results stay as Parquet, its steps while it works."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings

from investigations.models import Run

STEP_FILES = ("step_*.parquet", "*.tmp", "inputs", "duckdb")


def root() -> Path:
    """Where all runs keep their files."""
    return Path(settings.HYDRASCOPE_HOME) / "runs"


def folder_of(run: Run) -> Path:
    """The run's folder; the engine makes it."""
    return root() / str(run.dataset_id) / str(run.public_id)


def tidy(run: Run) -> None:
    """Removes what only an unfinished run needs; links, evidence, clusters, members, hubs and model stay."""
    for pattern in STEP_FILES:
        for path in folder_of(run).glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def remove(run: Run) -> None:
    """Removes the folder of a run whose work is of no use any more."""
    shutil.rmtree(folder_of(run), ignore_errors=True)


def dataset_remove(number: int) -> None:
    """Removes the folders of a deleted dataset's runs."""
    shutil.rmtree(root() / str(number), ignore_errors=True)
