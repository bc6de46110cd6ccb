"""What a load and a run leave, as digests that are equal when everything that counts is equal.

Of a dataset: every row by the platform's ids and keyed digests, never by numbers of ours, so that loads into different
datasets can be compared. What is sealed is left out (its nonces are random), and so are moments of our own clock.
Of a run: every row with our numbers, and the artefacts' bytes; runs of one dataset can be compared.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.public_ids import number_to_public_id
from tests.faults.console import Console

OF_DATASET = {
    "accounts": """SELECT platform_id, created_at, is_created_at_derived, status, status_changed_at, organization,
        country, plan, entry_path, extra = '{}', last_seen_at, n_sessions, n_exchanges, n_input_tokens, n_output_tokens
        FROM accounts_account WHERE dataset_id = %s""",
    "identifiers": """SELECT kind, encode(digest, 'hex'), key_id, normaliser_version, mask, sealed IS NULL
        FROM accounts_identifier WHERE dataset_id = %s""",
    "sightings": """SELECT a.platform_id, i.kind, encode(i.digest, 'hex'), s.first_at, s.last_at, s.n
        FROM accounts_sighting s JOIN accounts_account a ON a.id = s.account_id
        JOIN accounts_identifier i ON i.id = s.identifier_id WHERE a.dataset_id = %s""",
    "sessions": """SELECT s.natural_key, a.platform_id, s.started_at, s.ended_at, encode(ip.digest, 'hex'),
        encode(device.digest, 'hex'), encode(tls.digest, 'hex'), encode(agent.digest, 'hex'), s.asn, s.n_requests,
        s.n_input_tokens, s.n_output_tokens, s.extra IS NULL
        FROM accounts_session s JOIN accounts_account a ON a.id = s.account_id
        LEFT JOIN accounts_identifier ip ON ip.id = s.ip_id
        LEFT JOIN accounts_identifier device ON device.id = s.device_id
        LEFT JOIN accounts_identifier tls ON tls.id = s.tls_id
        LEFT JOIN accounts_identifier agent ON agent.id = s.user_agent_id WHERE s.dataset_id = %s""",
    "truth": """SELECT a.platform_id, t.operator, t.kind, t.is_abusive, t.since, t.until
        FROM accounts_truthlabel t JOIN accounts_account a ON a.id = t.account_id WHERE a.dataset_id = %s""",
    "waiting": """SELECT "table", encode(account_digest, 'hex'), n_rows
        FROM accounts_waitingrow WHERE dataset_id = %s""",
    "rejects": """SELECT f.name, r.line, r."column", r.code, r.reason FROM accounts_reject r
        JOIN accounts_batchfile f ON f.id = r.batch_file_id JOIN accounts_batch b ON b.id = f.batch_id
        WHERE b.dataset_id = %s AND f.state = 'landed'""",
}
OF_RUN = {
    "links": """SELECT a_id, b_id, bits, families, cluster_id, evidence FROM investigations_link WHERE run_id = %s""",
    "hubs": """SELECT kind, value, holders, independence, is_marked FROM investigations_hubvalue WHERE run_id = %s""",
    "clusters": """SELECT v.cluster_id, v.n_accounts, v.n_actionable, v.n_links, v.n_new, v.bits, v.families,
        v.cohesion, v.n_sessions, v.n_exchanges, v.n_output_tokens, v.first_seen_at, v.last_seen_at, v.worth,
        v.worth_parts, v.summary, v.family_rows, v.value_rows, c.current_id = v.id, c.ended_in_id
        FROM investigations_clusterversion v JOIN investigations_cluster c ON c.id = v.cluster_id
        WHERE v.run_id = %s""",
    "members": """SELECT v.cluster_id, m.account_id, m.position, m.is_actionable, m.bits, m.degree, m.families, m.since
        FROM investigations_member m JOIN investigations_clusterversion v ON v.id = m.version_id
        WHERE v.run_id = %s""",
    "lineage": """SELECT kind, cluster_id, other_id, n_before, n_after, n_shared
        FROM investigations_lineageevent WHERE run_id = %s""",
    "figures": """SELECT statistics, model_digest, input_digest, settings, has_rows, error IS NULL
        FROM investigations_run WHERE id = %s""",
}
ARTEFACTS = ("links", "evidence", "clusters", "cluster_families", "cluster_values", "members", "hubs")
PARTITION = """SELECT string_agg(a.platform_id, ',' ORDER BY a.platform_id) FROM investigations_member m
    JOIN investigations_clusterversion v ON v.id = m.version_id JOIN accounts_account a ON a.id = m.account_id
    WHERE v.run_id = %s GROUP BY v.id"""


def of_dataset(console: Console, name: str) -> dict[str, str]:
    """The digest of each table of a dataset, and of its exchanges."""
    number = console.value("SELECT id FROM core_dataset WHERE name = %s", (name,))
    found = {table: _of_rows(console, statement, number) for table, statement in OF_DATASET.items()}
    return found | {"exchanges": _of_exchanges(console, number)}


def leftovers(console: Console, name: str) -> list[str]:
    """Files of a dataset that no row knows: there are none after a load that ended well."""
    number, public = console.rows("SELECT id, public_id FROM core_dataset WHERE name = %s", (name,))[0]
    root = console.home / "events"
    listed = {
        path for (path,) in console.rows("SELECT path FROM accounts_eventdirectory WHERE dataset_id = %s", (number,))
    }
    there = {str(path.relative_to(root)) for path in (root / f"dataset-{number}").glob("*")}
    return sorted(there ^ listed) + [
        str(path) for path in (console.home / "tmp" / "ingest").glob(f"{number_to_public_id(public, 'dst')}-*")
    ]


def of_run(console: Console, number: int) -> dict[str, str]:
    """The digest of each table of a run, by the run's number in the database, and of its files."""
    found = {table: _of_rows(console, statement, number) for table, statement in OF_RUN.items()}
    for name in ARTEFACTS:
        [path] = _folder_of(console, number).glob(f"{name}.parquet")
        found[f"{name}.parquet"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def partition_of(console: Console, number: int) -> list[str]:
    """The clusters of a run as their accounts' platform ids."""
    return sorted(row[0] for row in console.rows(PARTITION, (number,)))


def different(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """The names under which two digests differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _of_rows(console: Console, statement: str, number: int) -> str:
    rows = console.rows(f"SELECT row(found.*)::text FROM ({statement}) AS found", (number,))
    return f"{len(rows)}:{hashlib.sha256(chr(10).join(sorted(row[0] for row in rows)).encode()).hexdigest()}"


def _of_exchanges(console: Console, number: int) -> str:
    paths = console.rows(
        "SELECT path FROM accounts_eventdirectory WHERE dataset_id = %s AND replaced_at IS NULL", (number,)
    )
    files = [file for (path,) in paths for file in sorted((console.home / "events" / path).glob("*.parquet"))]
    if not files:
        return "0:"
    table = pa.concat_tables([pq.read_table(file) for file in files])
    known = console.rows("SELECT id, platform_id FROM accounts_account WHERE dataset_id = %s", (number,))
    numbers = pa.array([row[0] for row in known], pa.int64())
    names = pa.array([row[1] for row in known], pa.string()).take(
        pc.index_in(table["account"].combine_chunks(), numbers)
    )
    table = table.set_column(0, "account", names)
    table = table.sort_by([(name, "ascending") for name in table.schema.names])
    total = hashlib.sha256()
    for column in table.columns:
        total.update(repr(column.to_pylist()).encode())
    return f"{table.num_rows}:{total.hexdigest()}"


def _folder_of(console: Console, number: int) -> Path:
    statement = "SELECT dataset_id, public_id FROM investigations_run WHERE id = %s"
    dataset, public = console.rows(statement, (number,))[0]
    return console.home / "runs" / str(dataset) / number_to_public_id(public, "run")
