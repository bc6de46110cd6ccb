"""From the scratch database into PostgreSQL: one transaction per file, table by table, in bulk.

Times leave the scratch database as microseconds since 2000 and JSON behind a byte 1: as binary COPY takes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from django.utils import timezone

from accounts.ingest.copying import copy_in, copy_out_bytes, temp_table
from accounts.ingest.kernels.pgcopy import EPOCH, read_int64
from accounts.ingest.staging import Staging
from accounts.ingest.values import Values
from accounts.models import BatchFile
from core.models import Dataset

_FACTS = ("organization", "country", "plan", "entry_path")
_VALUES = ("ip", "device_id", "tls_fingerprint", "user_agent")


@dataclass
class Landed:
    """Rows per table that were taken, and those that were there already."""

    accepted: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, *, accepted: int = 0, duplicates: int = 0) -> None:
        """Adds to a table's counts."""
        self.accepted[table] = self.accepted.get(table, 0) + accepted
        self.duplicates[table] = self.duplicates.get(table, 0) + duplicates


class Landing:
    """Lands one file's staged rows; call its methods inside the file's transaction, in the order of `all`."""

    def __init__(self, cursor: Any, staging: Staging, dataset: Dataset, file: BatchFile) -> None:
        self._cursor = cursor
        self._staging = staging
        self._db = staging.db
        self._dataset = dataset
        self._file = file
        self._values = Values(cursor, staging, dataset)
        self.landed = Landed()

    def all(self, event_files: list[str]) -> Landed:
        """Lands everything but the event directory's manifest row."""
        self._cursor.execute("SET LOCAL TIME ZONE 'UTC'; SET LOCAL jit = off")
        self._db.execute("CREATE TEMP TABLE fresh AS SELECT DISTINCT account FROM accounts WHERE is_new")
        self._known_sessions()
        self._activity(event_files)
        self._accounts()
        self._values.find()
        for table in ("accounts", "sessions"):
            self._values.sightings_land(table)
        self._identifiers()
        self._sessions()
        self._truth()
        self._counters()
        return self.landed

    def _known_sessions(self) -> None:
        """Sessions that earlier files brought, as scratch table `known_sessions` of places in `sessions`."""
        self._db.execute("CREATE TEMP TABLE known_sessions (place BIGINT)")
        query = "SELECT EXISTS (SELECT 1 FROM accounts_account WHERE dataset_id = %s AND n_sessions > 0)"
        self._cursor.execute(query, [self._dataset.pk])
        if not self._staging.count("sessions") or not self._cursor.fetchone()[0]:
            return
        rows = self._staging.batches(
            """SELECT s.rowid, s.account, s.natural_key FROM sessions s ANTI JOIN fresh USING (account)
            ORDER BY s.account, s.started_at"""
        )
        temp_table(self._cursor, "asked", "place bigint, account_id bigint, natural_key uuid")
        copy_in(self._cursor, "asked", ["place", "account_id", "natural_key"], rows)
        self._cursor.execute("ANALYZE asked")
        query = "SELECT a.place FROM asked a JOIN accounts_session s USING (account_id, natural_key)"
        places = read_int64(copy_out_bytes(self._cursor, query, "binary"), 1)[0][0]
        self._db.register("known", pa.table({"place": places}))
        self._db.execute("INSERT INTO known_sessions SELECT place FROM known")
        self._db.unregister("known")

    def _activity(self, event_files: list[str]) -> None:
        """First and last activity and counts per account, out of everything that the file brings."""
        columns = "account BIGINT, first BIGINT, last BIGINT, n BIGINT, input BIGINT, output BIGINT"
        self._db.execute(f"CREATE TEMP TABLE event_activity ({columns})")
        if event_files:
            self._db.execute(
                """INSERT INTO event_activity SELECT account, min("at"), max("at"), count(*),
                coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0)
                FROM read_parquet($paths) GROUP BY account""",
                {"paths": event_files},
            )
        self._db.execute(
            """CREATE TEMP TABLE activity AS
            SELECT account, min(first) AS first, max(last) AS last, CAST(sum(n_sessions) AS INTEGER) AS n_sessions,
                CAST(sum(n) AS BIGINT) AS n_exchanges, CAST(sum(input) AS BIGINT) AS input,
                CAST(sum(output) AS BIGINT) AS output
            FROM (
                SELECT account, first, last, 0 AS n_sessions, n, input, output FROM event_activity
                UNION ALL SELECT account, started_at, coalesce(ended_at, started_at),
                    CAST(rowid NOT IN (SELECT place FROM known_sessions) AS INTEGER), 0, 0, 0 FROM sessions
                UNION ALL SELECT account, coalesce(first_seen, last_seen), coalesce(last_seen, first_seen), 0, 0, 0, 0
                    FROM identifiers
            ) GROUP BY account"""
        )

    def _accounts(self) -> None:
        now = int(timezone.now().timestamp() * 1_000_000)
        new = self._staging.batches(
            f"""SELECT s.account, {self._constants()}, account_id,
                coalesce(created_at, a.first, {now}) - {EPOCH}, coalesce(is_derived, false),
                coalesce(status, 'active'), status_changed_at - {EPOCH}, {_texts(_FACTS)},
                chr(1) || coalesce(extra, '{{}}'), a.last - {EPOCH}, coalesce(a.n_sessions, 0),
                coalesce(a.n_exchanges, 0), coalesce(a.input, 0), coalesce(a.output, 0)
            FROM accounts s LEFT JOIN activity a ON a.account = s.account WHERE is_new ORDER BY s.account"""
        )
        columns = ["id", "dataset_id", "batch_id", "platform_id", "created_at", "is_created_at_derived", "status"]
        columns += ["status_changed_at", *_FACTS, "extra", "last_seen_at", "n_sessions", "n_exchanges"]
        columns += ["n_input_tokens", "n_output_tokens", "public_id"]
        copy_in(self._cursor, "accounts_account", columns, new, ids=True)
        n_new = self._one("SELECT count(*) FROM accounts WHERE is_new AND NOT coalesce(is_derived, false)")
        self.landed.add("accounts", accepted=n_new)
        if self._one("SELECT count(*) FROM accounts WHERE NOT is_new"):
            self._changed_accounts()

    def _changed_accounts(self) -> None:
        """Upserts accounts that were there: the later status_changed_at wins, then arrival; the other is history."""
        rows = self._staging.batches(
            f"""SELECT account, created_at - {EPOCH}, status, status_changed_at - {EPOCH},
            {", ".join(_FACTS)}, chr(1) || extra FROM accounts WHERE NOT is_new"""
        )
        temp_table(
            self._cursor,
            "came",
            """id bigint PRIMARY KEY, created_at timestamptz, status text,
            status_changed_at timestamptz, organization text, country text, plan text, entry_path text, extra jsonb""",
        )
        columns = ["id", "created_at", "status", "status_changed_at", *_FACTS, "extra"]
        n = copy_in(self._cursor, "came", columns, rows)
        self._cursor.execute("DROP TABLE IF EXISTS pg_temp.changed")
        self._cursor.execute(_CHANGED)
        self._cursor.execute(_HISTORY, [self._file.batch_id])
        self._cursor.execute(_UPSERT, [self._file.batch_id])
        self._cursor.execute("SELECT count(*) FROM changed")
        n_changed = self._cursor.fetchone()[0]
        self.landed.add("accounts", accepted=n_changed, duplicates=n - n_changed)

    def _identifiers(self) -> None:
        n = self._staging.count("identifiers")
        if n:
            merged = min(n, self._values.sightings_land("identifiers"))
            self.landed.add("identifiers", accepted=n - merged, duplicates=merged)

    def _sessions(self) -> None:
        total = self._staging.count("sessions")
        if not total:
            return
        columns = ["account_id", "started_at", "natural_key", "dataset_id", "batch_id", "ended_at", "asn", "n_requests"]
        columns += ["n_input_tokens", "n_output_tokens", "extra", "ip_id", "device_id", "tls_id", "user_agent_id"]
        query = f"""SELECT account, started_at - {EPOCH}, natural_key, {self._constants()}, ended_at - {EPOCH},
            asn_number, CAST(request_count AS INTEGER), input_tokens, output_tokens, chr(1) || extra,
            {", ".join(_VALUES)} FROM sessions"""
        known = "(SELECT place FROM known_sessions)"
        has_known = self._staging.count("known_sessions") > 0
        new = f"{query} WHERE rowid NOT IN {known}" if has_known else query
        n_new = copy_in(self._cursor, "accounts_session", columns, self._session_rows(f"{new} ORDER BY 1, 2, 3"))
        n_changed = 0
        if has_known:
            temp_table(self._cursor, "again", "LIKE accounts_session")
            copy_in(self._cursor, "again", columns, self._session_rows(f"{query} WHERE rowid IN {known}"))
            self._cursor.execute("ANALYZE again")
            compared = [name for name in columns if name not in ("account_id", "natural_key", "dataset_id", "batch_id")]
            self._cursor.execute(
                f"""UPDATE accounts_session s SET {", ".join(f"{c} = again.{c}" for c in compared)},
                batch_id = again.batch_id FROM again
                WHERE s.account_id = again.account_id AND s.natural_key = again.natural_key
                AND ({_row("s", compared)}) IS DISTINCT FROM ({_row("again", compared)})"""
            )
            n_changed = self._cursor.rowcount
        self.landed.add("sessions", accepted=n_new + n_changed, duplicates=total - n_new - n_changed)

    def _session_rows(self, query: str) -> Iterator[pa.RecordBatch]:
        """The query's rows with our numbers of the identifiers in place of the file's."""
        for batch in self._staging.batches(query):
            arrays = batch.columns
            placed = [self._values.place(array) for array in arrays[-len(_VALUES) :]]
            yield pa.RecordBatch.from_arrays(arrays[: -len(_VALUES)] + placed, names=list(map(str, range(len(arrays)))))

    def _truth(self) -> None:
        total = self._staging.count("truth")
        if not total:
            return
        rows = self._staging.batches(
            f"""SELECT account, coalesce(operator_id, ''), coalesce(kind, ''), abusive,
            since - {EPOCH}, until - {EPOCH} FROM truth ORDER BY account"""
        )
        temp_table(
            self._cursor,
            "told",
            """account_id bigint, operator text, kind text, is_abusive boolean,
            since timestamptz, until timestamptz""",
        )
        columns = ["account_id", "operator", "kind", "is_abusive", "since", "until"]
        copy_in(self._cursor, "told", columns, rows)
        self._cursor.execute(
            f"""INSERT INTO accounts_truthlabel AS old ({", ".join(columns)}) SELECT {", ".join(columns)} FROM told
            ON CONFLICT (account_id, operator, since) DO UPDATE
            SET kind = excluded.kind, is_abusive = excluded.is_abusive, until = excluded.until
            WHERE (old.kind, old.is_abusive, old.until)
            IS DISTINCT FROM (excluded.kind, excluded.is_abusive, excluded.until)"""
        )
        self.landed.add("truth", accepted=self._cursor.rowcount, duplicates=total - self._cursor.rowcount)

    def _counters(self) -> None:
        """Carries the file's activity over to accounts that were there: last seen, counts, the start of derived ones."""
        rows = self._staging.batches(
            f"""SELECT account, first - {EPOCH}, last - {EPOCH}, n_sessions, n_exchanges, input, output
            FROM activity ANTI JOIN fresh USING (account) ORDER BY 1"""
        )
        temp_table(
            self._cursor,
            "active",
            """id bigint, first_at timestamptz, last_at timestamptz, n_sessions integer,
            n_exchanges bigint, input bigint, output bigint""",
        )
        columns = ["id", "first_at", "last_at", "n_sessions", "n_exchanges", "input", "output"]
        if copy_in(self._cursor, "active", columns, rows):
            self._cursor.execute("ANALYZE active")
            self._cursor.execute(_COUNT)

    def _constants(self) -> str:
        return f"CAST({self._dataset.pk} AS BIGINT), CAST({self._file.batch_id} AS BIGINT)"

    def _one(self, query: str) -> int:
        return int(self._staging.rows(query)[0][0])


def _texts(names: tuple[str, ...]) -> str:
    return ", ".join(f"coalesce({name}, '')" for name in names)


def _row(alias: str, names: list[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


_CHANGED = """CREATE TEMP TABLE changed ON COMMIT DROP AS
    SELECT came.*, (came.status_changed_at IS NULL OR a.status_changed_at IS NULL
        OR came.status_changed_at >= a.status_changed_at) AS wins
    FROM came JOIN accounts_account a ON a.id = came.id
    WHERE (coalesce(came.created_at, a.created_at), coalesce(came.status, a.status),
        coalesce(came.status_changed_at, a.status_changed_at), coalesce(came.organization, a.organization),
        coalesce(came.country, a.country), coalesce(came.plan, a.plan), coalesce(came.entry_path, a.entry_path),
        coalesce(came.extra, a.extra)) IS DISTINCT FROM
        (a.created_at, a.status, a.status_changed_at, a.organization, a.country, a.plan, a.entry_path, a.extra)
        OR (a.is_created_at_derived AND came.created_at IS NOT NULL)"""

_HISTORY = """INSERT INTO accounts_accountversion (account_id, batch_id, recorded_at, status, status_changed_at, facts)
    SELECT a.id, CASE WHEN c.wins THEN a.batch_id ELSE %s END, now(),
        CASE WHEN c.wins THEN a.status ELSE coalesce(c.status, a.status) END,
        CASE WHEN c.wins THEN a.status_changed_at ELSE c.status_changed_at END,
        CASE WHEN c.wins THEN jsonb_build_object('organization', a.organization, 'country', a.country,
            'plan', a.plan, 'entry_path', a.entry_path, 'extra', a.extra)
        ELSE jsonb_strip_nulls(jsonb_build_object('organization', c.organization, 'country', c.country,
            'plan', c.plan, 'entry_path', c.entry_path, 'extra', c.extra)) END
    FROM changed c JOIN accounts_account a ON a.id = c.id"""

_UPSERT = """UPDATE accounts_account a SET batch_id = %s, created_at = coalesce(c.created_at, a.created_at),
    is_created_at_derived = a.is_created_at_derived AND c.created_at IS NULL, status = coalesce(c.status, a.status),
    status_changed_at = coalesce(c.status_changed_at, a.status_changed_at),
    organization = coalesce(c.organization, a.organization), country = coalesce(c.country, a.country),
    plan = coalesce(c.plan, a.plan), entry_path = coalesce(c.entry_path, a.entry_path),
    extra = coalesce(c.extra, a.extra) FROM changed c WHERE c.id = a.id AND c.wins"""

_COUNT = """UPDATE accounts_account a SET last_seen_at = greatest(a.last_seen_at, t.last_at),
    created_at = CASE WHEN a.is_created_at_derived THEN least(a.created_at, t.first_at) ELSE a.created_at END,
    n_sessions = a.n_sessions + t.n_sessions, n_exchanges = a.n_exchanges + t.n_exchanges,
    n_input_tokens = a.n_input_tokens + t.input, n_output_tokens = a.n_output_tokens + t.output
    FROM active t WHERE a.id = t.id"""
