"""How fast extracts load, how much memory that takes, and how soon they are deleted.

    python -m bench.bench_ingest [--sizes 100000 300000 1000000] [--tables accounts sessions exchanges]

Each size has servers and a home of its own, each file a process of its own, as `manage.py ingest` would: rows a second
count from its first byte to its last row, peak memory is the loading process's. Exchanges have fingerprints.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.bench_runs import ROOT, in_own_servers, machine, one_size
from bench.ingest_extract import TABLES, write_extract

SIZES = (100_000, 300_000, 1_000_000)
DATASET = "bench"


def main() -> None:
    """Prints the table; --measure prints the figures of one size as JSON, --load those of one file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of sessions")
    parser.add_argument("--tables", nargs="+", default=TABLES, choices=TABLES)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(one_load(options.load)))
    elif options.measure:
        print(json.dumps(in_own_servers(lambda: all_loads(options.measure, tuple(options.tables)))))
    else:
        print(f"{machine()}\n")
        print(f"{'sessions':>10} {'table':<11}{'rows':>12}{'seconds':>9}{'rows/s':>11}{'peak MB':>9}")
        for size in options.sizes:
            _print(size, one_size("bench.bench_ingest", size, "--tables", *options.tables))


def all_loads(n_sessions: int, tables: tuple[str, ...]) -> list[dict[str, Any]]:
    """Figures of each table's load into a fresh dataset, then of its deletion."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for path in write_extract(Path(folder), n_sessions=n_sessions, tables=tables):
            command = [sys.executable, "-m", "bench.bench_ingest", "--load", str(path)]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            found.append({"table": path.stem, **json.loads(done.stdout.splitlines()[-1])})
            path.unlink()
    return [*found, _deletion()]


def one_load(path: Path) -> dict[str, Any]:
    """Loads one file and returns what it took, in a process that measures nothing else."""
    from config.embedded import held_for_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with held_for_command(["manage.py", "ingest"]):
        import django

        django.setup()
        from accounts.services.ingest import ingest_files

        report = ingest_files([path], dataset=DATASET)
    rows = sum(report.accepted.values())
    if not rows or report.exit_code or report.refused:
        raise SystemExit(f"{path.name}: {report.refused} {[file.error for file in report.files]}")
    return {"rows": rows, "seconds": report.seconds, "peak_mb": _peak_mb(resource.RUSAGE_SELF)}


def _deletion() -> dict[str, Any]:
    """Figures of `manage.py dataset delete`, its own start included."""
    start = time.monotonic()
    command = [sys.executable, "manage.py", "dataset", "delete", DATASET, "--yes"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - start
    rows = int("".join(c for c in done.stdout.partition(":")[2].partition("rows")[0] if c.isdigit()))
    return {"table": "(deleting)", "rows": rows, "seconds": seconds, "peak_mb": 0}


def _peak_mb(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


def _print(size: int, loads: list[dict[str, Any]]) -> None:
    for load in loads:
        rate = load["rows"] / load["seconds"]
        peak = f"{load['peak_mb']:>9,.0f}" if load["peak_mb"] else ""
        counts = f"{load['rows']:>12,}{load['seconds']:>9.1f}{rate:>11,.0f}"
        print(f"{size:>10,} {load['table']:<11}{counts}{peak}", flush=True)


if __name__ == "__main__":
    main()
