"""What a file says of identifiers, into PostgreSQL: those that are new, and who was seen with which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from accounts import normalise
from accounts.ingest.copying import copy_in, copy_out_bytes, ids_reserve, temp_table
from accounts.ingest.kernels.buffers import valid_mask
from accounts.ingest.kernels.pgcopy import EPOCH, read_int64
from accounts.ingest.staging import Staging, kind_columns
from accounts.ingest.tables import ACCOUNTS, SESSIONS
from core.keys import keyring
from core.models import Dataset
from core.public_ids import numbers_new

_ORIGINS = ("accounts", "sessions", "identifiers")
_MOST = 2_147_483_647
SORTED_AT_ONCE = 1 << 18
"""Values that are sorted together on their way into the table: at about 200 bytes each, a fifth of what staging has."""
ASKED_AT_ONCE = 1 << 20
"""Values that the database is asked for together."""


class Values:
    """The identifiers of one staged file; the file's own numbers for them become ours."""

    def __init__(self, cursor: Any, staging: Staging, dataset: Dataset) -> None:
        self._cursor = cursor
        self._staging = staging
        self._db = staging.db
        self._dataset = dataset
        self._ids = np.zeros(1, np.int64)
        self._first_new: int | None = None
        self._has_landed = False

    def find(self) -> None:
        """Adds identifiers that are new and learns our numbers of all that somebody used: 8 bytes of memory for each.

        Leaves the scratch tables `sighted` (origin, account, number, first, last, n) and `known_values` (number: those
        that the dataset had). Needs `known_sessions`: sessions that were there already don't count again.
        """
        self._sighted()
        highest = self._staging.rows("SELECT max(number) FROM idents")[0][0]
        self._ids = np.zeros(1 + (highest or 0), np.int64)
        self._known()
        self._number_new()
        if self._first_new is not None:
            self._add_new(self._first_new)

    def place(self, numbers: pa.Array) -> pa.Array:
        """Our numbers of identifiers for the file's."""
        return pa.array(self._ids[np.asarray(numbers.fill_null(0))], mask=~valid_mask(numbers))

    def sightings_land(self, origin: str) -> int:
        """Adds one table's sightings or widens those that are there; how many said nothing new (of `identifiers`).

        A pair with an account or an identifier that this file brings cannot be there: it goes straight in.
        """
        number = _ORIGINS.index(origin)
        if not self._staging.rows(f"SELECT 1 FROM sighted WHERE origin = {number} LIMIT 1"):
            return 0
        straight = "false" if self._has_landed else _STRAIGHT
        first_of_file, self._has_landed = not self._has_landed, True
        pairs = f"""SELECT account, number, first - {EPOCH}, last - {EPOCH}, %s FROM sighted
            WHERE origin = {number} AND %s ORDER BY account, number"""
        columns = ["account_id", "identifier_id", "first_at", "last_at", "n"]
        if first_of_file:
            rows = self._pairs(pairs % (f"CAST(least(greatest(n, 1), {_MOST}) AS INTEGER)", straight))
            copy_in(self._cursor, "accounts_sighting", columns, rows)
        temp_table(
            self._cursor,
            "seen",
            "account_id bigint, identifier_id bigint, first_at timestamptz, last_at timestamptz, n bigint",
        )
        if not copy_in(self._cursor, "seen", columns, self._pairs(pairs % ("n", f"NOT {straight}"))):
            return 0
        self._cursor.execute("ANALYZE seen")
        n_old = 0
        if origin == "identifiers":
            self._cursor.execute(_OLD_NEWS)
            n_old = self._cursor.fetchone()[0]
        self._cursor.execute(_MERGE.format(n=_ADDED if origin == "sessions" else _MERGED, most=_MOST))
        return n_old

    def _sighted(self) -> None:
        """Who used what when and how often, table by table."""
        parts = []
        for table, first, last in ((ACCOUNTS, "created_at", "created_at"), (SESSIONS, "started_at", "ended_at")):
            count = "CAST(rowid NOT IN (SELECT place FROM known_sessions) AS BIGINT)" if table is SESSIONS else "1"
            parts.append(
                f"""SELECT {_ORIGINS.index(table.name)} AS origin, account,
                unnest([{", ".join(kind_columns(table))}]) AS number, {first} AS first,
                coalesce({last}, {first}) AS last, {count} AS n FROM {table.name}"""
            )
        parts.append(
            """SELECT 2, account, value, coalesce(first_seen, last_seen), coalesce(last_seen, first_seen),
            coalesce(count, 1) FROM identifiers"""
        )
        self._db.execute(
            f"""CREATE TEMP TABLE sighted AS SELECT origin, account, number, min(first) AS first, max(last) AS last,
            CAST(sum(n) AS BIGINT) AS n FROM ({" UNION ALL ".join(parts)}) WHERE number IS NOT NULL
            GROUP BY origin, account, number"""
        )

    def _pairs(self, query: str) -> Iterator[pa.RecordBatch]:
        """The query's rows with our numbers of the identifiers in the place of the file's."""
        for batch in self._staging.batches(query):
            arrays = batch.columns
            arrays[1] = self.place(arrays[1])
            yield pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    def _known(self) -> None:
        """Learns our numbers of the values that the dataset has, some values at a time."""
        self._db.execute("CREATE TEMP TABLE known_values (number INTEGER)")
        query = "SELECT EXISTS (SELECT 1 FROM accounts_identifier WHERE dataset_id = %s)"
        self._cursor.execute(query, [self._dataset.pk])
        if not self._cursor.fetchone()[0]:
            return
        joined = f"""SELECT a.number::bigint, i.id FROM asked_values a JOIN accounts_identifier i
            ON i.dataset_id = {self._dataset.pk} AND i.kind = a.kind AND i.digest = a.digest"""
        for at in range(0, len(self._ids), ASKED_AT_ONCE):
            temp_table(self._cursor, "asked_values", "number integer, kind text, digest bytea")
            within = f"number >= {at} AND number < {at + ASKED_AT_ONCE}"
            rows = self._staging.batches(f"SELECT number, kind, digest FROM idents WHERE {within} ORDER BY 2, 3")
            copy_in(self._cursor, "asked_values", ["number", "kind", "digest"], rows)
            self._cursor.execute("ANALYZE asked_values")
            number, ours = read_int64(copy_out_bytes(self._cursor, joined, "binary"), 2)[0]
            self._ids[number] = ours
            self._db.register("found", pa.table({"number": number}))
            self._db.execute("INSERT INTO known_values SELECT number FROM found")
            self._db.unregister("found")

    def _number_new(self) -> None:
        """Gives new values our numbers in the order of their first holders, so that sightings lie close together."""
        new = """SELECT number FROM (SELECT number, min(account) AS holder FROM sighted ANTI JOIN known_values
            USING (number) GROUP BY number) ORDER BY holder, number"""
        for batch in self._staging.batches(new):
            ids = ids_reserve(self._cursor, "accounts_identifier", len(batch))
            if self._first_new is None:
                self._first_new = int(ids[0])
            self._ids[np.asarray(batch.column(0))] = ids

    def _add_new(self, first_new: int) -> None:
        """Adds the identifiers with our numbers from `first_new` on."""
        columns = ["id", "dataset_id", "key_id", "normaliser_version", "kind", "digest", "sealed", "data_key", "mask"]
        copy_in(self._cursor, "accounts_identifier", [*columns, "public_id"], self._new_rows(first_new))

    def _new_rows(self, first_new: int) -> Iterator[pa.RecordBatch]:
        """The new identifiers, some values at a time, each time in the order of the index that costs most.

        To sort all of a large file's at once, envelopes and all, would take more memory than the scratch database has.
        """
        for at in range(0, len(self._ids), SORTED_AT_ONCE):
            some = self._ids[at : at + SORTED_AT_ONCE]
            places = np.flatnonzero(some >= first_new)
            if not len(places):
                continue
            self._db.register("chosen", pa.table({"number": pa.array(places + at, pa.int32()), "id": some[places]}))
            for batch in self._staging.batches(
                f"""SELECT id, CAST({self._dataset.pk} AS BIGINT), CAST({keyring().active.id} AS INTEGER),
                CAST({normalise.VERSION} AS SMALLINT), kind, digest, sealed, data_key, mask
                FROM idents JOIN chosen USING (number)
                WHERE number >= {at} AND number < {at + SORTED_AT_ONCE} ORDER BY kind, digest"""
            ):
                # Rising with the keyed digest, which tells nobody anything, they lie close together in their index.
                yield batch.append_column("public_id", pa.array(np.sort(numbers_new(len(batch)))))
            self._db.unregister("chosen")


_STRAIGHT = "(account IN (SELECT account FROM fresh) OR number NOT IN (SELECT number FROM known_values))"
"""A pair with an account or an identifier that this file brings cannot be there."""
_ADDED = "old.n + s.n"
_MERGED = """CASE WHEN s.first_at > old.last_at OR s.last_at < old.first_at THEN old.n + s.n
    ELSE greatest(old.n, s.n) END"""
"""Sightings told again are not counted again; another period adds to the count."""

# One statement, and not ON CONFLICT: nobody else writes under the load lock, and a speculative insert costs twice as
# much as a plain one.
_MERGE = """MERGE INTO accounts_sighting old USING seen s
    ON old.account_id = s.account_id AND old.identifier_id = s.identifier_id
    WHEN MATCHED AND (least(old.first_at, s.first_at), greatest(old.last_at, s.last_at), least({most}, {n}))
    IS DISTINCT FROM (old.first_at, old.last_at, old.n::bigint) THEN UPDATE SET
        first_at = least(old.first_at, s.first_at), last_at = greatest(old.last_at, s.last_at), n = least({most}, {n})
    WHEN NOT MATCHED THEN INSERT (account_id, identifier_id, first_at, last_at, n)
        VALUES (s.account_id, s.identifier_id, s.first_at, s.last_at, greatest(1, least(s.n, {most})))"""

_OLD_NEWS = """SELECT count(*) FROM seen JOIN accounts_sighting old
    ON old.account_id = seen.account_id AND old.identifier_id = seen.identifier_id
    AND (seen.first_at IS NULL OR seen.first_at >= old.first_at)
    AND (seen.last_at IS NULL OR seen.last_at <= old.last_at) AND seen.n <= old.n"""
