"""How long linking takes from columnar inputs to clusters, how much memory, and how both grow.

    python bench/bench_link.py [--accounts 25000 100000 400000] [--keep FOLDER]

Each size runs in a process of its own, so that peak memory is its own; compiled code is warmed up in it before.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from accounts.simulation import WorldSettings, simulate  # noqa: E402
from bench.extract import extract_read, inputs_load, inputs_save  # noqa: E402
from investigations.linkage import Progress, Settings, run  # noqa: E402
from investigations.linkage.runs import STEPS  # noqa: E402

WARM_UP = 2_000


def main() -> None:
    """Prints the table, or with --measure the figures of one size as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, nargs="+", default=[25_000, 100_000, 400_000])
    parser.add_argument("--keep", type=Path, help="keep the worlds in this folder, and use those that are there")
    parser.add_argument("--measure", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(*options.measure)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        table_print([one_size(folder, accounts) for accounts in (WARM_UP, *options.accounts)][1:])


def one_size(folder: Path, accounts: int) -> dict[str, float]:
    """The figures of one size, from a process of its own."""
    place = folder / f"world-{accounts}"
    if not (place / "inputs").exists():
        summary = simulate(place / "extract", WorldSettings(accounts=accounts, prevalence=0.025, seed=1), force=True)
        inputs_save(extract_read(place / "extract", place), place / "inputs")
        print(f"made {accounts} accounts, {summary.exchanges} exchanges", file=sys.stderr)
    command = [
        sys.executable,
        __file__,
        "--measure",
        str(place / "inputs"),
        str(folder / f"world-{WARM_UP}" / "inputs"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"accounts": accounts, **json.loads(done.stdout)}


def measured(place: Path, warm_up: Path) -> dict[str, float]:
    """Seconds in all and by step, peak memory and counts of one run."""
    with tempfile.TemporaryDirectory() as folder:
        run(inputs_load(warm_up), Settings(), workdir=Path(folder))
    inputs = inputs_load(place)
    seconds: dict[str, float] = defaultdict(float)
    last = time.perf_counter()

    def tick(progress: Progress) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[progress.step] += now - last
        last = now

    with tempfile.TemporaryDirectory() as folder:
        began = last = time.perf_counter()
        result = run(inputs, Settings(), workdir=Path(folder), progress=tick)
        total = time.perf_counter() - began
    n_exchanges = sum(pq_rows(path) for path in inputs.exchanges)
    return {
        "sightings": inputs.sightings.num_rows,
        "exchanges": n_exchanges,
        "pairs": result.statistics["pairs"],
        "links": result.statistics["links"],
        "clusters": result.statistics["clusters"],
        "seconds": total,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **{f"s_{step}": seconds[step] for step in STEPS},
    }


def pq_rows(path: str) -> int:
    """Rows of a Parquet file."""
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(path).metadata.num_rows)


def table_print(rows: list[dict[str, float]]) -> None:
    """The table, then the exponent of growth between the smallest and the largest size."""
    print(f"Machine: {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    names = ["accounts", "sightings", "exchanges", "pairs", "links", "clusters"]
    steps = [f"s_{step}" for step in STEPS]
    print("| " + " | ".join([*names, "seconds", *STEPS, "peak MB"]) + " |")
    print("|" + "---:|" * (len(names) + len(STEPS) + 2))
    for row in rows:
        cells = [f"{row[name]:.0f}" for name in names] + [f"{row[name]:.2f}" for name in ("seconds", *steps)]
        print("| " + " | ".join([*cells, f"{row['peak_mb']:.0f}"]) + " |")
    if len(rows) > 1:
        growth = math.log(rows[-1]["seconds"] / rows[0]["seconds"]) / math.log(
            rows[-1]["accounts"] / rows[0]["accounts"]
        )
        print(f"\nGrowth: seconds ~ accounts^{growth:.2f}")


def processor() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


if __name__ == "__main__":
    main()
