from __future__ import annotations

import csv
import os
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from core.errors import AppError, InvalidInput
from investigations.management.output import run_named, stop
from investigations.models import Member, Run

COLUMNS = ("account_id", "cluster_id", "position", "actionable", "episode")


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Writes a row for each clustered account: the platform's account id, the durable cluster, the position."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", default="main", help="whose clusters (default: main)")
        parser.add_argument("--run", metavar="ID", help="a run's id or number (default: the newest)")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the CSV file to write")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            _dataset, run = run_named(options["dataset"], options["run"])
            n = file_write(options["out"], _rows(run))
        except AppError as error:
            stop(self, error, as_json=False)
        self.stdout.write(f"{options['out']}: {n:,} accounts of run {run.number}.")


def file_write(path: Path, rows: Iterator[tuple[str, ...]]) -> int:
    """Writes the CSV whole or not at all, and returns its number of rows; InvalidInput when it can't be written."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise _unwritable(path, error) from error
    partial = Path(name)
    n = 0
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for n, row in enumerate(rows, start=1):  # noqa: B007
                writer.writerow(row)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)
    return n


def _rows(run: Run) -> Iterator[tuple[str, ...]]:
    members = (
        Member.objects.filter(version__run=run)
        .order_by("version_id", "account_id")
        .values_list("account__platform_id", "version__cluster__public_id", "position", "is_actionable", "since")
    )
    for account, cluster, position, is_actionable, since in members.iterator(chunk_size=10_000):
        episode = since.isoformat().replace("+00:00", "Z") if since else ""
        yield account, str(cluster), position, "true" if is_actionable else "false", episode


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(f"{path} can't be written: {error.strerror}.", what_to_do="Choose another place.")
