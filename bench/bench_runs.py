"""How long a run takes from database to visible clusters.

    python -m bench.bench_runs [--accounts 10000 30000 100000]

Each size has servers and a home of its own. The second run is measured, so that clusters are matched with earlier ones.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
DATASET = "bench"
T = TypeVar("T")


def main() -> None:
    """Prints the table, or with --measure the figures of one size as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(in_own_servers(lambda: second_run(options.measure))))
        return
    table_print([one_size("bench.bench_runs", accounts) for accounts in options.accounts])


def one_size(module: str, size: int, *more: str) -> Any:
    """What `module --measure` says of one size, from a process with servers of its own."""
    with tempfile.TemporaryDirectory(prefix="hydrascope-bench-") as folder:
        Path(folder).chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_URL")}
        environment = {**kept, "HYDRASCOPE_HOME": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        command = [sys.executable, "-m", module, "--measure", str(size), *more]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def in_own_servers(figures: Callable[[], T]) -> T:
    """What `figures` returns, called while this process holds the home's servers."""
    from config import embedded, home

    held = embedded.hold(home.home_path())
    try:
        import django

        django.setup()
        return figures()
    finally:
        held.release()


def second_run(accounts: int) -> dict[str, Any]:
    """Figures of the second run on a fresh world of this size."""
    from django.core.management import call_command

    from accounts.services.ingest import ingest_files
    from accounts.simulation import WorldSettings, simulate
    from core.datasets import dataset_ensure
    from investigations.management.commands.link import run_as_dict
    from investigations.services.run_execution import run_execute
    from investigations.services.runs import run_request

    call_command("migrate", verbosity=0)
    dataset = dataset_ensure(DATASET, kind="evaluation")
    with tempfile.TemporaryDirectory() as scratch:
        simulate(Path(scratch) / "extract", WorldSettings(accounts=accounts, prevalence=0.025, seed=1))
        ingest_files([Path(scratch) / "extract"], dataset=DATASET)
    for _ in range(2):
        run = run_execute(run_request(dataset).pk)
    assert run is not None
    return run_as_dict(run)


def machine() -> str:
    """The machine that figures were measured on, in a line."""
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _processor() -> str:
    found = Path("/proc/cpuinfo")
    lines = found.read_text(encoding="utf-8").splitlines() if found.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table_print(runs: list[dict[str, Any]]) -> None:
    """The runs by size."""
    print(f"{machine()}\n")
    print(
        f"{'accounts':>10}{'links':>10}{'clusters':>10}{'read s':>8}{'engine s':>10}{'land s':>8}{'all s':>8}{'MB':>7}"
    )
    for run in runs:
        steps = run["steps"]
        engine = sum(seconds or 0 for name, seconds in steps.items() if name not in ("read", "land"))
        print(
            f"{run['accounts']:>10,}{run['links']:>10,}{run['clusters']:>10,}{steps['read']:>8.2f}{engine:>10.2f}"
            f"{steps['land']:>8.2f}{run['seconds']:>8.2f}{run['peak_mb']:>7,}"
        )


if __name__ == "__main__":
    main()
