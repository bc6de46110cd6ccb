"""How fast extracts load, and how much memory that takes: `python -m bench.bench_ingest [--sizes N N N]`.

For each size a process of its own loads synthetic accounts, sessions (with their sightings) and exchanges (with
fingerprints) into a dataset that is deleted afterwards; it prints rows a second and the process's peak memory.
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

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

SIZES = (100_000, 300_000, 1_000_000)
EXCHANGES_PER_SESSION = 3
_START = 1_767_225_600


def main() -> None:
    """Runs the benchmark, or one load of it in a child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of sessions")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--dataset", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        _load(arguments.load, arguments.dataset)
        return
    machine = f"{platform.node()}: {os.cpu_count()} cores, {platform.machine()}"
    print(f"{machine}, Python {platform.python_version()}")
    print(f"{'sessions':>10} {'table':<11}{'rows':>12}{'seconds':>9}{'rows/s':>11}{'peak MB':>9}")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_extract(Path(folder), n_sessions=size)
            for table in ("accounts", "sessions", "exchanges"):
                _print(size, table, Path(folder) / f"{table}.csv")
        subprocess.run(
            [sys.executable, "manage.py", "dataset", "delete", f"bench-{size}", "--yes"],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def write_extract(folder: Path, *, n_sessions: int, seed: int = 1) -> None:
    """An extract of a tenth as many accounts as sessions, three exchanges a session, in order of time."""
    rng = np.random.default_rng(seed)
    n_accounts, n_exchanges = max(1, n_sessions // 10), EXCHANGES_PER_SESSION * n_sessions
    accounts = np.arange(n_accounts)
    _write(
        folder / "accounts.csv",
        {
            "account_id": _named("user-", accounts),
            "created_at": _times(np.sort(rng.integers(0, 86_400 * 30, n_accounts))),
            "status": pa.array(["active"] * n_accounts),
            "email": pc.binary_join_element_wise(_named("someone.", accounts), pa.scalar("example.org"), "@"),
            "payment_fingerprint": _named("card-", rng.integers(0, max(1, n_accounts * 9 // 10), n_accounts)),
        },
    )
    holders = rng.integers(0, n_accounts, n_sessions)
    homes = rng.integers(0, 3, n_sessions)
    place = holders * 3 + homes
    _write(
        folder / "sessions.csv",
        {
            "session_id": _named("session-", np.arange(n_sessions)),
            "account_id": _named("user-", holders),
            "started_at": _times(np.sort(rng.integers(86_400 * 30, 86_400 * 75, n_sessions))),
            "ip": _addresses(place),
            "asn": pc.cast(pa.array(64_500 + place % 500), pa.string()),
            "device_id": _named("device-", holders * 2 + homes % 2),
            "tls_fingerprint": _named("t13d1516h2_", place % 200),
            "user_agent": _named("Mozilla/5.0 (X11; Linux x86_64) client/", place % 700),
            "request_count": pa.array(rng.integers(1, 60, n_sessions)),
            "input_tokens": pa.array(rng.integers(50, 9000, n_sessions)),
            "output_tokens": pa.array(rng.integers(50, 9000, n_sessions)),
        },
    )
    makers = rng.integers(0, n_accounts, n_exchanges)
    hashes = rng.integers(0, 1 << 40, (3, n_exchanges))
    _write(
        folder / "exchanges.csv",
        {
            "account_id": _named("user-", makers),
            "occurred_at": _times(np.sort(rng.integers(86_400 * 30, 86_400 * 75, n_exchanges))),
            "exchange_id": _named("x", np.arange(n_exchanges)),
            "session_id": _named("session-", rng.integers(0, n_sessions, n_exchanges)),
            "surface": pa.array(["api"] * n_exchanges),
            "model": _named("model-", makers % 4),
            "content_fingerprint": _named("c", hashes[0]),
            "system_fingerprint": _named("s", makers % 900),
            "output_fingerprint": _named("o", hashes[1]),
            "prefix_fingerprint": _named("o", hashes[2]),
            "input_tokens": pa.array(rng.integers(50, 9000, n_exchanges)),
            "output_tokens": pa.array(rng.integers(50, 9000, n_exchanges)),
        },
    )


def _named(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(prefix), pc.cast(pa.array(numbers), pa.string()), "")


def _times(seconds: np.ndarray) -> pa.Array:
    stamps = pa.array((seconds + _START) * 1_000_000).cast(pa.timestamp("us"))
    return pc.strftime(stamps, format="%Y-%m-%dT%H:%M:%SZ")


def _addresses(places: np.ndarray) -> pa.Array:
    parts = [pc.cast(pa.array((places >> shift) & 255), pa.string()) for shift in (16, 8, 0)]
    return pc.binary_join_element_wise(pa.scalar("45"), *parts, ".")


def _write(path: Path, columns: dict[str, pa.Array]) -> None:
    pacsv.write_csv(pa.table(columns), path, pacsv.WriteOptions(quoting_style="needed"))


def _print(size: int, table: str, path: Path) -> None:
    command = [sys.executable, "-m", "bench.bench_ingest", "--load", str(path), "--dataset", f"bench-{size}"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rate = found["rows"] / found["seconds"]
    print(
        f"{size:>10,} {table:<11}{found['rows']:>12,}{found['seconds']:>9.1f}{rate:>11,.0f}{found['peak_mb']:>9,.0f}",
        flush=True,
    )


def _load(path: Path, dataset: str) -> None:
    """Loads one file and prints what it took, in a process that measures nothing else."""
    from config.embedded import held_for_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with held_for_command(["manage.py", "ingest"]):
        import django

        django.setup()
        from accounts.services.ingest import ingest_files

        report = ingest_files([path], dataset=dataset)
    rows = sum(report.accepted.values())
    assert rows and not report.refused, report
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": report.seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main()
