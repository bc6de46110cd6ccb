"""How long the server thinks about each page, templates rendered, and how often it asks the database.

    python -m bench.bench_pages [--accounts 10000 30000 100000]

Each size has servers and a home of its own, with two runs behind it. A lead asks for every page through Django's test
client, middleware and all: the median and slowest of 20 requests, what of the median is this process's own work (the
rest is the database's, and waiting for a core on a busy machine), and the number of queries.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from bench.bench_runs import DATASET, in_own_servers, machine, one_size, second_run

REQUESTS = 20


def main() -> None:
    """Prints the table, or with --measure the figures of one size as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(in_own_servers(lambda: measured(options.measure))))
        return
    table_print([one_size("bench.bench_pages", accounts) for accounts in options.accounts])


def measured(accounts: int) -> dict[str, Any]:
    """Makes a world with two runs and asks for its pages."""
    run = second_run(accounts)
    return {"accounts": accounts, "clusters": run["clusters"], "pages": pages_measured()}


def pages_measured() -> list[dict[str, Any]]:
    """Milliseconds and queries of each page, asked for by a lead."""
    from django.test import Client

    from staff.services import user_create

    client = Client(headers={"host": "localhost"})
    client.force_login(user_create("bench", roles=("lead",)))
    return [{"page": name, **_timed(client, address)} for name, address in addresses().items()]


def addresses() -> dict[str, str]:
    """The pages by name: of the largest cluster, and of the two accounts of the strongest link."""
    from investigations.models import ClusterVersion, Link

    largest = ClusterVersion.objects.select_related("cluster").order_by("-run_id", "-n_accounts").first()
    link = Link.objects.select_related("a", "b").order_by("-run_id", "-bits").first()
    assert largest is not None
    assert link is not None
    cluster = f"/clusters/{largest.cluster.public_id}/"
    account = f"/accounts/{link.a.public_id}/"
    paths = {
        "triage": "/",
        "triage, filtered": "/?families=payment&min_accounts=3&sort=accounts",
        "clusters": "/clusters/",
        f"cluster of {largest.n_accounts:,}": cluster,
        "its members": f"{cluster}members/",
        "its activity": f"{cluster}activity/",
        "its lineage": f"{cluster}lineage/",
        "preview": f"{cluster}preview/",
        "account": account,
        "account's links": f"{account}links/",
        "compare": f"/compare/?a={link.a.public_id}&b={link.b.public_id}",
        "runs": "/runs/",
    }
    return {name: f"{path}{'&' if '?' in path else '?'}dataset={DATASET}" for name, path in paths.items()}


def _timed(client: Any, address: str) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200, address
        n_queries = len(queries)
    taken, own = [], []
    for _ in range(REQUESTS):
        began, busy = time.perf_counter(), time.process_time()
        client.get(address)
        taken.append(1000 * (time.perf_counter() - began))
        own.append(1000 * (time.process_time() - busy))
    figures = {"median_ms": statistics.median(taken), "slowest_ms": max(taken), "own_ms": statistics.median(own)}
    return {"queries": n_queries, **figures}


def table_print(sizes: list[dict[str, Any]]) -> None:
    """The pages by size."""
    print(f"{machine()}\n")
    print(
        f"{'accounts':>10}{'clusters':>10}  {'page':<22}{'queries':>8}{'median ms':>11}{'own ms':>8}{'slowest ms':>12}"
    )
    for size in sizes:
        for page in size["pages"]:
            figures = f"{page['queries']:>8}{page['median_ms']:>11.1f}{page['own_ms']:>8.1f}{page['slowest_ms']:>12.1f}"
            print(f"{size['accounts']:>10,}{size['clusters']:>10,}  {page['page']:<22}{figures}")


if __name__ == "__main__":
    main()
