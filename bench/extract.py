"""An extract of `simulate` (Parquet) as inputs of the engine: numbers by dictionary, fingerprints by hash.

What ingestion does with a database, done in columns: good for measuring the engine by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from accounts import normalise
from accounts.kinds import families_of
from investigations.linkage import Inputs, types

_SIGHTINGS = """
    WITH named AS (
        SELECT account_id, 'email' AS kind, email AS value, NULL::TIMESTAMP AS f, NULL::TIMESTAMP AS l FROM accounts
        UNION ALL SELECT account_id, 'phone', phone, NULL, NULL FROM accounts
        UNION ALL SELECT account_id, 'payment_fingerprint', payment_fingerprint, NULL, NULL FROM accounts
        UNION ALL SELECT account_id, 'organization', organization_id, NULL, NULL FROM accounts
        UNION ALL SELECT account_id, 'referrer', referrer, NULL, NULL FROM accounts
        UNION ALL SELECT account_id, 'ip', signup_ip, created_at, created_at FROM accounts
        UNION ALL SELECT account_id, 'user_agent', signup_user_agent, created_at, created_at FROM accounts
        UNION ALL SELECT account_id, 'ip', ip, started_at, ended_at FROM sessions
        UNION ALL SELECT account_id, 'asn', asn::VARCHAR, started_at, ended_at FROM sessions
        UNION ALL SELECT account_id, 'device_id', device_id, started_at, ended_at FROM sessions
        UNION ALL SELECT account_id, 'tls_fingerprint', tls_fingerprint, started_at, ended_at FROM sessions
        UNION ALL SELECT account_id, 'user_agent', user_agent, started_at, ended_at FROM sessions
        UNION ALL SELECT account_id, kind, value, first_seen, last_seen FROM identifiers),
    seen AS (
        SELECT account, kind, CASE kind WHEN 'email' THEN coalesce(m.normal, value) ELSE value END AS value,
            min(epoch_us(f)) AS first_at, max(epoch_us(l)) AS last_at, count(*) AS count
        FROM named JOIN numbers USING (account_id) LEFT JOIN mail AS m ON kind = 'email' AND value = m.plain
        WHERE value IS NOT NULL GROUP BY ALL)
    SELECT account, kind, dense_rank() OVER (ORDER BY kind, value)::BIGINT AS value, first_at, last_at, count FROM seen
    ORDER BY account, kind, value"""

_EXCHANGES = """
    SELECT account, epoch_us(occurred_at) AS "at",
        CASE status WHEN 'rate_limited' THEN 1 WHEN 'refused' THEN 2 WHEN 'error' THEN 3 ELSE 0 END::TINYINT AS status,
        0::TINYINT AS surface, model,
        hash(exchange_id)::BIGINT AS exchange, hash(session_id)::BIGINT AS session, {hashed}, {content},
        input_tokens::INTEGER AS input_tokens, output_tokens::INTEGER AS output_tokens
    FROM '{folder}/exchanges.parquet' JOIN numbers USING (account_id)"""
_CONTENT = """CASE WHEN content_fingerprint IS NOT NULL THEN unhex(content_fingerprint)::BIT::BIGINT END AS content"""
"""The 64 bits of a similarity hash as they are, as ingestion keeps them."""
_COLUMNS = {
    "api_key": "api_key_id",
    "system": "system_fingerprint",
    "tools": "tools_fingerprint",
    "parameters": "parameters_fingerprint",
    "output": "output_fingerprint",
    "prefix": "prefix_fingerprint",
    "end_user": "end_user_id",
}


@dataclass(frozen=True)
class Extract:
    """A world's inputs and labels."""

    inputs: Inputs
    truth: pa.Table
    n_exchanges: int


def extract_read(folder: Path, scratch: Path) -> Extract:
    """The extract in `folder`; the event store's file goes to `scratch`."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in ("accounts", "sessions", "identifiers"):
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM '{folder}/{table}.parquet'")
    connection.execute(
        "CREATE TABLE numbers AS SELECT account_id, row_number() OVER (ORDER BY account_id) AS account FROM accounts"
    )
    _register_mail(connection)
    sightings = connection.sql(_SIGHTINGS).to_arrow_table().cast(types.SIGHTINGS)
    accounts = connection.sql(
        """SELECT account, epoch_us(created_at) AS created_at, status, epoch_us(status_changed_at) AS status_changed_at, plan
        FROM accounts JOIN numbers USING (account_id) ORDER BY account"""
    ).to_arrow_table()
    truth = connection.sql(
        f"""SELECT account, operator_id AS operator, kind, abusive, epoch_us(since::TIMESTAMPTZ) AS since,
        epoch_us("until"::TIMESTAMPTZ) AS "until", x_evasion AS evasion
        FROM read_csv('{folder}/truth.csv') JOIN numbers USING (account_id) ORDER BY account"""
    ).to_arrow_table()
    path = scratch / "exchanges.parquet"
    n = _write_exchanges(connection, folder, path)
    kinds = [str(kind) for kind in sightings["kind"].unique().to_pylist()]
    inputs = Inputs(accounts, sightings, types.DECLARED.empty_table(), (str(path),), families_of(kinds))
    return Extract(inputs, truth, n)


def inputs_save(extract: Extract, folder: Path) -> None:
    """Keeps the inputs as files, for another process to load."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(extract.inputs.accounts, folder / "accounts.parquet")
    pq.write_table(extract.inputs.sightings, folder / "sightings.parquet")
    kept = {"exchanges": list(extract.inputs.exchanges), "families": extract.inputs.families}
    (folder / "inputs.json").write_text(json.dumps(kept), encoding="utf-8")


def inputs_load(folder: Path) -> Inputs:
    """The inputs that inputs_save kept."""
    kept = json.loads((folder / "inputs.json").read_text(encoding="utf-8"))
    accounts, sightings = (pq.read_table(folder / f"{name}.parquet") for name in ("accounts", "sightings"))
    return Inputs(accounts, sightings, types.DECLARED.empty_table(), tuple(kept["exchanges"]), kept["families"])


def _register_mail(connection: duckdb.DuckDBPyConnection) -> None:
    """Each mail address with its normal form."""
    rows = connection.execute(
        "SELECT email FROM accounts UNION SELECT value FROM identifiers WHERE kind = 'email'"
    ).fetchall()
    plain = [text for (text,) in rows if text]
    normal = [normalise.email(text) for text in plain]
    connection.register(
        "mail", pa.table({"plain": pa.array(plain, pa.string()), "normal": pa.array(normal, pa.string())})
    )


def _write_exchanges(connection: duckdb.DuckDBPyConnection, folder: Path, path: Path) -> int:
    hashed = ", ".join(
        f"CASE WHEN {source} IS NOT NULL THEN (hash({source}) >> 1)::BIGINT END AS {name}"
        for name, source in _COLUMNS.items()
    )
    query = _EXCHANGES.format(hashed=hashed, content=_CONTENT, folder=folder).replace(
        "hash(exchange_id)::", "(hash(exchange_id) >> 1)::"
    )
    query = query.replace("hash(session_id)::", "(hash(session_id) >> 1)::")
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    (n,) = connection.execute(f"SELECT count(*) FROM '{path}'").fetchone() or (0,)
    return int(n)
