"""How long a run takes from database to visible clusters, and how long the server thinks about triage and a cluster.

    python -m bench.bench_runs [--accounts 10000 30000 100000]

Each size has servers and a home of its own. The second run is measured, so that clusters are matched with earlier
ones; of each page's selectors the median and slowest of 20 calls, with their number of queries.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATASET = "bench"
CALLS = 20


def main() -> None:
    """Prints the tables, or with --measure the figures of one size as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.measure)))
        return
    tables_print([one_size(accounts) for accounts in options.accounts])


def one_size(accounts: int) -> dict[str, Any]:
    """The figures of one size, from a process with servers of its own."""
    with tempfile.TemporaryDirectory(prefix="hydrascope-bench-") as folder:
        Path(folder).chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_URL")}
        environment = {**kept, "HYDRASCOPE_HOME": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        command = [sys.executable, "-m", "bench.bench_runs", "--measure", str(accounts)]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measured(accounts: int) -> dict[str, Any]:
    """Makes a world, loads it, runs twice, and calls the selectors."""
    from config import embedded, home

    held = embedded.hold(home.home_path())
    try:
        import django

        django.setup()
        run = second_run(accounts)
        return {"accounts": accounts, "run": run, "pages": pages()}
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


def pages() -> list[dict[str, Any]]:
    """Milliseconds and queries of what triage, cluster, compare and account page ask for."""
    from core.models import Dataset
    from investigations.models import Cluster, ClusterVersion, Link
    from investigations.selectors.accounts import account_detail
    from investigations.selectors.activity import cluster_activity
    from investigations.selectors.cluster import cluster_detail, member_list
    from investigations.selectors.clusters import cluster_list
    from investigations.selectors.links import link_explain, links_of_account
    from investigations.selectors.runs import run_status
    from investigations.selectors.shapes import ClusterFilters

    dataset = Dataset.objects.get(name=DATASET)
    largest = ClusterVersion.objects.order_by("-run_id", "-n_accounts").first()
    link = Link.objects.select_related("a__dataset", "b__dataset").order_by("-run_id", "-bits").first()
    assert largest is not None
    assert link is not None
    cluster = Cluster.objects.select_related("dataset").get(pk=largest.cluster_id)
    filters = ClusterFilters(families=("payment",), min_accounts=3)
    calls: dict[str, Callable[[], Any]] = {
        "triage": lambda: (cluster_list(dataset), run_status(dataset)),
        "triage, filtered": lambda: (cluster_list(dataset, filters=filters, sort="accounts"), run_status(dataset)),
        f"cluster of {largest.n_accounts:,}": lambda: (cluster_detail(cluster), member_list(cluster)),
        "its activity": lambda: cluster_activity(cluster),
        "compare": lambda: link_explain(link.a, link.b),
        "account": lambda: (account_detail(link.a), links_of_account(link.a)),
    }
    return [{"page": name, **_timed(call)} for name, call in calls.items()]


def _timed(call: Callable[[], Any]) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        call()
    taken = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - began))
    return {"queries": len(queries), "median_ms": statistics.median(taken), "slowest_ms": max(taken)}


def tables_print(sizes: list[dict[str, Any]]) -> None:
    """The runs by size, then the pages by size."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(
        f"{'accounts':>10}{'links':>10}{'clusters':>10}{'read s':>8}{'engine s':>10}{'land s':>8}{'all s':>8}{'MB':>7}"
    )
    for size in sizes:
        run, steps = size["run"], size["run"]["steps"]
        engine = sum(seconds or 0 for name, seconds in steps.items() if name not in ("read", "land"))
        print(
            f"{run['accounts']:>10,}{run['links']:>10,}{run['clusters']:>10,}{steps['read']:>8.2f}{engine:>10.2f}"
            f"{steps['land']:>8.2f}{run['seconds']:>8.2f}{run['peak_mb']:>7,}"
        )
    print(f"\n{'accounts':>10}  {'page':<22}{'queries':>8}{'median ms':>11}{'slowest ms':>12}")
    for size in sizes:
        for page in size["pages"]:
            figures = f"{page['queries']:>8}{page['median_ms']:>11.1f}{page['slowest_ms']:>12.1f}"
            print(f"{size['accounts']:>10,}  {page['page']:<22}{figures}")


if __name__ == "__main__":
    main()
