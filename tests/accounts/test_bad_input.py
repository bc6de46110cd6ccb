"""Bad input: a clear message, nothing lost, and the good rows land."""

from __future__ import annotations

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from accounts.ingest.problems import FileProblem
from accounts.models import Account, Identifier, Session, Sighting
from accounts.services.ingest import files_find
from tests.accounts.conftest import ACCOUNTS, SESSIONS, Load, Write, errors_of, rejects_of


def test_it_names_a_missing_column_and_what_is_there(load: Load, write: Write) -> None:
    report = load(write("accounts.csv", "account,created_at\na1,2026-01-01T00:00:00Z\n"))
    [error] = errors_of(report)
    assert report.exit_code == 2
    assert error["code"] == "missing_column"
    assert "no column “account_id”" in error["detail"]
    assert "account, created_at" in error["detail"]
    assert "[source.table.columns]" in error["what_to_do"]


def test_it_names_a_missing_column_of_a_file_without_rows(load: Load, write: Write) -> None:
    [error] = errors_of(load(write("accounts.csv", "account_id\n")))
    assert "no column “created_at”" in error["detail"]


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("yesterday", "wrong_time", "is not a time: write it as 2026-01-31T08:30:00Z"),
        ("2026-02-30T00:00:00Z", "wrong_time", "“2026-02-30T00:00:00Z” is not a time"),
        ("2026-01-01T00:00:00", "naive_time", "has no time zone: add Z or +02:00"),
        ("2026-01-01", "naive_time", "has no time zone"),
        ("1767225600000", "time_out_of_range", "outside 1970 to 2200"),
        ("", "missing_value", "is empty, but is required"),
    ],
)
def test_it_refuses_a_time_that_is_none(load: Load, write: Write, value: str, code: str, words: str) -> None:
    report = load(write("accounts.csv", f"account_id,created_at\na1,{value}\na2,1767225600.5\n"))
    [(line, column, found, reason)] = rejects_of(report)
    assert (line, column, found) == (2, "created_at", code)
    assert words in reason
    assert report.accepted == {"accounts": 1}
    assert report.refused == {"accounts": 1}
    assert report.exit_code == 0


def test_it_refuses_a_key_twice_with_other_content(load: Load, write: Write) -> None:
    text = ACCOUNTS + "a1,2026-01-01T00:00:00Z,one@example.org\na2,2026-01-02T00:00:00Z,other@example.org\n"
    report = load(write("accounts.csv", text))
    [(line, column, code, reason)] = rejects_of(report)
    assert (line, column, code) == (5, "account_id", "key_twice")
    assert "the same account_id stands on line 3 with other content" in reason
    assert report.accepted == {"accounts": 2}
    assert report.duplicates == {"accounts": 1}
    assert Identifier.objects.filter(kind="email").count() == 2


def test_it_refuses_an_exchange_twice_with_other_content(load: Load, write: Write) -> None:
    write("accounts.csv", ACCOUNTS)
    head = "account_id,occurred_at,exchange_id,content_fingerprint\n"
    rows = "a1,1767300000,x1,c1\na1,1767300001,x2,c2\na1,1767300000,x1,c1\na2,1767300000,x1,c1\na2,1767300009,,c1\n"
    report = load(write("exchanges.csv", head + rows).parent)
    [(line, _, code, reason)] = rejects_of(report)
    assert (line, code) == (5, "key_twice")
    assert "line 2" in reason
    assert report.accepted["exchanges"] == 3
    assert report.duplicates["exchanges"] == 1


def test_it_refuses_rows_in_mixed_encodings_and_nul_bytes_and_lone_surrogates(load: Load, write: Write) -> None:
    time = b",2026-01-01T00:00:00Z,"
    lines = [
        b"account_id,created_at,plan",
        b"a1" + time + b"fr\xc3\xa9e",
        b"a2" + time + b"fr\xe9e",
        b"a3" + time + b"x\0y",
    ]
    lines += [b"a4" + time + b"\xed\xa0\x80", b"a5" + time + b"ok"]
    report = load(write("accounts.csv", b"\xef\xbb\xbf" + b"\r\n".join(lines)))
    assert rejects_of(report) == [
        (3, "plan", "encoding", "is not valid UTF-8"),
        (4, "plan", "nul_byte", "holds a NUL byte"),
        (5, "plan", "encoding", "is not valid UTF-8"),
    ]
    assert set(Account.objects.values_list("platform_id", "plan")) == {("a1", "frée"), ("a5", "ok")}


def test_it_refuses_rows_with_the_wrong_number_of_fields_and_stray_quotes(load: Load, write: Write) -> None:
    text = 'account_id,created_at,plan\na1,1767225600,pro\na2,1767225600\na3,1767225600,"pro\na4,1767225600,pro\n'
    report = load(write("accounts.csv", text))
    found = rejects_of(report)
    assert [(line, code) for line, _, code, _ in found] == [(3, "field_count"), (4, "open_quote")]
    assert "has 2 fields where the header has 3" in found[0][3]
    assert "never closed" in found[1][3]
    assert report.accepted == {"accounts": 2}


def test_it_keeps_line_breaks_inside_quotes_and_counts_lines(load: Load, write: Write) -> None:
    text = 'account_id,created_at,plan\na1,1767225600,"a\nb"\n\na2,never,pro\n'
    report = load(write("accounts.csv", text))
    assert rejects_of(report)[0][0] == 5
    assert Account.objects.get().plan == "a\nb"


def test_it_survives_every_third_row_bad(load: Load, write: Write) -> None:
    rows = [f"a{i},{'never' if i % 3 == 0 else 1767225600 + i}" for i in range(30_000)]
    report = load(write("accounts.csv", "account_id,created_at\n" + "\n".join(rows)))
    assert report.refused == {"accounts": 10_000}
    assert report.accepted == {"accounts": 20_000}
    assert [line for line, *_ in rejects_of(report)][:3] == [2, 5, 8]


def test_it_survives_a_stray_quote_in_every_third_row(load: Load, write: Write) -> None:
    rows = [f"a{i},1767225600,{chr(34) if i % 3 == 0 else ''}x" for i in range(300)]
    report = load(write("accounts.csv", "account_id,created_at,plan\n" + "\n".join(rows) + "\n"))
    assert report.accepted["accounts"] + report.refused["accounts"] == 300
    assert report.accepted["accounts"] == 200


@pytest.mark.parametrize("cut", [9, 60])
def test_it_reads_nothing_of_a_truncated_gzip(load: Load, write: Write, cut: int) -> None:
    whole = gzip.compress(ACCOUNTS.encode() * 50)
    report = load(write("accounts.csv", ACCOUNTS), write("sessions.csv.gz", whole[:-cut]))
    [error] = errors_of(report)
    assert report.exit_code == 3
    assert error["code"] == "truncated"
    assert "cut short" in error["detail"]
    assert "nothing of it was loaded" in error["what_to_do"]
    assert Account.objects.count() == 2
    assert not Session.objects.exists()


def test_it_reads_nothing_of_a_truncated_parquet(load: Load, write: Write) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"account_id": ["a1"], "created_at": [1767225600]}), sink)
    report = load(write("accounts.parquet", sink.getvalue()[:-20]))
    [error] = errors_of(report)
    assert report.exit_code == 2
    assert error["code"] == "truncated"
    assert "is not a whole Parquet file" in error["detail"]


def test_it_refuses_rows_of_parquet_like_those_of_csv(load: Load, write: Write) -> None:
    sink = io.BytesIO()
    bad = pa.array([b"fine", b"\xff", b"x\0"], pa.binary())
    plan = pa.StringArray.from_buffers(3, bad.buffers()[1], bad.buffers()[2])
    times = pa.array([1767225600000000] * 3, pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"account_id": ["a1", "a2", "a3"], "created_at": times, "plan": plan}), sink)
    report = load(write("accounts.parquet", sink.getvalue()))
    assert [(line, column, code) for line, column, code, _ in rejects_of(report)] == [
        (2, "plan", "encoding"),
        (3, "plan", "nul_byte"),
    ]
    assert report.accepted == {"accounts": 1}


def test_it_refuses_naive_times_of_parquet(load: Load, write: Write) -> None:
    sink = io.BytesIO()
    times = pa.array([1767225600000000], pa.timestamp("us"))
    pq.write_table(pa.table({"account_id": ["a1"], "created_at": times}), sink)
    assert rejects_of(load(write("accounts.parquet", sink.getvalue())))[0][2] == "naive_time"


def test_it_says_that_a_file_is_empty(load: Load, write: Write) -> None:
    report = load(write("accounts.csv", ""))
    assert report.exit_code == 2
    assert errors_of(report)[0]["detail"] == "accounts.csv is empty."


def test_it_says_when_no_table_is_known(load: Load, write: Write) -> None:
    report = load(write("people.csv", ACCOUNTS))
    [error] = errors_of(report)
    assert report.exit_code == 2
    assert error["code"] == "no_table"
    assert "“people” names no table; there are accounts, sessions" in error["detail"]
    assert "--mapping" in error["what_to_do"]


def test_it_leaves_other_files_of_a_folder_alone(load: Load, write: Write) -> None:
    write("README.md", "hello")
    report = load(write("accounts.csv", ACCOUNTS).parent)
    assert report.exit_code == 0
    assert report.skipped == ["README.md"]


def test_it_reads_nothing_from_an_empty_folder(load: Load, write: Write) -> None:
    assert load(write("README.md", "hello").parent).exit_code == 2


def test_it_says_that_a_path_is_not_there(load: Load, write: Write) -> None:
    path = write("accounts.csv", ACCOUNTS)
    path.unlink()
    report = load(path)
    assert report.exit_code == 2
    assert "cannot be opened: No such file" in errors_of(report)[0]["detail"]


def test_it_says_that_a_file_is_utf16(load: Load, write: Write) -> None:
    assert errors_of(load(write("accounts.csv", ACCOUNTS.encode("utf-16"))))[0]["code"] == "encoding"


def test_it_refuses_unusable_identifiers(load: Load, write: Write) -> None:
    write("accounts.csv", ACCOUNTS)
    bad = SESSIONS + "s4,a1,2026-01-05T00:00:00Z,45.12.3.999,x\n"
    report = load(write("sessions.csv", bad).parent)
    [(line, column, code, reason)] = rejects_of(report)
    assert (line, column, code) == (5, "ip", "unusable_value")
    assert "not an IPv4 or IPv6 address" in reason
    assert report.accepted["sessions"] == 3


def test_it_refuses_wrong_numbers_and_choices_and_orders(load: Load, write: Write) -> None:
    write("accounts.csv", "account_id,created_at,status\na1,1767225600,active\na2,1767225600,sleeping\n")
    head = "session_id,account_id,started_at,ended_at,request_count\n"
    rows = "s1,a1,1767225600,1767225700,-3\ns2,a1,1767225600,1767225500,3\ns3,a1,1767225600,,2.5\n"
    report = load(write("sessions.csv", head + rows).parent)
    found = [(column, code) for _, column, code, _ in rejects_of(report)]
    assert sorted(found) == [
        ("ended_at", "ends_early"),
        ("request_count", "not_a_number"),
        ("request_count", "not_a_number"),
        ("status", "unknown_choice"),
    ]
    assert not Session.objects.exists()


def test_strict_refuses_the_whole_file(load: Load, write: Write) -> None:
    path = write("accounts.csv", ACCOUNTS + "a3,never,\n")
    report = load(path, strict=True)
    assert report.exit_code == 1
    assert not Account.objects.exists()
    assert not Identifier.objects.exists()
    assert len(rejects_of(report)) == 1
    assert load(path).accepted == {"accounts": 2}


def test_rows_of_unknown_accounts_wait_and_load_when_the_account_arrives(load: Load, write: Write) -> None:
    report = load(write("sessions.csv", SESSIONS))
    assert report.waiting == {"sessions": 3}
    assert report.exit_code == 0
    assert not Session.objects.exists()
    assert not Sighting.objects.exists()
    first = load(write("accounts.csv", ACCOUNTS.replace("a2,", "a9,")))
    assert first.arrived == {"sessions": 2}
    second = load(write("accounts-2.csv", ACCOUNTS))
    assert second.arrived == {"sessions": 1}
    assert Session.objects.count() == 3
    assert Account.objects.get(platform_id="a1").n_sessions == 2
    assert set(Sighting.objects.filter(account__platform_id="a1").values_list("identifier__kind", "n")) == {
        ("email", 1),
        ("ip", 1),
        ("user_agent", 2),
    }


def test_exchanges_wait_without_their_content(load: Load, write: Write) -> None:
    head = "account_id,occurred_at,exchange_id,content\n"
    path = write("exchanges.csv", head + "a1,1767300000,x1,the secret words of a person\n")
    assert load(path).waiting == {"exchanges": 1}
    assert load(write("accounts.csv", ACCOUNTS)).arrived == {"exchanges": 1}
    assert Account.objects.get(platform_id="a1").n_exchanges == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[source]", "not valid TOML"),
        ("x = 1", "unknown entry “x”"),
        ('name = "a"', "has no [[source]]"),
        ('[[source]]\nfile = "a"', "at least one [[source.table]]"),
        ('[[source]]\nfile = "a"\n[[source.table]]\ntable = "people"', "“people” is not a table"),
        (
            '[[source]]\nfile = "a"\n[source.time]\nzone = "Mars"\n[[source.table]]\ntable = "truth"',
            "“Mars” is not a time",
        ),
        (
            '[[source]]\nfile = "a"\n[[source.table]]\ntable = "truth"\n[source.table.columns]\nwho = "x"',
            "has no column “who”",
        ),
    ],
)
def test_it_says_what_is_wrong_with_a_mapping(text: str, words: str) -> None:
    from accounts.ingest.mapping import mapping_parse

    with pytest.raises(FileProblem, match=r"mapping|source|table|zone") as caught:
        mapping_parse(text)
    assert words in caught.value.reason


def test_it_finds_no_files_among_none() -> None:
    from accounts.ingest.mapping import Mapping

    assert files_find([], Mapping()).origins == []
