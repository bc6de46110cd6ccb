"""How fast worlds are made, and how much memory that takes: `python -m bench.bench_simulate [--sizes N N N]`.

Each size runs in a process of its own; memory is that process's peak. Everything it writes is deleted again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from accounts.simulation import WorldSettings, simulate

SIZES = (10_000, 100_000, 300_000)


def main() -> None:
    """Runs the benchmark, or one world of it in a child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=SIZES, help="numbers of accounts; 1000000 takes minutes"
    )
    parser.add_argument("--world", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.world:
        _make(arguments.world, arguments.sizes[0])
        return
    machine = platform.processor() or platform.machine()
    print(f"{platform.system()}, {os.cpu_count()} cores, {machine}, Python {platform.python_version()}")
    columns = (
        ("accounts", 10),
        ("sessions", 12),
        ("exchanges", 13),
        ("seconds", 9),
        ("exchanges/s", 13),
        ("peak MB", 9),
    )
    print("".join(f"{name:>{width}}" for name, width in (*columns, ("disk MB", 9))))
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "bench.bench_simulate", "--world", f"{folder}/world", "--sizes", str(size)]
            _print(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def _make(out: Path, accounts: int) -> None:
    summary = simulate(out, WorldSettings(accounts=accounts))
    measured = {
        "accounts": summary.accounts,
        "sessions": summary.sessions,
        "exchanges": summary.exchanges,
        "seconds": summary.seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "disk_mb": sum(path.stat().st_size for path in out.iterdir()) / 1e6,
    }
    print(json.dumps(measured))


def _print(row: dict[str, float]) -> None:
    print(
        f"{row['accounts']:>10,}{row['sessions']:>12,}{row['exchanges']:>13,}{row['seconds']:>9.1f}"
        f"{row['exchanges'] / row['seconds']:>13,.0f}{row['peak_mb']:>9,.0f}{row['disk_mb']:>9,.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
