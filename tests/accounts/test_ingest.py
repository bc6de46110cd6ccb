"""What loads lands whole, once, and as it was."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from django.db import connections, transaction

from accounts.event_store.store import event_paths, orphans_remove, store_root
from accounts.extra import extra_open
from accounts.ingest.mapping import mapping_parse
from accounts.models import (
    Account,
    AccountVersion,
    BatchFile,
    EventDirectory,
    FileState,
    Identifier,
    Session,
    Sighting,
    TruthLabel,
)
from accounts.selectors.columns import engine_inputs
from accounts.services.ingest import ingest_files
from core.datasets import dataset_get
from core.models import OutboxMessage
from tests.accounts.conftest import ACCOUNTS, SESSIONS, Load, Write
from tests.databases import LiveDatabase

EXCHANGES = (
    "account_id,occurred_at,exchange_id,session_id,surface,model,status,content_fingerprint,output_fingerprint,"
    "prefix_fingerprint,input_tokens,output_tokens\n"
    "a1,2026-01-03T00:00:01Z,x1,s1,api,m,ok,c1,o1,,10,20\n"
    "a2,2026-01-04T00:00:01Z,x2,s2,web,m,refused,c1,o2,o1,1,2\n"
    "a2,2026-01-04T00:00:02Z,x3,s2,,,,c2,,,,\n"
)


def _folder(write: Write) -> Path:
    write("accounts.csv", ACCOUNTS)
    write("sessions.csv.gz", SESSIONS)
    write("exchanges.csv", EXCHANGES)
    write("identifiers.csv", "account_id,kind,value,first_seen,count\na1,wallet,w1,1767300000,3\na2,wallet, w1 ,,\n")
    return write("truth.csv", "account_id,operator_id,kind,abusive\na1,op,hydra,1\na2,,campus,\n").parent


def test_a_folder_lands_with_accounts_first(load: Load, write: Write) -> None:
    report = load(_folder(write))
    assert report.exit_code == 0
    assert report.accepted == {"accounts": 2, "sessions": 3, "exchanges": 3, "identifiers": 2, "truth": 2}
    assert not report.refused
    assert not report.waiting
    first = Account.objects.get(platform_id="a1")
    assert first.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (first.n_sessions, first.n_exchanges, first.n_input_tokens, first.n_output_tokens) == (2, 1, 10, 20)
    assert first.last_seen_at == datetime(2026, 1, 5, tzinfo=UTC)
    session = Session.objects.select_related("ip").get(started_at=datetime(2026, 1, 4, tzinfo=UTC))
    assert session.ip is not None
    assert session.ip.mask == "45.12.•.•"
    assert set(TruthLabel.objects.values_list("operator", "kind", "is_abusive")) == {
        ("op", "hydra", True),
        ("", "campus", None),
    }
    assert OutboxMessage.objects.filter(topic="batch.landed").count() == 1


def test_what_accounts_share_becomes_sightings_of_one_identifier(load: Load, write: Write) -> None:
    load(_folder(write))
    shared = Identifier.objects.get(kind="ip", sightings__account__platform_id="a2")
    seen = Sighting.objects.filter(identifier=shared).order_by("account__platform_id")
    assert [(s.account.platform_id, s.n) for s in seen] == [("a1", 1), ("a2", 1)]
    agent = Sighting.objects.get(identifier__kind="user_agent", account__platform_id="a1")
    assert (agent.n, agent.first_at, agent.last_at) == (
        2,
        datetime(2026, 1, 3, tzinfo=UTC),
        datetime(2026, 1, 5, tzinfo=UTC),
    )
    wallet = Identifier.objects.get(kind="wallet")
    assert sorted(wallet.sightings.values_list("n", flat=True)) == [1, 3]


def test_no_clear_value_is_stored(load: Load, write: Write) -> None:
    load(_folder(write))
    for row in Identifier.objects.filter(kind="email"):
        assert b"example.org" not in bytes(row.sealed or b"") + bytes(row.digest)
        assert "one" not in row.mask
        assert "two" not in row.mask


def test_exchanges_are_numbers_and_continue_each_other(load: Load, write: Write) -> None:
    load(_folder(write))
    table = pa.concat_tables(pq.read_table(path) for path in event_paths(dataset_get("main"))).sort_by("at")
    rows = table.to_pylist()
    assert [row["status"] for row in rows] == [0, 2, 0]
    assert [row["surface"] for row in rows] == [0, 1, -1]
    assert rows[1]["prefix"] == rows[0]["output"]
    assert rows[0]["content"] == rows[1]["content"] != rows[2]["content"]
    assert rows[1]["session"] == rows[2]["session"]
    natural = Session.objects.get(started_at=datetime(2026, 1, 4, tzinfo=UTC)).natural_key
    assert int.from_bytes(natural.bytes[:8], "big", signed=True) == rows[1]["session"]


def test_the_same_file_again_changes_nothing(load: Load, write: Write) -> None:
    folder = _folder(write)
    load(folder)
    before = engine_inputs(dataset_get("main"))
    report = load(folder)
    assert report.exit_code == 0
    assert not report.accepted
    assert report.duplicates == {"accounts": 2, "sessions": 3, "exchanges": 3, "identifiers": 2, "truth": 2}
    assert all(file.state == FileState.DUPLICATE for file in report.files)
    assert engine_inputs(dataset_get("main")).digest == before.digest


def test_the_same_rows_in_other_files_change_nothing(load: Load, write: Write) -> None:
    folder = _folder(write)
    load(folder)
    before = engine_inputs(dataset_get("main"))
    for path in list(folder.iterdir()):
        if path.suffix == ".csv":
            path.write_text(path.read_text() + "\n")
    (folder / "sessions.csv.gz").unlink()
    write("sessions.csv", "\n".join([SESSIONS.splitlines()[0], *reversed(SESSIONS.splitlines()[1:])]))
    report = load(folder)
    assert not any(report.accepted.values())
    assert report.duplicates == {"accounts": 2, "sessions": 3, "exchanges": 3, "identifiers": 2, "truth": 2}
    after = engine_inputs(dataset_get("main"))
    assert after.sightings.equals(before.sightings)
    assert after.exchanges == before.exchanges
    assert Account.objects.get(platform_id="a1").n_sessions == 2


def test_parquet_and_csv_give_the_same(load: Load, write: Write) -> None:
    load(_folder(write), dataset="text")
    for name in ("accounts", "exchanges"):
        table = pacsv.read_csv(io.BytesIO({"accounts": ACCOUNTS, "exchanges": EXCHANGES}[name].encode()))
        sink = io.BytesIO()
        pq.write_table(table, sink)
        write(f"{name}.parquet", sink.getvalue())
        (write(f"{name}.csv", "x")).unlink()
    report = load(write("sessions.csv.gz", SESSIONS).parent, dataset="columns")
    assert not report.refused
    one, other = (engine_inputs(dataset_get(name)) for name in ("text", "columns"))
    for column in ("created_at", "status"):
        assert one.accounts.column(column) == other.accounts.column(column)
    assert one.sightings.column("count") == other.sightings.column("count")
    names = [name for name in pq.read_schema(one.exchanges[0]).names if name != "account"]
    assert pq.read_table(one.exchanges[0], columns=names) == pq.read_table(other.exchanges[0], columns=names)


def test_a_later_status_wins_and_the_earlier_is_kept(load: Load, write: Write) -> None:
    head = "account_id,created_at,status,status_changed_at,plan\n"
    load(write("accounts.csv", head + "a1,1767225600,active,1767300000,pro\n"))
    load(write("accounts.csv", head + "a1,1767225600,banned,1767400000,pro\n"))
    load(write("accounts.csv", head + "a1,1767225600,suspended,1767350000,free\n"))
    account = Account.objects.get()
    assert (account.status, account.plan) == ("banned", "pro")
    assert set(AccountVersion.objects.values_list("status", flat=True)) == {"active", "suspended"}


def test_what_a_later_file_leaves_out_stays(load: Load, write: Write) -> None:
    load(write("accounts.csv", "account_id,created_at,plan,x_score\na1,1767225600,pro,7\n"))
    report = load(write("accounts.csv", "account_id,created_at\na1,1767225600\n"))
    assert report.duplicates == {"accounts": 1}
    account = Account.objects.get()
    assert (account.plan, extra_open(account.extra)) == ("pro", {"x_score": "7"})
    assert "7" not in account.extra.values()


def test_a_changed_session_is_carried_over_without_counting_twice(load: Load, write: Write) -> None:
    load(write("accounts.csv", ACCOUNTS), write("sessions.csv", SESSIONS))
    changed = SESSIONS.replace("s1,a1,2026-01-03T00:00:00Z,45.12.3.4", "s1,a1,2026-01-03T00:00:00Z,45.12.3.77")
    report = load(write("sessions.csv", changed))
    assert report.accepted == {"sessions": 1}
    assert report.duplicates == {"sessions": 2}
    assert Account.objects.get(platform_id="a1").n_sessions == 2
    assert Sighting.objects.get(account__platform_id="a1", identifier__kind="user_agent").n == 2
    assert Sighting.objects.filter(account__platform_id="a1", identifier__kind="ip").count() == 3


def test_an_ipv6_address_brings_its_network(load: Load, write: Write) -> None:
    text = "session_id,account_id,started_at,ip\ns1,a1,1767300000,2001:db8::1\ns2,a2,1767300000,2001:db8::2\n"
    load(write("accounts.csv", ACCOUNTS), write("sessions.csv", text))
    network = Identifier.objects.get(kind="ip_range")
    assert network.sightings.count() == 2
    assert Identifier.objects.filter(kind="ip").count() == 2


def test_content_is_projected_and_alike_texts_are_near(load: Load, write: Write) -> None:
    text = "account_id,occurred_at,content\n" + "".join(
        f"a1,{1767300000 + i},translate the following chapter about {w} into plain english for a school book\n"
        for i, w in enumerate(["whales", "whales", "sharks"])
    )
    load(write("accounts.csv", ACCOUNTS), write("exchanges.csv", text))
    one, same, near = pq.read_table(event_paths(dataset_get("main"))[0]).column("content").to_pylist()
    assert one == same
    assert 0 < ((one ^ near) & (2**64 - 1)).bit_count() < 24


def test_a_mapping_renames_derives_and_takes_only_some_kinds(load: Load, write: Write) -> None:
    mapping = """
        [[source]]
        file = "log*"
        delimiter = ";"
        [source.time]
        zone = "Europe/Berlin"
        format = "%d.%m.%Y %H:%M"
        [[source.table]]
        table = "sessions"
        derive_accounts = true
        kinds = ["ip"]
        [source.table.columns]
        session_id = "id"
        account_id = "who"
        started_at = "when"
        [[source.table]]
        table = "identifiers"
        [source.table.columns]
        account_id = "who"
        value = "wallet"
        [source.table.constants]
        kind = "wallet"
    """
    text = (
        "id;who;when;ip;user_agent;wallet\n1;u1;02.07.2026 10:00;45.1.2.3;x;w1\n2;u1;01.01.2026 10:00;45.1.2.3;x;w2\n"
    )
    report = load(write("log-1.csv", text), mapping=mapping)
    assert report.accepted == {"sessions": 2, "identifiers": 2}
    account = Account.objects.get()
    assert account.is_created_at_derived
    assert account.created_at == datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert set(Identifier.objects.values_list("kind", flat=True)) == {"ip", "wallet"}
    load(write("accounts.csv", "account_id,created_at\nu1,2025-05-05T00:00:00Z\n"))
    account.refresh_from_db()
    assert (account.is_created_at_derived, account.created_at.year) == (False, 2025)


def test_a_naive_time_is_read_in_the_mappings_zone(load: Load, write: Write) -> None:
    mapping = (
        '[[source]]\nfile = "accounts"\n[source.time]\nzone = "America/New_York"\n[[source.table]]\ntable = "accounts"'
    )
    load(write("accounts.csv", "account_id,created_at\na1,2026-07-01T00:00:00\n"), mapping=mapping)
    assert Account.objects.get().created_at == datetime(2026, 7, 1, 4, tzinfo=UTC)


def test_a_load_that_fails_at_the_commit_leaves_nothing(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(write("accounts.csv", ACCOUNTS))

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("accounts.ingest.load.rejects_store", fail)
    path = write("exchanges.csv", EXCHANGES)
    report = load(path)
    assert report.exit_code == 4
    assert "The disk is full; nothing of exchanges.csv was loaded." in report.files[0].error["detail"]
    assert not EventDirectory.objects.exists()
    assert not list(store_root().rglob("*.parquet"))
    assert Account.objects.get(platform_id="a1").n_exchanges == 0
    monkeypatch.undo()
    assert load(path).accepted == {"exchanges": 3}


def test_directories_that_are_not_listed_go_at_the_next_load(load: Load, write: Write) -> None:
    load(write("accounts.csv", ACCOUNTS), write("exchanges.csv", EXCHANGES))
    dataset = dataset_get("main")
    orphan = store_root() / f"dataset-{dataset.pk}" / "d-orphan"
    orphan.mkdir()
    (orphan / "part-00000.parquet").write_bytes(b"left by a crash")
    assert len(event_paths(dataset)) == 1
    assert orphans_remove(dataset) == 1
    assert not orphan.exists()
    assert len(event_paths(dataset)) == 1


def test_datasets_never_mix(load: Load, write: Write) -> None:
    folder = _folder(write)
    load(folder, dataset="one")
    load(folder, dataset="two")
    assert Account.objects.filter(dataset__name="one").count() == 2
    assert Identifier.objects.values("dataset", "kind", "digest").distinct().count() == Identifier.objects.count()
    assert set(
        Sighting.objects.filter(account__dataset__name="one").values_list("identifier__dataset__name", flat=True)
    ) == {"one"}


def test_progress_is_written_to_the_files_row(load: Load, write: Write) -> None:
    load(_folder(write))
    for file in BatchFile.objects.all():
        assert file.n_bytes_read == file.n_bytes > 0
        assert file.n_rows_read > 0


@pytest.mark.parametrize(
    ("folder", "accounts", "identifiers"), [("hop", 22_410, 95_477), ("numpy-identities", 2_500, 22_627)]
)
def test_public_data_loads_whole(load: Load, real_data: Path, folder: str, accounts: int, identifiers: int) -> None:
    report = load(real_data / folder)
    assert report.exit_code == 0
    assert report.accepted == {"accounts": accounts, "identifiers": identifiers, "truth": accounts}
    assert not report.refused
    inputs = engine_inputs(dataset_get("main"))
    assert len(inputs.accounts) == accounts
    assert len(inputs.sightings) == identifiers


def test_shared_objects_load_by_their_mapping(load: Load, real_data: Path) -> None:
    mapping = (Path(__file__).parents[2] / "mappings" / "coortweet.toml").read_text()
    report = load(real_data / "coortweet", mapping=mapping)
    assert report.exit_code == 0
    assert report.accepted["identifiers"] + report.duplicates.get("identifiers", 0) == 35_125
    assert report.accepted["exchanges"] == 35_125
    assert Account.objects.filter(is_created_at_derived=True).count() == 9_509


class Undone(Exception):
    """Raised to undo what was done."""


def test_a_dataset_is_read_fast_when_its_tables_were_last_counted_empty(live_db: LiveDatabase, write: Write) -> None:
    """PostgreSQL then takes them for tables of one row, and used to look up each sighting by a walk over all."""
    n = 20_000
    write("accounts.csv", "account_id,created_at\n" + "".join(f"a{i},2026-01-01T00:00:00Z\n" for i in range(n)))
    rows = "".join(f"a{i},device_id,d{i}\n" for i in range(n))
    folder = write("identifiers.csv", "account_id,kind,value\n" + rows).parent
    with suppress(Undone), transaction.atomic():
        ingest_files([folder], dataset="undone", mapping=mapping_parse(""), strict=False)
        raise Undone
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE accounts_sighting, accounts_identifier, accounts_account")
    ingest_files([folder], dataset="main", mapping=mapping_parse(""), strict=False)
    with connections["default"].cursor() as cursor:
        cursor.execute("SET statement_timeout = '10s'")
    assert len(engine_inputs(dataset_get("main")).sightings) == n
