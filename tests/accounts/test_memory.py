"""A file larger than the memory that its load may use: it spills to disk; and when it cannot, the file is not blamed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from accounts.models import Account, FileState, Identifier, Session, Sighting
from tests.accounts.conftest import Load, Write, errors_of

N_ACCOUNTS, N_SESSIONS = 2_000, 40_000


def _extract(write: Write) -> list[Path]:
    """Sessions with two identifiers each that nobody else has, long enough to outweigh the limit below."""
    accounts = "".join(f"a{i},2026-01-01T00:00:00Z\n" for i in range(N_ACCOUNTS))
    sessions = "".join(
        f"s{i},a{i * 7 % N_ACCOUNTS},17673{i:05d},45.{i >> 16}.{i >> 8 & 255}.{i & 255},device-{i:0>400}\n"
        for i in range(N_SESSIONS)
    )
    return [
        write("accounts.csv", "account_id,created_at\n" + accounts),
        write("sessions.csv", "session_id,account_id,started_at,ip,device_id\n" + sessions),
    ]


def test_what_does_not_fit_into_memory_spills_to_disk(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.ingest.staging.MEMORY", "48MB")
    report = load(*_extract(write))
    assert not errors_of(report)
    assert report.accepted == {"accounts": N_ACCOUNTS, "sessions": N_SESSIONS}
    assert Identifier.objects.count() == Sighting.objects.count() == 2 * N_SESSIONS
    assert Session.objects.filter(ip=None).count() == Session.objects.filter(device=None).count() == 0
    last = Session.objects.select_related("ip").latest("started_at")
    assert Sighting.objects.filter(identifier=last.ip, account=last.account).count() == 1


def test_values_are_sorted_some_at_a_time_when_all_of_them_would_not_fit(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.ingest.staging.MEMORY", "24MB")
    paths = _extract(write)
    monkeypatch.setattr("accounts.ingest.values.SORTED_AT_ONCE", 1 << 30)
    [told] = errors_of(load(*paths))
    assert told["code"] == "out_of_memory"
    monkeypatch.setattr("accounts.ingest.values.SORTED_AT_ONCE", 1 << 12)
    assert load(paths[1]).accepted == {"sessions": N_SESSIONS}
    assert Identifier.objects.count() == Sighting.objects.count() == 2 * N_SESSIONS


def test_values_that_the_dataset_has_are_asked_for_some_at_a_time(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.ingest.values.ASKED_AT_ONCE", 3)
    monkeypatch.setattr("accounts.ingest.values.SORTED_AT_ONCE", 2)
    rows = [f"a{i % 2},wallet,w{i},{1767300000 + i}\n" for i in range(10)]
    head = "account_id,kind,value,first_seen\n"
    load(write("accounts.csv", "account_id,created_at\na0,1767225600\na1,1767225600\n"))
    load(write("identifiers.csv", head + "".join(rows[:6])))
    report = load(write("identifiers-2.csv", head + "".join(rows[3:])))
    assert report.accepted["identifiers"] == 4
    assert report.duplicates["identifiers"] == 3
    assert Identifier.objects.count() == Sighting.objects.count() == 10


def test_a_value_met_again_after_the_memory_of_values_was_emptied_is_still_one(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.ingest.identify.REMEMBERED", 2)
    monkeypatch.setattr("accounts.ingest.readers.BLOCK", 4096)
    rows = "".join(f"s{i},a{i % 3},{1767300000 + i},45.0.0.{i % 7},device-{i % 5:0>60}\n" for i in range(300))
    again = "s0,a0,1767300000,45.0.0.0,device-" + "0" * 60 + "\n"
    head = "session_id,account_id,started_at,ip,device_id\n"
    accounts = write("accounts.csv", "account_id,created_at\n" + "".join(f"a{i},1767225600\n" for i in range(3)))
    report = load(accounts, write("sessions.csv", head + rows + again))
    assert report.accepted == {"accounts": 3, "sessions": 300}
    assert (report.duplicates, report.refused) == ({"sessions": 1}, {})
    assert Identifier.objects.count() == 7 + 5
    assert Sighting.objects.count() == 3 * 7 + 3 * 5
    assert sum(Sighting.objects.filter(identifier__kind="ip").values_list("n", flat=True)) == 300


def test_other_spellings_of_a_value_are_that_value(load: Load, write: Write) -> None:
    accounts = write("accounts.csv", "account_id,created_at,email\na1,1767225600,One@Example.org\na2,1767225600,\n")
    rows = "a1,email,one@example.org\na2,email, ONE@example.org \na2,wallet, w\na1,wallet,w\n"
    report = load(accounts, write("identifiers.csv", "account_id,kind,value\n" + rows))
    assert not report.refused
    assert sorted(Identifier.objects.values_list("kind", flat=True)) == ["email", "wallet"]
    assert Sighting.objects.count() == 4


@pytest.mark.parametrize(
    "error",
    [MemoryError(), duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block of size 8.0 MiB")],
)
def test_running_out_of_memory_is_not_the_files_fault(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("accounts.ingest.load.rejects_store", fail)
    path = write("accounts.csv", "account_id,created_at\na1,2026-01-01T00:00:00Z\n")
    report = load(path)
    [told] = errors_of(report)
    assert told["code"] == "out_of_memory"
    assert "nothing is wrong with the file" in told["detail"]
    assert "block of size" not in told["detail"]
    assert report.exit_code == 4
    assert not Account.objects.exists()
    monkeypatch.undo()
    assert load(path).accepted == {"accounts": 1}
    assert report.files[0].state == FileState.FAILED
