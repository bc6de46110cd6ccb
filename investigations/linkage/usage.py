"""What clustered accounts did with the platform, and what a sample of the others did, summed from the exchanges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from investigations.linkage import types
from investigations.linkage.gather import Ints, column_ints
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.units import DAY, HOUR

SAMPLE = 1_000
"""Others that are looked at, evenly spaced by number: the same each time, and independent of the rows' order."""
NO_CLUSTER = -1

_USED = f"""
    CREATE TEMP TABLE used AS SELECT DISTINCT account, cluster, coalesce(status, 0) AS status, system, tools, parameters, output_tokens,
        "at", "at" // {HOUR} AS hour, "at" // {DAY} AS day
    FROM read_parquet($paths) JOIN looked USING (account)"""
_BY_ACCOUNT = """
    SELECT account, count(*) AS n, sum(output_tokens)::BIGINT AS tokens, max("at") AS last_at FROM used GROUP BY account ORDER BY account"""
_SHAPES = """
    SELECT account, max(n) AS most, sum(n)::BIGINT AS n FROM (
        SELECT account, system, tools, parameters, count(*) AS n FROM used
        WHERE system IS NOT NULL OR tools IS NOT NULL OR parameters IS NOT NULL GROUP BY ALL)
    GROUP BY account ORDER BY account"""
_TEMPLATES = """
    SELECT cluster, system, count(*) AS n FROM used WHERE system IS NOT NULL GROUP BY ALL
    ORDER BY cluster, n DESC, system"""
_HOURS = """
    SELECT account, ((hour % 24) + 24) % 24 AS hour, count(*) AS n FROM used GROUP BY ALL ORDER BY ALL"""
_TOGETHER = """
    SELECT cluster, hour, count(DISTINCT account) AS n FROM used WHERE cluster >= 0 GROUP BY ALL ORDER BY ALL"""
_DAYS = """
    SELECT account, count(*) FILTER (status <> 1) AS n, max(status = 1) AS limited FROM used
    GROUP BY account, day ORDER BY ALL"""


@dataclass(frozen=True)
class Usage:
    """Tables of sums; accounts are those that were looked at, ascending."""

    account: Ints
    cluster: Ints
    """NO_CLUSTER for the sample."""
    plan: tuple[str | None, ...]
    by_account: pa.Table
    """account, n, tokens (null: unknown), last_at."""
    shapes: pa.Table
    """account, most, n: exchanges of the commonest system prompt, tools and parameters together, and of any."""
    templates: pa.Table
    """cluster, system, n: the commonest first."""
    hours: pa.Table
    """account, hour of the day (UTC), n."""
    together: pa.Table
    """cluster, hour since 1970, n: members that were active in it."""
    days: pa.Table
    """account, n that were not refused for the rate, limited: a row for each day of use."""

    @cached_property
    def is_sample(self) -> np.ndarray:
        """By account whether it is in no cluster."""
        return self.cluster == NO_CLUSTER

    def per_account(self, table: pa.Table, name: str) -> Ints:
        """A column of sums by account, 0 where the table has no row or null."""
        out = np.zeros(self.account.size, np.int64)
        sums = column_ints(table, name)
        out[np.searchsorted(self.account, column_ints(table, "account"))] = np.where(sums == NO_TIME, 0, sums)
        return out


def usage_read(inputs: types.Inputs, members: pa.Table) -> Usage | None:
    """The sums for the members and a sample of the others; None without exchanges or members.

    Cost: one scan of the exchanges' columns, and grouping of the rows of the accounts looked at.
    """
    if not inputs.exchanges or not members.num_rows:
        return None
    looked = _looked(inputs, members)
    connection = duckdb.connect()
    try:
        connection.register("looked", looked.select(["account", "cluster"]))
        connection.execute(_USED, {"paths": list(inputs.exchanges)})
        queries = (_BY_ACCOUNT, _SHAPES, _TEMPLATES, _HOURS, _TOGETHER, _DAYS)
        tables = [connection.sql(query).to_arrow_table() for query in queries]
    finally:
        connection.close()
    return Usage(
        column_ints(looked, "account"), column_ints(looked, "cluster"), tuple(looked["plan"].to_pylist()), *tables
    )


def _looked(inputs: types.Inputs, members: pa.Table) -> pa.Table:
    """account, cluster, plan of the accounts that are looked at."""
    everybody = np.unique(column_ints(inputs.accounts, "account"))
    mine, cluster = column_ints(members, "account"), column_ints(members, "cluster")
    others = np.setdiff1d(everybody, mine)
    step = max(-(-others.size // SAMPLE), 1)
    account = np.concatenate([mine, others[::step]])
    cluster = np.concatenate([cluster, np.full(account.size - mine.size, NO_CLUSTER)])
    order = np.argsort(account)
    return pa.table({"account": account[order], "cluster": cluster[order], "plan": _plans(inputs, account[order])})


def _plans(inputs: types.Inputs, account: Ints) -> pa.Array:
    """The plan of each account, null where it is not known; of an account given twice the first by name."""
    if "plan" not in inputs.accounts.column_names:
        return pa.nulls(account.size, pa.string())
    rows = inputs.accounts.filter(pc.is_in(inputs.accounts["account"], pa.array(account)))
    pairs = zip(rows["account"].to_pylist(), rows["plan"].cast(pa.string()).to_pylist(), strict=True)
    plan = dict(sorted(((number, name or "") for number, name in pairs), reverse=True))
    return pa.array([plan[number] or None for number in account.tolist()], pa.string())
