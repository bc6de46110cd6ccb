"""Uploads: sealed on arrival, loaded by a worker, gone afterwards; and what retention removes by itself."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from accounts.event_store.store import event_paths, store_root
from accounts.models import Account, Batch, BatchState, EventDirectory, FileState, Reject, WaitingRow
from accounts.selectors.imports import batch_detail, batch_list, reject_list
from accounts.services.batches import BATCH_LOCK
from accounts.services.retention import retention_sweep
from accounts.services.upload_handler import SealedUploadHandler
from accounts.services.uploads import (
    ATTEMPTS,
    FRAME,
    Unsealed,
    Upload,
    batch_load,
    batch_upload,
    batches_stale,
    uploads_root,
)
from accounts.tasks import batch_ingest
from config import home
from config.servers import APP_ROLE
from core.datasets import dataset_get
from core.errors import Forbidden, InvalidInput
from core.models import Dataset
from tests.accounts.conftest import ACCOUNTS, SESSIONS, Load, Write
from tests.cast import People
from tests.databases import role_connection
from tests.settings import TEST_HOME


def _uploads() -> list[Upload]:
    return [
        Upload("sessions.csv", [SESSIONS.encode()]),
        Upload("accounts.csv", iter([ACCOUNTS.encode()[:30], ACCOUNTS.encode()[30:]])),
    ]


def _files() -> list[Path]:
    return [path for path in uploads_root().rglob("*") if path.is_file()]


def test_uploads_are_sealed_then_loaded_then_gone(people: People) -> None:
    batch = batch_upload(dataset="main", uploads=_uploads(), started_by=people.lead)
    assert batch.state == BatchState.QUEUED
    assert len(_files()) == 2
    assert all(b"example.org" not in path.read_bytes() for path in _files())
    batch_ingest(batch.pk)
    batch.refresh_from_db()
    assert batch.state == BatchState.LANDED
    assert Account.objects.get(platform_id="a1").n_sessions == 2
    assert not _files()
    assert batch_load(batch) is None


def test_only_people_who_import_may_upload(people: People) -> None:
    with pytest.raises(Forbidden):
        batch_upload(dataset="main", uploads=_uploads(), started_by=people.viewer)
    assert not Batch.objects.exists()
    assert not Dataset.objects.filter(name="main").exists()


@pytest.mark.parametrize(
    ("uploads", "mapping", "code"),
    [
        ([], "", "no_file"),
        ([Upload("people.xlsx", [b"x"])], "", "unknown_format"),
        ([Upload("accounts.csv", [b"x"])], "[[", "bad_mapping"),
    ],
)
def test_it_says_at_once_what_cannot_be_loaded(people: People, uploads: list[Upload], mapping: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        batch_upload(dataset="main", uploads=uploads, mapping_text=mapping, started_by=people.lead)
    assert caught.value.code == code
    assert not Batch.objects.exists()


def test_an_upload_that_breaks_off_leaves_nothing(people: People) -> None:
    def broken() -> Iterator[bytes]:
        yield b"account_id"
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        batch_upload(dataset="main", uploads=[Upload("accounts.csv", broken())], started_by=people.lead)
    assert not Batch.objects.exists()
    assert not _files()


def test_a_large_upload_is_sealed_before_it_touches_the_disk(people: People, rf: RequestFactory) -> None:
    rows = "".join(f"a{i},1767225600,{i:0>60}@example.org\n" for i in range(30_000))
    data = ("account_id,created_at,email\n" + rows).encode()
    request = rf.post("/", {"files": SimpleUploadedFile("accounts.csv", data)})
    [file] = request.FILES.getlist("files")
    assert isinstance(file.file.raw, Unsealed)
    assert (file.name, file.size) == ("accounts.csv", len(data))
    assert not _files()
    held = next(path for path in Path("/proc/self/fd").iterdir() if str(uploads_root()) in os.readlink(path))
    with held.open("rb") as raw:
        sealed = raw.read()
    assert len(sealed) > len(data)
    assert b"example.org" not in sealed
    batch = batch_upload(dataset="main", uploads=[Upload(file.name, file.chunks())], started_by=people.lead)
    file.close()
    assert not any(
        str(uploads_root()) in os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists()
    )
    report = batch_load(batch)
    assert report is not None
    assert report.accepted == {"accounts": 30_000}


def test_an_upload_that_is_interrupted_leaves_nothing() -> None:
    handler = SealedUploadHandler()
    handler.new_file("files", "accounts.csv", "text/csv", 9)
    handler.receive_data_chunk(b"account_id,", 0)
    handler.upload_interrupted()
    assert not _files()
    SealedUploadHandler().upload_interrupted()


def test_a_sealed_file_reads_from_any_place(people: People) -> None:
    data = bytes(i * 7 % 251 for i in range(FRAME)) * 2 + b"the end"
    batch = batch_upload(dataset="main", uploads=[Upload("accounts.csv", [data])], started_by=people.lead)
    file = batch.files.get()
    with io.BufferedReader(Unsealed((uploads_root() / file.stored_as).open("rb"), file.n_bytes)) as stream:
        assert stream.read() == data
        stream.seek(FRAME - 3)
        assert stream.read(9) == data[FRAME - 3 : FRAME + 6]
        stream.seek(-7, io.SEEK_END)
        assert stream.read() == b"the end"


def test_a_batch_is_given_up_after_three_lost_workers(people: People) -> None:
    batch = batch_upload(dataset="main", uploads=_uploads(), started_by=people.lead)
    long_ago = timezone.now() - timedelta(hours=1)
    Batch.objects.filter(pk=batch.pk).update(attempts=3, state=BatchState.LOADING, heartbeat_at=long_ago)
    assert batches_stale() == [batch.pk]
    batch_ingest(batch.pk)
    batch.refresh_from_db()
    assert batch.state == BatchState.FAILED
    assert batch.error is not None
    assert batch.error["code"] == "gave_up"
    assert not _files()
    assert batches_stale() == []


def test_a_batch_that_was_cut_off_goes_on_with_the_files_that_are_left(people: People) -> None:
    batch = batch_upload(dataset="main", uploads=_uploads(), started_by=people.lead)
    batch.files.filter(name="accounts.csv").update(state="loading")
    Batch.objects.filter(pk=batch.pk).update(attempts=1, state=BatchState.LOADING)
    batch_ingest(batch.pk)
    batch.refresh_from_db()
    assert batch.state == BatchState.LANDED
    assert Account.objects.count() == 2


def test_the_import_page_reads_what_became_of_it(load: Load, write: Write) -> None:
    report = load(write("accounts.csv", ACCOUNTS + "a3,never,\n"), write("sessions.parquet", b"PAR1"))
    [row] = batch_list(dataset_get("main"))
    assert row.n_files == 2  # type: ignore[attr-defined]
    detail = batch_detail(report.batch)
    assert (detail.state, detail.is_open, detail.n_rejects) == (BatchState.PARTLY, False, 1)
    assert detail.totals == (("accounts", 2, 1, 0, 0),)
    assert {file.name: file.state for file in detail.files} == {"accounts.csv": "landed", "sessions.parquet": "failed"}
    assert [reject.line for reject in reject_list(report.batch)] == [4]


def test_retention_empties_rejects_and_the_waiting_store(load: Load, write: Write) -> None:
    load(write("accounts.csv", ACCOUNTS + "a3,never,\n"), write("sessions.csv", SESSIONS.replace("a2", "a9")))
    assert WaitingRow.objects.count() == 1
    assert Reject.objects.get().row_sealed is not None
    retention_sweep()
    assert WaitingRow.objects.count() == 1
    later = timezone.now() - timedelta(seconds=1)
    Reject.objects.update(expires_at=later)
    WaitingRow.objects.update(expires_at=later)
    swept = retention_sweep()
    assert (swept.n_rejected_rows, swept.n_waiting) == (1, 1)
    reject = Reject.objects.get()
    assert reject.row_sealed is None
    assert "is not a time" in reject.reason


def test_retention_removes_old_exchanges_and_only_those(load: Load, write: Write) -> None:
    day = 86_400
    text = "account_id,occurred_at,exchange_id\n" + "".join(
        f"a1,{1767225600 + i * day},x{i}\n" for i in range(0, 120, 10)
    )
    load(write("accounts.csv", ACCOUNTS), write("exchanges.csv", text))
    assert retention_sweep().n_exchanges == 2
    dataset = dataset_get("main")
    [path] = event_paths(dataset)
    assert pq.read_metadata(path).num_rows == 10
    assert EventDirectory.objects.count() == 1
    assert len(list(store_root().rglob("*.parquet"))) == 1
    assert retention_sweep().n_exchanges == 0


def test_retention_leaves_demo_data_alone(load: Load, write: Write) -> None:
    text = "account_id,occurred_at\na1,1767225600\na1,1798761600\n"
    report = load(write("accounts.csv", ACCOUNTS + "a3,never,\n"), write("exchanges.csv", text), dataset="demo")
    assert report.accepted["exchanges"] == 2
    assert retention_sweep().n_exchanges == 0
    assert Reject.objects.get().expires_at is None


def test_a_message_that_comes_again_while_its_load_is_alive_does_nothing(people: People) -> None:
    batch = batch_upload(dataset="main", uploads=_uploads(), started_by=people.lead)
    words, name = home.secrets_for(TEST_HOME), connection.settings_dict["NAME"]
    with role_connection(APP_ROLE, words.postgres_app, database=name) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [BATCH_LOCK, batch.pk])
        for _ in range(ATTEMPTS + 1):
            assert batch_load(batch) is None
        other.execute("SELECT pg_advisory_unlock_all()")  # a session ends some time after its connection is closed
    batch.refresh_from_db()
    assert (batch.state, batch.attempts) == (BatchState.QUEUED, 0)
    assert len(_files()) == 2
    stale = Batch.objects.get(pk=batch.pk)
    assert batch_load(batch) is not None
    assert batch_load(stale) is None
    batch.refresh_from_db()
    assert batch.state == BatchState.LANDED
    assert {file.state for file in batch.files.all()} == {FileState.LANDED}
