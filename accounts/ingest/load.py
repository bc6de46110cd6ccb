"""One file from its first byte to the transaction that makes it visible."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.event_store.store import EventWriter, Written, event_paths, moment
from accounts.ingest.ahead import ahead
from accounts.ingest.convert import Converter, Typed
from accounts.ingest.exchange_doubles import exchanges_distinct
from accounts.ingest.exchanges import content_projected, exchanges_build
from accounts.ingest.hashing import EventKeys, session_keys
from accounts.ingest.identify import Identifying, identify, identify_named
from accounts.ingest.kernels.lookup import ABSENT
from accounts.ingest.landing import Landed, Landing
from accounts.ingest.mapping import Emission, Source
from accounts.ingest.names import AccountNames
from accounts.ingest.origin import Origin
from accounts.ingest.problems import Refusal, Refusals
from accounts.ingest.readers import Piece, Reader
from accounts.ingest.staging import STAGED, Doubles, Staging
from accounts.ingest.tables import TABLES, Table
from accounts.ingest.waiting import KEPT_DAYS, waiting_add, waiting_land
from accounts.kinds import NAME_PATTERN
from accounts.models import BatchFile, EventDirectory, Reject
from core import keys
from core.models import Dataset
from core.models.dataset import DatasetKind

Progress = Callable[[int, int], None]
"""Takes rows and bytes read so far."""
_TELL_EVERY = 0.5


class RefusedWhole(Exception):
    """With `strict`, a file of which a row was refused."""


@dataclass
class FileLoad:
    """The load of one file into a dataset. Nothing is visible before `land` returns."""

    dataset: Dataset
    file: BatchFile
    names: AccountNames
    event_keys: EventKeys
    refusals: Refusals = field(default_factory=Refusals)
    waiting: dict[str, int] = field(default_factory=dict)
    ignored_columns: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        name = f"{self.dataset.public_id}-{secrets.token_hex(6)}"
        self.staging = Staging(Path(settings.HYDRASCOPE_HOME) / "tmp" / "ingest" / name)
        self.writer = EventWriter(self.dataset)
        self._identifying = Identifying(keys.keyring().active)

    def read(self, origin: Origin, source: Source, progress: Progress) -> None:
        """Reads the whole file into the scratch database and the hidden event directory."""
        reader = Reader(origin, delimiter=source.delimiter)
        converters: list[Converter] = []
        n_rows, told = 0, 0.0
        with closing(self._pieces(reader, source)) as coming:
            for piece, refused in coming:
                self.refusals.merge(refused)
                if piece is None:
                    break
                converters = converters or self._converters(reader, source, origin)
                for converter, emission in zip(converters, source.emissions, strict=True):
                    self.take(converter.convert(piece), emission, piece)
                n_rows += len(piece)
                if time.monotonic() - told > _TELL_EVERY:
                    progress(n_rows + self.refusals.total, reader.n_bytes_read)
                    told = time.monotonic()
        if not converters:
            self._converters(reader, source, origin)
        progress(n_rows, origin.n_bytes)

    def _pieces(self, reader: Reader, source: Source) -> Generator[tuple[Piece | None, Refusals], None, None]:
        """The file's pieces, read ahead, each with what was refused on the way to it; None has what came after them."""
        refused = Refusals()
        table = source.emissions[0].table.name

        def refuse(line: int, column: str, code: str, reason: str, row: str) -> None:
            refused.add(Refusal(table, line, column, code, reason, row))

        def read() -> tuple[Piece | None, Refusals]:
            nonlocal refused
            piece = next(pieces, None)
            found, refused = refused, Refusals()
            return piece, found

        with closing(reader.pieces(refuse)) as pieces, closing(ahead(read)) as coming:
            yield from coming

    def take(self, typed: Typed, emission: Emission, piece: Piece) -> None:
        """Adds converted rows: resolves their accounts, digests identifiers, stages what is left."""
        if typed.table.name == "identifiers":
            typed = self._named_well(typed, piece)
        if not len(typed):
            return
        if typed.table.name == "accounts":
            self._take_accounts(typed, emission, piece)
            return
        numbers = self._accounts_of(typed, derive=emission.derive_accounts)
        absent = numbers == ABSENT
        if absent.any():
            late = typed.keep(absent)
            self.waiting[typed.table.name] = self.waiting.get(typed.table.name, 0) + len(late)
            waiting_add(self.staging, content_projected(late, self.event_keys) if _is_exchanges(late) else late)
            typed = typed.keep(~absent)
        if len(typed):
            self._take_known(typed, emission, piece)

    def land(self, *, strict: bool, settle: Callable[[Landed], None] | None = None) -> Landed:
        """Makes the file visible in one transaction; RefusedWhole when it is strict and a row was refused.

        `settle` takes the counts and runs inside the transaction.
        """
        if self._identifying.has_forgotten:
            self.staging.twins_merge()
        self._identifying.forget()
        duplicates = self._drop_doubles()
        distinct = exchanges_distinct(self.staging, self.writer, self.dataset, event_paths(self.dataset))
        self.writer = distinct.writer
        self._refuse_doubles("exchanges", distinct.doubles)
        if strict and self.refusals.total:
            raise RefusedWhole
        duplicates["exchanges"] = distinct.n_known + distinct.doubles.n_same
        files = [str(path) for path in self.writer.close()] if self.writer.n_rows else []
        with transaction.atomic(), connection.cursor() as cursor:
            landed = Landing(cursor, self.staging, self.dataset, self.file).all(files)
            if self.writer.n_rows or duplicates["exchanges"]:
                landed.add("exchanges", accepted=self.writer.n_rows)
            for table, n in duplicates.items():
                if n:
                    landed.add(table, duplicates=n)
            if self.waiting:
                waiting_land(cursor, self.staging, self.dataset, self.file.pk, self._waiting_until())
            if files:
                self._list_events(self.writer.finish())
            rejects_store(self.file, self.refusals, self.dataset)
            if settle:
                settle(landed)
        return landed

    def close(self, *, landed: bool) -> None:
        """Removes the scratch database, and what was written when the file did not land."""
        self.staging.close()
        if not landed:
            self.writer.discard()

    def _converters(self, reader: Reader, source: Source, origin: Origin) -> list[Converter]:
        found = [
            Converter(emission, source.clock, reader.columns, file=origin.name, refusals=self.refusals)
            for emission in source.emissions
        ]
        ignored = [set(converter.ignored) for converter in found]
        self.ignored_columns = sorted(set.intersection(*ignored))
        return found

    def _named_well(self, typed: Typed, piece: Piece) -> Typed:
        kinds = pc.match_substring_regex(typed.columns["kind"], f"^{NAME_PATTERN}$")
        ok = np.asarray(kinds.to_numpy(zero_copy_only=False), np.bool_)
        reason = "names a kind in lower-case letters, digits and underscores, at most 40 of them"
        self.refusals.count(typed.table.name, int((~ok).sum()))
        for i in np.flatnonzero(~ok)[: self.refusals.room].tolist():
            text = piece.raw(int(typed.rows[i]))
            self.refusals.keep(Refusal(typed.table.name, int(typed.lines[i]), "kind", "bad_kind", reason, text))
        return typed.keep(ok)

    def _take_accounts(self, typed: Typed, emission: Emission, piece: Piece) -> None:
        """Numbers come last, so that a refused row creates no account."""
        organization = typed.columns["organization_id"]
        typed.columns["organization"] = organization
        typed = identify(typed, self._identifying, kinds=emission.kinds, piece=piece, refusals=self.refusals)
        self.staging.add_identifiers(self._identifying.take_fresh())
        numbers = self.names.add(typed.columns["account_id"])
        new = pa.array(self.names.is_new(numbers))
        self.staging.add(typed, numbers, is_new=new, is_derived=pa.array(np.zeros(len(typed), np.bool_)))

    def _accounts_of(self, typed: Typed, *, derive: bool) -> np.ndarray:
        names = typed.columns["account_id"]
        numbers = self.names.find(names)
        unknown = numbers == ABSENT
        if not derive or not unknown.any():
            return numbers
        fresh = pc.unique(names.filter(pa.array(unknown)))
        created = self.names.add(fresh)
        columns = {c.name: pa.nulls(len(fresh)) for c in TABLES["accounts"].columns} | {"account_id": fresh}
        lines = np.zeros(len(fresh), np.int64)
        rows = Typed(TABLES["accounts"], columns, lines, pa.nulls(len(fresh), pa.string()), lines)
        yes = pa.array(np.ones(len(fresh), np.bool_))
        self.staging.add(rows, created, is_new=yes, is_derived=yes)
        return self.names.find(names)

    def _take_known(self, typed: Typed, emission: Emission, piece: Piece) -> None:
        added: dict[str, pa.Array] = {}
        if _is_exchanges(typed):
            batch = exchanges_build(typed, self.names.find(typed.columns["account_id"]), self.event_keys)
            self.staging.add_exchange_keys(batch.column("exchange"), typed.lines, self.writer.n_rows)
            self.writer.write(batch)
            return
        if typed.table.name == "sessions":
            typed.columns["asn_text"] = typed.columns["asn"]
            typed = identify(typed, self._identifying, kinds=emission.kinds, piece=piece, refusals=self.refusals)
            added["natural_key"] = session_keys(typed.columns["session_id"], self.event_keys)
            digits = pc.replace_substring_regex(typed.columns["asn_text"], r"(?i)^\s*(as)?0*(\d+)\s*$", r"\2")
            added["asn_number"] = digits.cast(pa.int64())
        elif typed.table.name == "identifiers":
            typed = identify_named(typed, self._identifying, kinds=emission.kinds, piece=piece, refusals=self.refusals)
        self.staging.add_identifiers(self._identifying.take_fresh())
        self.staging.add(typed, self.names.find(typed.columns["account_id"]), **added)

    def _drop_doubles(self) -> dict[str, int]:
        """Takes out rows whose key came before in the file; those with other content are refused."""
        same = {}
        for name in STAGED:
            doubles = self.staging.doubles_drop(TABLES[name])
            self._refuse_doubles(name, doubles)
            same[name] = doubles.n_same
        return same

    def _refuse_doubles(self, table: str, doubles: Doubles) -> None:
        self.refusals.count(table, doubles.n_other)
        key = TABLES[table].key[0] if len(TABLES[table].key) == 1 else " + ".join(TABLES[table].key)
        for line, first_line in doubles.other[: self.refusals.room]:
            reason = f"the same {key} stands on line {first_line} with other content"
            self.refusals.keep(Refusal(table, line, TABLES[table].key[0], "key_twice", reason))

    def _list_events(self, written: Written) -> None:
        row = self.staging.rows("SELECT min(first), max(last) FROM event_activity")[0]
        EventDirectory.objects.create(
            dataset=self.dataset,
            batch_file=self.file,
            path=written.path,
            digest=written.digest,
            key_id=self.event_keys.key_id,
            n_rows=written.n_rows,
            n_bytes=written.n_bytes,
            min_at=moment(row[0]),
            max_at=moment(row[1]),
        )

    def _waiting_until(self) -> int | None:
        if self.dataset.kind != DatasetKind.LIVE:
            return None
        return int((timezone.now() + timedelta(days=KEPT_DAYS)).timestamp() * 1_000_000)


def rejects_store(file: BatchFile, refusals: Refusals, dataset: Dataset) -> None:
    """Stores the kept refusals, each row sealed until the upload retention of the dataset ends."""
    hours = dataset.upload_retention_hours if dataset.kind == DatasetKind.LIVE else None
    expires = None if hours is None else timezone.now() + timedelta(hours=hours)
    Reject.objects.bulk_create(
        [
            Reject(
                batch_file=file,
                table=refusal.table,
                line=refusal.line,
                column=refusal.column[:80],
                code=refusal.code,
                reason=refusal.reason,
                row_sealed=keys.blob_seal(refusal.row[:4000].encode("utf-8", "replace"), purpose="reject")
                if refusal.row
                else None,
                expires_at=expires if refusal.row else None,
            )
            for refusal in refusals.kept
        ],
        batch_size=2000,
    )


def _is_exchanges(typed: Typed) -> bool:
    table: Table = typed.table
    return table.name == "exchanges"
