"""Pages of imports: the list, sending files, what became of rows, refused rows as CSV, and who may not."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Batch, BatchFile, Reject
from accounts.services.uploads import batch_load, uploads_root
from core.models import Dataset
from investigations.ui import import_form
from staff.models import User
from tests.cast import People
from tests.factories import dataset_make

HOSTILE = "<img src=x onerror=alert(1)>"
GOOD = b"account_id,created_at\na-1,2026-01-01T00:00:00Z\na-2,2026-01-02T00:00:00Z\n"
EVERY_THIRD_BAD = b"account_id,created_at\n" + b"".join(
    b"b-%d,%s\n" % (i, b"yesterday" if i % 3 == 2 else b"2026-01-01T00:00:00Z") for i in range(180)
)


def file(name: str, content: bytes = GOOD) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def send(client: Client, *files: SimpleUploadedFile, **fields: Any) -> Any:
    return client.post(reverse("import-create"), {"files": list(files), "dataset": "main", **fields})


def loaded(client: Client, *files: SimpleUploadedFile, **fields: Any) -> Batch:
    assert send(client, *files, **fields).status_code == 302
    batch = Batch.objects.latest("id")
    batch_load(batch)
    batch.refresh_from_db()
    return batch


def importers(people: People) -> dict[str, User]:
    return {role: user for role, user in people.by_role().items() if "import" in user.capabilities}


@pytest.fixture
def importer(people: People, client: Client) -> Client:
    client.force_login(next(iter(importers(people).values())))
    return client


@pytest.fixture
def hostile(people: People) -> Batch:
    batch = Batch.objects.create(dataset=dataset_make("main"), state="partly")
    row = BatchFile.objects.create(
        batch=batch, name=f"{HOSTILE}.csv", state="failed", refused={"accounts": 1},
        error={"code": "bad", "detail": HOSTILE, "what_to_do": HOSTILE},
    )  # fmt: skip
    Reject.objects.create(
        batch_file=row,
        table="accounts",
        line=2,
        column=HOSTILE,
        code="bad",
        reason="=HYPERLINK(1)",
        row_sealed=b"secret",
    )
    Reject.objects.create(batch_file=row, table="accounts", line=3, column="", code="bad", reason=HOSTILE)
    return batch


def test_an_empty_list_says_what_to_do(people: People, client: Client, importer: Client) -> None:
    text = importer.get(reverse("import-list")).content.decode()
    assert "No import yet" in text and "data-upload" in text
    assert "account_id" in text and "exchanges" in text
    client.force_login(people.viewer)
    text = client.get(reverse("import-list")).content.decode()
    assert "Someone with the right to import" in text and "data-upload" not in text


def test_files_are_sealed_queued_and_loaded(importer: Client) -> None:
    found = send(importer, file("accounts.csv"))
    batch = Batch.objects.get()
    assert found["Location"] == f"{reverse('import-detail', args=[batch.public_id])}?dataset=main"
    stored = uploads_root() / batch.files.get().stored_as
    assert stored.exists() and b"a-1" not in stored.read_bytes()
    waiting = importer.get(found["Location"]).content.decode()
    assert "waiting to load" in waiting and "every 1s" in waiting
    batch_load(batch)
    assert Account.objects.count() == 2
    text = importer.get(found["Location"]).content.decode()
    assert "2 rows landed" in text and "No row was refused." in text and "hx-trigger" not in text


def test_every_third_row_bad_is_told_row_by_row(importer: Client) -> None:
    batch = loaded(importer, file("accounts.csv", EVERY_THIRD_BAD))
    address = reverse("import-detail", args=[batch.public_id])
    text = importer.get(address).content.decode()
    assert "120 rows landed, 60 were refused" in text and "“yesterday” is not a time" in text
    assert text.count("wrong_time") == 50
    assert importer.get(address, {"page": "2"}).content.decode().count("wrong_time") == 10
    rows = list(csv.reader(io.StringIO(importer.get(f"{address}refused.csv").content.decode())))
    assert rows[0] == ["file", "table", "line", "column", "code", "reason"]
    assert rows[1][:5] == ["accounts.csv", "accounts", "4", "created_at", "wrong_time"]
    assert len(rows) == 61 and not any("b-2" in cell for row in rows for cell in row)


def test_strict_takes_a_file_whole_or_not_at_all(importer: Client) -> None:
    batch = loaded(importer, file("accounts.csv", EVERY_THIRD_BAD), strict="on")
    assert not Account.objects.exists()
    text = importer.get(reverse("import-detail", args=[batch.public_id])).content.decode()
    assert "Nothing of this import landed" in text and "not taken" in text


@pytest.mark.parametrize("mapping", [b"not = [toml", b"\xff\xfe\x00", b"# long\n" * 20_000])
def test_a_mapping_that_cannot_be_read_is_refused(importer: Client, mapping: bytes) -> None:
    found = send(importer, file("accounts.csv"), mapping=file("m.toml", mapping))
    assert found.status_code == 400 and not Batch.objects.exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("accounts.xlsx", b"x", "of no kind that can be read"),
        ("accounts", b"x", "of no kind that can be read"),
        ("accounts.csv", b"", "is empty"),
    ],
)
def test_a_file_that_cannot_be_taken_gives_the_form_back(
    importer: Client, name: str, content: bytes, words: str
) -> None:
    found = send(importer, file(name, content), dataset="kept-name")
    text = found.content.decode()
    assert found.status_code == 400
    assert words in text and 'value="kept-name"' in text
    assert not Batch.objects.exists() and not Dataset.objects.exists()


def test_no_file_too_many_or_too_large_is_refused(importer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Choose one or more files" in send(importer).content.decode()
    assert send(importer, *[file(f"accounts-{i}.csv") for i in range(51)]).status_code == 400
    monkeypatch.setattr(import_form, "MAX_BYTES", 10)
    assert "use manage.py ingest" in send(importer, file("accounts.csv")).content.decode()
    assert not Batch.objects.exists()


@pytest.mark.parametrize("name", ["", "a b", "../x", "ü", "x" * 41])
def test_a_dataset_needs_a_proper_name(importer: Client, name: str) -> None:
    assert send(importer, file("accounts.csv"), dataset=name).status_code == 400
    assert not Dataset.objects.exists()


def test_hostile_names_and_reasons_are_text(importer: Client, hostile: Batch) -> None:
    address = reverse("import-detail", args=[hostile.public_id])
    text = importer.get(address).content.decode() + importer.get(reverse("import-list")).content.decode()
    assert HOSTILE not in text and "&lt;img src=x" in text
    given = importer.get(f"{address}refused.csv")
    assert given["Content-Type"].startswith("text/csv") and "attachment" in given["Content-Disposition"]
    assert "'=HYPERLINK(1)" in given.content.decode() and "secret" not in given.content.decode()


@pytest.mark.parametrize(("code", "heading"), [("interrupted", "Cut off"), ("load_failed", "Given up")])
def test_an_import_that_was_cut_off_is_not_said_to_be_given_up(importer: Client, code: str, heading: str) -> None:
    error = {"code": code, "detail": "It ended early.", "what_to_do": "Load it again."}
    batch = Batch.objects.create(dataset=dataset_make("main"), state="failed", error=error)
    text = importer.get(reverse("import-detail", args=[batch.public_id])).content.decode()
    assert heading in text and "It ended early." in text


def test_progress_stops_when_it_is_over(importer: Client) -> None:
    send(importer, file("accounts.csv"))
    batch = Batch.objects.get()
    address = reverse("import-progress", args=[batch.public_id])
    assert "HX-Refresh" not in importer.get(address).headers
    batch_load(batch)
    over = importer.get(address)
    assert over.headers["HX-Refresh"] == "true" and "hx-trigger" not in over.content.decode()


def test_who_may_not_import_is_refused(people: People, client: Client) -> None:
    allowed = importers(people)
    for role, user in people.by_role().items():
        if role not in allowed:
            client.force_login(user)
            assert send(client, file("accounts.csv")).status_code == 403
    client.force_login(people.outsider)
    assert client.get(reverse("import-list")).status_code == 403
    assert not Batch.objects.exists()


def test_nobody_is_sent_to_sign_in(hostile: Batch, client: Client) -> None:
    for name in ("import-detail", "import-progress", "import-rejects-csv"):
        assert client.get(reverse(name, args=[hostile.public_id])).status_code == 302
    assert client.get(reverse("import-list")).status_code == 302
    assert send(client, file("accounts.csv")).status_code == 302
    assert Batch.objects.count() == 1


def test_wrong_methods_are_refused(importer: Client, hostile: Batch) -> None:
    assert importer.post(reverse("import-list")).status_code == 405
    assert importer.get(reverse("import-create")).status_code == 405
    for name in ("import-detail", "import-progress", "import-rejects-csv"):
        assert importer.post(reverse(name, args=[hostile.public_id])).status_code == 405


@pytest.mark.parametrize("public_id", ["x", "bat_", "bat_000000000000", "bat_UUUUUUUUUUUU", "bat_" + "0" * 300])
def test_ids_that_are_none_find_nothing(importer: Client, public_id: str) -> None:
    for name in ("import-detail", "import-progress", "import-rejects-csv"):
        assert importer.get(reverse(name, args=[public_id])).status_code == 404


def test_an_import_of_another_dataset_is_not_here(importer: Client, hostile: Batch) -> None:
    dataset_make("elsewhere")
    address = reverse("import-detail", args=[hostile.public_id])
    assert importer.get(address, {"dataset": "elsewhere"}).status_code == 404
    assert importer.get(address, {"dataset": "main"}).status_code == 200
