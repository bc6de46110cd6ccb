"""From the scratch database into PostgreSQL: one transaction per file, table by table, in bulk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from django.utils import timezone

from accounts import normalise
from accounts.ingest.copying import copy_in, copy_out, ids_reserve
from accounts.ingest.staging import Staging, kind_columns
from accounts.ingest.tables import ACCOUNTS, SESSIONS
from accounts.models import BatchFile
from core.keys import keyring
from core.models import Dataset

_BYTES = r"'\x' || replace(CAST(digest AS VARCHAR), '-', '')"
"""A digest of the scratch database as PostgreSQL reads bytes."""
_FACTS = ("organization", "country", "plan", "entry_path")
_TIMES = ("created_at", "status_changed_at", "started_at", "ended_at", "since", "until")


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
        self.landed = Landed()
        self._first_new_identifier: int | None = None

    def all(self, event_files: list[str]) -> Landed:
        """Lands everything but the event directory's manifest row."""
        self._cursor.execute("SET LOCAL TIME ZONE 'UTC'; SET LOCAL jit = off")
        self._activity(event_files)
        self._uses()
        self._accounts()
        self._identifiers()
        self._known_sessions()
        self._account_sightings()
        self._session_sightings()
        self._identifier_sightings()
        self._sessions()
        self._truth()
        self._counters()
        return self.landed

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
            SELECT account, min(first) AS first, max(last) AS last, CAST(sum(n) AS BIGINT) AS n_exchanges,
                CAST(sum(input) AS BIGINT) AS input, CAST(sum(output) AS BIGINT) AS output
            FROM (
                SELECT account, first, last, n, input, output FROM event_activity
                UNION ALL SELECT account, started_at, coalesce(ended_at, started_at), 0, 0, 0 FROM sessions
                UNION ALL SELECT account, coalesce(first_seen, last_seen), coalesce(last_seen, first_seen), 0, 0, 0
                    FROM identifiers
            ) GROUP BY account"""
        )

    def _accounts(self) -> None:
        now = int(timezone.now().timestamp() * 1_000_000)
        new = self._staging.batches(
            f"""SELECT s.account, {self._dataset.pk}, {self._file.batch_id}, account_id,
                make_timestamp(coalesce(created_at, a.first, {now})), coalesce(is_derived, false),
                coalesce(status, 'active'), make_timestamp(status_changed_at), {_texts(_FACTS)},
                coalesce(extra, '{{}}'),
                make_timestamp(a.last), 0, coalesce(a.n_exchanges, 0), coalesce(a.input, 0), coalesce(a.output, 0)
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
        self._db.execute("CREATE TEMP TABLE fresh AS SELECT DISTINCT account FROM accounts WHERE is_new")

    def _changed_accounts(self) -> None:
        """Upserts accounts that were there: the later status_changed_at wins, then arrival; the other is history."""
        rows = self._staging.batches(
            f"""SELECT account, make_timestamp(created_at), status, make_timestamp(status_changed_at),
            {", ".join(_FACTS)}, extra FROM accounts WHERE NOT is_new"""
        )
        self._temp(
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
        """Adds the identifiers that are new and learns the numbers of all of them, as scratch table `numbers`."""
        self._db.execute("CREATE TEMP TABLE numbers (digest UUID, id BIGINT)")
        if not self._staging.count("idents"):
            return
        # Aggregates over numbers only: those over text or bytes hold memory that DuckDB cannot spill.
        self._db.execute(
            """CREATE TEMP TABLE met AS SELECT digest, place, holder
            FROM (SELECT digest, min(rowid) AS place FROM idents GROUP BY digest)
            JOIN (SELECT digest, min(account) AS holder FROM uses GROUP BY digest) USING (digest)"""
        )
        self._known_identifiers()
        n_new = self._one("SELECT count(*) FROM met ANTI JOIN numbers USING (digest)")
        if n_new:
            self._new_identifiers(n_new)

    def _known_identifiers(self) -> None:
        """Looks the met digests up among those of the dataset."""
        query = "SELECT EXISTS (SELECT 1 FROM accounts_identifier WHERE dataset_id = %s)"
        self._cursor.execute(query, [self._dataset.pk])
        if not self._cursor.fetchone()[0]:
            return
        self._temp("asked_values", "kind text, digest bytea")
        rows = self._staging.batches(
            f"SELECT kind, {_BYTES} FROM (SELECT i.kind, i.digest FROM met JOIN idents i ON i.rowid = met.place)"
        )
        copy_in(self._cursor, "asked_values", ["kind", "digest"], rows)
        self._cursor.execute("ANALYZE asked_values")
        found = copy_out(
            self._cursor,
            f"""SELECT encode(i.digest, 'hex'), i.id FROM asked_values a JOIN accounts_identifier i
            ON i.dataset_id = {self._dataset.pk} AND i.kind = a.kind AND i.digest = a.digest""",
            {"digest": pa.string(), "id": pa.int64()},
        )
        self._db.register("found", found)
        self._db.execute("INSERT INTO numbers SELECT CAST(digest AS UUID), id FROM found")
        self._db.unregister("found")

    def _new_identifiers(self, n_new: int) -> None:
        """Adds identifiers, numbered in the order of their first holders, so that sightings lie close together."""
        ids = ids_reserve(self._cursor, "accounts_identifier", n_new)
        self._first_new_identifier = int(ids[0])
        self._db.register("fresh_ids", pa.table({"id": ids, "rank": np.arange(1, n_new + 1)}))
        self._db.execute(
            """CREATE TEMP TABLE fresh_numbers AS SELECT digest, id, place FROM (
                SELECT digest, place, row_number() OVER () AS rank
                FROM (SELECT digest, place FROM met ANTI JOIN numbers USING (digest) ORDER BY holder, digest)
            ) JOIN fresh_ids USING (rank)"""
        )
        self._db.unregister("fresh_ids")
        self._db.execute("INSERT INTO numbers SELECT digest, id FROM fresh_numbers")
        rows = self._staging.batches(
            rf"""SELECT id, {self._dataset.pk}, {keyring().active.id}, {normalise.VERSION}, kind, {_BYTES},
            '\x' || hex(sealed), '\x' || hex(data_key), mask FROM (
                SELECT n.id, i.kind, n.digest, i.sealed, i.data_key, i.mask
                FROM idents i JOIN fresh_numbers n ON n.place = i.rowid ORDER BY n.id
            )"""
        )
        columns = ["id", "dataset_id", "key_id", "normaliser_version", "kind", "digest", "sealed", "data_key", "mask"]
        copy_in(self._cursor, "accounts_identifier", [*columns, "public_id"], rows, ids=True)

    def _uses(self) -> None:
        """Lists who used what when as scratch table `uses`, before numbers are known; values without a use stay out."""
        parts = []
        for table, first, last in ((ACCOUNTS, "created_at", "created_at"), (SESSIONS, "started_at", "ended_at")):
            digests = ", ".join(kind_columns(table))
            parts.append(
                f"""SELECT '{table.name}' AS origin, account, unnest([{digests}]) AS digest, {first} AS first,
                coalesce({last}, {first}) AS last, 1 AS n, {"natural_key" if table is SESSIONS else "NULL::UUID"} AS key
                FROM {table.name}"""
            )
        parts.append(
            """SELECT 'identifiers', account, value, coalesce(first_seen, last_seen), coalesce(last_seen, first_seen),
            coalesce(count, 1), NULL::UUID FROM identifiers"""
        )
        self._db.execute(
            f"CREATE TEMP VIEW uses AS SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE digest IS NOT NULL"
        )

    def _known_sessions(self) -> None:
        """Sessions that earlier files brought, as scratch table `known_sessions`."""
        self._db.execute("CREATE TEMP TABLE known_sessions (natural_key UUID)")
        self._cursor.execute("SELECT EXISTS (SELECT 1 FROM accounts_session WHERE dataset_id = %s)", [self._dataset.pk])
        if not self._staging.count("sessions") or not self._cursor.fetchone()[0]:
            return
        self._temp("asked", "natural_key uuid")
        rows = self._staging.batches("SELECT CAST(natural_key AS VARCHAR) FROM sessions ORDER BY natural_key")
        copy_in(self._cursor, "asked", ["natural_key"], rows)
        self._cursor.execute("ANALYZE asked")
        query = f"""SELECT natural_key FROM asked JOIN accounts_session s USING (natural_key)
            WHERE s.dataset_id = {self._dataset.pk}"""
        known = copy_out(self._cursor, query, {"natural_key": pa.string()})
        self._db.register("known", known)
        self._db.execute("INSERT INTO known_sessions SELECT CAST(natural_key AS UUID) FROM known")
        self._db.unregister("known")

    def _account_sightings(self) -> None:
        self._sightings("accounts", "count(*)", _MERGED)

    def _session_sightings(self) -> None:
        """Only sessions that are new add to the counts."""
        counted = "count(*) FILTER (key NOT IN (SELECT natural_key FROM known_sessions))"
        if not self._staging.count("known_sessions"):
            counted = "count(*)"
        self._sightings("sessions", counted, _ADDED)

    def _identifier_sightings(self) -> None:
        n = self._staging.count("identifiers")
        if n:
            taken = self._sightings("identifiers", "CAST(sum(n) AS BIGINT)", _MERGED)
            self._cursor.execute("SELECT count(*) FROM seen WHERE NOT is_news")
            merged = min(n, self._cursor.fetchone()[0]) if taken else 0
            self.landed.add("identifiers", accepted=n - merged, duplicates=merged)

    def _sightings(self, origin: str, counted: str, merge: str) -> int:
        """Adds one table's sightings, or widens those that are there; these it leaves in `seen` with `is_news`.

        Nobody can have been seen with an identifier that this file brings: those go straight in.
        """
        if not self._staging.count(origin) or not self._staging.count("numbers"):
            return 0
        self._db.execute(
            f"""CREATE OR REPLACE TEMP TABLE sighted AS SELECT u.account, numbers.id AS identifier,
                make_timestamp(u.first) AS first_at, make_timestamp(u.last) AS last_at, u.n
            FROM (SELECT account, digest, min(first) AS first, max(last) AS last, {counted} AS n
                FROM uses WHERE origin = '{origin}' GROUP BY account, digest) u JOIN numbers USING (digest)"""
        )
        columns = ["account_id", "identifier_id", "first_at", "last_at", "n"]
        first_new, self._first_new_identifier = self._first_new_identifier, None
        known = "true" if first_new is None else f"identifier < {first_new}"
        fields = "SELECT account, identifier, first_at, last_at, CAST(least(greatest(n, 1), 2147483647) AS INTEGER)"
        if first_new is not None:
            rows = self._staging.batches(f"{fields} FROM sighted WHERE NOT ({known}) ORDER BY account, identifier")
            copy_in(self._cursor, "accounts_sighting", columns, rows)
        rows = self._staging.batches(f"SELECT * FROM sighted WHERE {known} ORDER BY account, identifier")
        self._temp(
            "seen",
            """account_id bigint, identifier_id bigint, first_at timestamptz,
            last_at timestamptz, n bigint, is_news boolean DEFAULT true""",
        )
        n = copy_in(self._cursor, "seen", columns, rows)
        if not n:
            return self._staging.count("sighted")
        self._cursor.execute("ANALYZE seen")
        if origin == "identifiers":
            self._cursor.execute(_NEWS)
        self._cursor.execute(_WIDEN.format(n=merge))
        self._cursor.execute(_APPEAR)
        return self._staging.count("sighted")

    def _sessions(self) -> None:
        total = self._staging.count("sessions")
        if not total:
            return
        columns = ["natural_key", "dataset_id", "batch_id", "account_id", "started_at", "ended_at", "asn", "n_requests"]
        columns += ["n_input_tokens", "n_output_tokens", "extra", "ip_id", "device_id", "tls_id", "user_agent_id"]
        query = f"""SELECT CAST(s.natural_key AS VARCHAR), {self._dataset.pk}, {self._file.batch_id}, s.account,
            make_timestamp(s.started_at), make_timestamp(s.ended_at), s.asn_number, s.request_count,
            s.input_tokens, s.output_tokens, s.extra, i.id, d.id, t.id, u.id
            FROM sessions s LEFT JOIN numbers i ON i.digest = s.ip LEFT JOIN numbers d ON d.digest = s.device_id
            LEFT JOIN numbers t ON t.digest = s.tls_fingerprint LEFT JOIN numbers u ON u.digest = s.user_agent"""
        new = f"{query} WHERE s.natural_key NOT IN (SELECT natural_key FROM known_sessions)"
        has_known = self._staging.count("known_sessions") > 0
        rows = self._staging.batches(f"{new if has_known else query} ORDER BY s.account, s.started_at")
        n_new = copy_in(self._cursor, "accounts_session", columns, rows)
        n_changed = 0
        if has_known:
            self._temp("again", "LIKE accounts_session")
            self._cursor.execute("ALTER TABLE again ALTER COLUMN id DROP NOT NULL")
            rows = self._staging.batches(f"{query} WHERE s.natural_key IN (SELECT natural_key FROM known_sessions)")
            copy_in(self._cursor, "again", columns, rows)
            compared = [name for name in columns if name not in ("natural_key", "dataset_id", "batch_id")]
            self._cursor.execute(
                f"""UPDATE accounts_session s SET {", ".join(f"{c} = again.{c}" for c in compared)},
                batch_id = again.batch_id FROM again
                WHERE s.dataset_id = again.dataset_id AND s.natural_key = again.natural_key
                AND ({_row("s", compared)}) IS DISTINCT FROM ({_row("again", compared)})"""
            )
            n_changed = self._cursor.rowcount
        self.landed.add("sessions", accepted=n_new + n_changed, duplicates=total - n_new - n_changed)

    def _truth(self) -> None:
        total = self._staging.count("truth")
        if not total:
            return
        rows = self._staging.batches(
            """SELECT account, coalesce(operator_id, ''), coalesce(kind, ''), abusive,
            make_timestamp(since), make_timestamp(until) FROM truth ORDER BY account"""
        )
        self._temp(
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
        """Carries the file's activity over to the accounts: last seen, counts, the start of derived ones."""
        rows = self._staging.batches(
            """SELECT a.account, make_timestamp(a.first), make_timestamp(a.last),
            coalesce((SELECT count(*) FROM sessions s WHERE s.account = a.account
                AND s.natural_key NOT IN (SELECT natural_key FROM known_sessions)), 0),
            a.n_exchanges, a.input, a.output, a.account IN (SELECT account FROM fresh) FROM activity a ORDER BY 1"""
        )
        self._temp(
            "active",
            """id bigint, first_at timestamptz, last_at timestamptz, n_sessions bigint,
            n_exchanges bigint, input bigint, output bigint, is_fresh boolean""",
        )
        columns = ["id", "first_at", "last_at", "n_sessions", "n_exchanges", "input", "output", "is_fresh"]
        if copy_in(self._cursor, "active", columns, rows):
            self._cursor.execute("ANALYZE active")
            self._cursor.execute(_COUNT)

    def _temp(self, name: str, columns: str) -> None:
        """An empty temporary table that goes with the transaction (or with the next of its name)."""
        self._cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        self._cursor.execute(f"CREATE TEMP TABLE {name} ({columns}) ON COMMIT DROP")

    def _one(self, query: str) -> int:
        return int(self._staging.rows(query)[0][0])


def _texts(names: tuple[str, ...]) -> str:
    return ", ".join(f"coalesce({name}, '')" for name in names)


def _row(alias: str, names: list[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


_ADDED = "old.n + s.n"
_MERGED = """CASE WHEN s.first_at > old.last_at OR s.last_at < old.first_at THEN old.n + s.n
    ELSE greatest(old.n, s.n) END"""
"""Sightings told again are not counted again; another period adds to the count."""

# Two plain statements instead of ON CONFLICT: nobody else writes under the load lock, and a speculative insert
# costs twice as much as a plain one.
_WIDEN = """UPDATE accounts_sighting old SET first_at = least(old.first_at, s.first_at),
    last_at = greatest(old.last_at, s.last_at), n = least(2147483647, {n}) FROM seen s
    WHERE old.account_id = s.account_id AND old.identifier_id = s.identifier_id
    AND (least(old.first_at, s.first_at), greatest(old.last_at, s.last_at), least(2147483647, {n}))
    IS DISTINCT FROM (old.first_at, old.last_at, old.n)"""
_APPEAR = """INSERT INTO accounts_sighting (account_id, identifier_id, first_at, last_at, n)
    SELECT account_id, identifier_id, first_at, last_at, greatest(1, least(n, 2147483647)) FROM seen
    WHERE NOT EXISTS (SELECT 1 FROM accounts_sighting old
        WHERE old.account_id = seen.account_id AND old.identifier_id = seen.identifier_id)
    ORDER BY account_id, identifier_id"""

_NEWS = """UPDATE seen SET is_news = false FROM accounts_sighting old
    WHERE old.account_id = seen.account_id AND old.identifier_id = seen.identifier_id
    AND (seen.first_at IS NULL OR seen.first_at >= old.first_at)
    AND (seen.last_at IS NULL OR seen.last_at <= old.last_at) AND seen.n <= old.n"""

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
    n_sessions = a.n_sessions + t.n_sessions,
    n_exchanges = a.n_exchanges + CASE WHEN t.is_fresh THEN 0 ELSE t.n_exchanges END,
    n_input_tokens = a.n_input_tokens + CASE WHEN t.is_fresh THEN 0 ELSE t.input END,
    n_output_tokens = a.n_output_tokens + CASE WHEN t.is_fresh THEN 0 ELSE t.output END
    FROM active t WHERE a.id = t.id"""
