"""An extract for measuring ingest: a tenth as many accounts as sessions, three exchanges a session, in order of time.

Each table is written some rows at a time, so that its size costs no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

TABLES = ("accounts", "sessions", "exchanges")
EXCHANGES_PER_SESSION = 3
_START = 1_767_225_600
_MONTH = 86_400 * 30
_ROWS_AT_ONCE = 500_000

Columns = dict[str, pa.Array]


def write_extract(folder: Path, *, n_sessions: int, tables: tuple[str, ...] = TABLES, seed: int = 1) -> list[Path]:
    """Writes these tables as CSV; returns their paths in the order in which they load."""
    n_accounts = max(1, n_sessions // 10)
    n_rows = {"accounts": n_accounts, "sessions": n_sessions, "exchanges": EXCHANGES_PER_SESSION * n_sessions}
    makers = {
        "accounts": lambda rng, numbers, times: _accounts(rng, numbers, times, n_accounts),
        "sessions": lambda rng, numbers, times: _sessions(rng, numbers, times, n_accounts),
        "exchanges": lambda rng, numbers, times: _exchanges(rng, numbers, times, n_accounts, n_sessions),
    }
    paths = []
    for table in tables:
        span = (0, _MONTH) if table == "accounts" else (_MONTH, _MONTH * 5 // 2)
        paths.append(folder / f"{table}.csv")
        _write(paths[-1], n_rows[table], span, makers[table], np.random.default_rng([seed, TABLES.index(table)]))
    return paths


def _accounts(rng: np.random.Generator, numbers: np.ndarray, times: pa.Array, n_accounts: int) -> Columns:
    cards = rng.integers(0, max(1, n_accounts * 9 // 10), len(numbers))
    return {
        "account_id": _named("user-", numbers),
        "created_at": times,
        "status": pa.array(["active"] * len(numbers)),
        "email": pc.binary_join_element_wise(_named("someone.", numbers), pa.scalar("example.org"), "@"),
        "payment_fingerprint": _named("card-", cards),
    }


def _sessions(rng: np.random.Generator, numbers: np.ndarray, times: pa.Array, n_accounts: int) -> Columns:
    n = len(numbers)
    holders, homes = rng.integers(0, n_accounts, n), rng.integers(0, 3, n)
    place = holders * 3 + homes
    return {
        "session_id": _named("session-", numbers),
        "account_id": _named("user-", holders),
        "started_at": times,
        "ip": _addresses(place),
        "asn": pc.cast(pa.array(64_500 + place % 500), pa.string()),
        "device_id": _named("device-", holders * 2 + homes % 2),
        "tls_fingerprint": _named("t13d1516h2_", place % 200),
        "user_agent": _named("Mozilla/5.0 (X11; Linux x86_64) client/", place % 700),
        "request_count": pa.array(rng.integers(1, 60, n)),
        "input_tokens": pa.array(rng.integers(50, 9000, n)),
        "output_tokens": pa.array(rng.integers(50, 9000, n)),
    }


def _exchanges(
    rng: np.random.Generator, numbers: np.ndarray, times: pa.Array, n_accounts: int, n_sessions: int
) -> Columns:
    n = len(numbers)
    makers, hashes = rng.integers(0, n_accounts, n), rng.integers(0, 1 << 40, (3, n))
    return {
        "account_id": _named("user-", makers),
        "occurred_at": times,
        "exchange_id": _named("x", numbers),
        "session_id": _named("session-", rng.integers(0, n_sessions, n)),
        "surface": pa.array(["api"] * n),
        "model": _named("model-", makers % 4),
        "content_fingerprint": _named("c", hashes[0]),
        "system_fingerprint": _named("s", makers % 900),
        "output_fingerprint": _named("o", hashes[1]),
        "prefix_fingerprint": _named("o", hashes[2]),
        "input_tokens": pa.array(rng.integers(50, 9000, n)),
        "output_tokens": pa.array(rng.integers(50, 9000, n)),
    }


def _write(
    path: Path,
    n_rows: int,
    span: tuple[int, int],
    make: Callable[[np.random.Generator, np.ndarray, pa.Array], Columns],
    rng: np.random.Generator,
) -> None:
    """Writes rows at times that rise over the span of seconds."""
    first, last = span
    writer = None
    for at in range(0, n_rows, _ROWS_AT_ONCE):
        numbers = np.arange(at, min(n_rows, at + _ROWS_AT_ONCE))
        table = pa.table(make(rng, numbers, _times(first + numbers * (last - first) // n_rows)))
        writer = writer or pacsv.CSVWriter(path, table.schema, write_options=pacsv.WriteOptions(quoting_style="needed"))
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _named(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(prefix), pc.cast(pa.array(numbers), pa.string()), "")


def _times(seconds: np.ndarray) -> pa.Array:
    stamps = pa.array((seconds + _START) * 1_000_000).cast(pa.timestamp("us"))
    return pc.strftime(stamps.cast(pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")


def _addresses(places: np.ndarray) -> pa.Array:
    parts = [pc.cast(pa.array((places >> shift) & 255), pa.string()) for shift in (16, 8, 0)]
    return pc.binary_join_element_wise(pa.scalar("45"), *parts, ".")
