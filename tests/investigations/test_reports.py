from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from investigations.reports.cluster_report import (
    ClusterReport,
    ExplanationLine,
    Fact,
    FamilyLine,
    MemberLine,
    ValueLine,
    VerdictBlock,
    cluster_report_pdf,
)
from investigations.reports.csv import HEAD_ROWS, csv_write
from investigations.reports.guard import TRIGGERS, text_guard
from investigations.reports.table import Column, Head, Row, Sheet
from investigations.reports.xlsx import xlsx_write

AT = datetime(2026, 6, 1, 14, 0, tzinfo=UTC)
HEAD = Head("Members", "main", "42 (run_1)", "position: core", AT, "Mara")
COLUMNS = (Column("text", "A text"), Column("n", "A number"), Column("at", "A time"))
HOSTILE = '#read("/etc/passwd") *bold* $x$ _y_ = <script>alert("1")</script> \\ // [x] @ref'


def sheet(*rows: Row) -> Sheet:
    return Sheet("members", COLUMNS, rows)


def csv_rows(tmp_path: Path, *rows: Row) -> list[list[str]]:
    path = tmp_path / "out.csv"
    csv_write(path, HEAD, sheet(*rows))
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))[HEAD_ROWS + 1 :]


@pytest.mark.parametrize("sign", sorted(TRIGGERS), ids=lambda c: f"U+{ord(c):04X}")
@pytest.mark.parametrize("before", ["", " ", "\u00a0", "\u200b\u3000", "\ufeff"], ids=ascii)
def test_it_guards_every_sign_that_starts_a_formula(tmp_path: Path, sign: str, before: str) -> None:
    text = f"{before}{sign}cmd|' /C calc'!A0"
    cell = csv_rows(tmp_path, [text, 1, AT])[0][0]
    assert cell == "'" + text.replace("\x00", "␀")


def test_every_trigger_is_one_that_the_standard_names() -> None:
    assert {"=", "+", "-", "@", "\t", "\r", "\x00"} <= TRIGGERS
    assert {chr(ord(c) + 0xFEE0) for c in "=+-@"} <= TRIGGERS


@pytest.mark.parametrize("text", ["", "plain", "1+1", "a=b", "x@example.org", "2026-06-01", "'quoted", " spaced "])
def test_it_leaves_harmless_texts_alone(text: str) -> None:
    assert text_guard(text) == text


def test_it_exempts_real_numbers_by_type(tmp_path: Path) -> None:
    rows = csv_rows(tmp_path, ["-5", -5, AT], ["x", -1.5, None], ["y", True, AT])
    assert rows[0] == ["'-5", "-5", "2026-06-01T14:00:00Z"]
    assert rows[1] == ["x", "-1.5", ""]
    assert rows[2][1] == "true"


def test_a_separator_inside_a_text_starts_no_cell_in_any_locale(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    csv_write(path, HEAD, sheet(['a;=1+1,"b"\n=2', 1, AT]))
    assert b'"a;=1+1,""b""\n=2",1,' in path.read_bytes()


def test_a_csv_says_where_it_is_from(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    hostile = replace(HEAD, made_by="=cmd()", filters="@x")
    assert csv_write(path, hostile, sheet()) == 0
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert rows[:HEAD_ROWS] == [
        ["# export", "Members"],
        ["# dataset", "main"],
        ["# run", "42 (run_1)"],
        ["# filters", "'@x"],
        ["# made", "2026-06-01T14:00:00Z by =cmd()"],
        ["# note", HEAD.note],
    ]
    assert rows[HEAD_ROWS:] == [["text", "n", "at"]]


def test_times_come_out_in_utc(tmp_path: Path) -> None:
    from datetime import timezone

    there = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert csv_rows(tmp_path, ["x", 1, there])[0][2] == "2026-06-01T14:00:00Z"


def test_a_workbook_holds_texts_numbers_and_times_by_type(tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    assert xlsx_write(path, HEAD, [sheet(["=1+1", -5, AT], ["https://x.example/", 1.5, None], ["＝1", True, AT])]) == 3
    book = load_workbook(path)
    assert book.sheetnames == ["about", "members"]
    page = book["members"]
    assert [c.value for c in page[1]] == ["text", "n", "at"]
    assert (page["A2"].value, page["A2"].data_type, page["B2"].value) == ("=1+1", "s", -5)
    assert page["C2"].value == datetime(2026, 6, 1, 14, 0)
    assert (page["A3"].hyperlink, page["C3"].value, page["B4"].value) == (None, None, True)
    about = {row[0].value: row[1].value for row in book["about"].iter_rows()}
    assert (about["run"], about["dataset"], about["text"]) == ("42 (run_1)", "main", "A text")
    with zipfile.ZipFile(path) as inside:
        assert not [n for n in inside.namelist() if b"<f>" in inside.read(n)]


def test_a_full_sheet_goes_on_in_the_next(tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    rows = [[f"row {i}", i, AT] for i in range(25)]
    assert xlsx_write(path, HEAD, [sheet(*rows)], sheet_rows=11) == 25
    book = load_workbook(path)
    assert book.sheetnames == ["about", "members", "members 2", "members 3"]
    assert [book[n].max_row for n in book.sheetnames[1:]] == [11, 11, 6]
    assert book["members 3"]["A1"].value == "text"
    assert book["members 3"]["B6"].value == 24


def test_an_empty_workbook_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    assert xlsx_write(path, HEAD, [sheet()]) == 0
    assert load_workbook(path)["members"].max_row == 1


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, kind: str) -> None:
    def rows(n: int) -> Iterator[Row]:
        return ([f"account {i} {'x' * 100}", i, AT] for i in range(n))

    def peak(n: int) -> int:
        tracemalloc.start()
        table = Sheet("members", COLUMNS, rows(n))
        if kind == "csv":
            assert csv_write(tmp_path / "out", HEAD, table) == n
        else:
            assert xlsx_write(tmp_path / "out", HEAD, [table]) == n
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    small, large = peak(500), peak(10_000)
    assert large < small + 300_000  # the rows alone are 1.5 MB


def test_progress_is_told_on_the_way_and_at_the_end(tmp_path: Path) -> None:
    told: list[int] = []
    rows = ([str(i), i, AT] for i in range(12_000))
    csv_write(tmp_path / "out.csv", HEAD, Sheet("members", COLUMNS, rows), progress=told.append)
    assert told == [5_000, 10_000, 12_000]


# --- the printed report -----------------------------------------------------------------------------------------------


def report(**changed: object) -> ClusterReport:
    member = MemberLine("acc_7Q4KD2XM3T9B", "user-1", "Core", True, 64.0, 18, ("payment", "client"), AT, 146, 1_668)
    whole = ClusterReport(
        title="812 accounts look like one operator",
        sentence="Strongest: shared payment.",
        cluster="clu_7Q4KD2XM3T9B",
        dataset="main",
        run_number=42,
        run_finished_at=AT,
        engine_version="1",
        model_digest="9d3a" * 16,
        input_digest="77aa" * 16,
        made_at=AT,
        made_by="Mara Lind",
        facts=(Fact("Members", "812"), Fact("Links", "14,806")),
        families=(
            FamilyLine("payment", "Payment", 18.2, 0, 9_000, 1),
            FamilyLine("network", "Network", 6.1, -1.2, 8_000, 3),
        ),
        fragility="Without network it falls into 3 parts.",
        values=(ValueLine("payment", "Payment card", "•••• 4417", 64, 64, 18.2, False),),
        explanations=(ExplanationLine("Team", "against", "Against", "No shared domain."),),
        explanations_from="As Mara answered them.",
        verdict=None,
        members=(member,),
        n_members=1,
        shows_platform_ids=True,
    )
    return replace(whole, **changed)


VERDICT = VerdictBlock(
    public_id="ver_7Q4KD2XM3T9B",
    case="case 12 “Pool”",
    same_operator="Confirmed",
    abusive="Yes",
    likelihood="Very likely (80–95 %)",
    confidence="High",
    policy="AUP 4.2",
    rationale=f"First line.\nSecond {HOSTILE}",
    author="Mara Lind",
    created_at=AT,
    run_number=42,
    standings=(Fact("core", "641"), Fact("excluded", "21")),
    frozen_digest="ab" * 32,
)


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_the_report_says_all_that_it_should() -> None:
    pdf = cluster_report_pdf(report(verdict=VERDICT))
    text = text_of(pdf)
    for part in (
        "812 accounts look like one operator",
        "Linked is not guilty",
        "Payment",
        "+18.2",
        "−1.2",
        "•••• 4417",
        "Against",
        "No shared domain.",
        "Confirmed",
        "641 core · 21 excluded",
        "case 12 “Pool”",
        "All 1 members",
        "user-1",
        "Run 42",
        "9d3a9d3a9d3a9d3a",
        "Page 1 of",
        "1,668",
    ):
        assert part in text, part
    assert PdfReader(io.BytesIO(pdf)).metadata.title == "812 accounts look like one operator"


@pytest.mark.parametrize("text", [HOSTILE, "#panic()", "=1+1", "\\u{41} ${x} `raw`", "a" * 300])
def test_hostile_texts_come_out_as_they_are(text: str) -> None:
    made = cluster_report_pdf(report(title=text, verdict=replace(VERDICT, rationale=text)))
    found = text_of(made)
    assert found.replace(" ", "").count(text.replace(" ", "")) >= 2
    assert "root:" not in found


def test_the_report_is_honest_about_what_it_leaves_out() -> None:
    text = text_of(cluster_report_pdf(report(n_members=24_000, shows_platform_ids=False)))
    assert "1 of 24,000 members shown" in text
    assert "user-1" not in text
    assert "There is no verdict on this cluster" in text


def test_a_bare_report_is_made_too() -> None:
    bare = report(families=(), values=(), explanations=(), members=(), n_members=0, facts=(), fragility="", sentence="")
    assert "No family has evidence" in text_of(cluster_report_pdf(bare))


def test_the_same_report_gives_the_same_bytes() -> None:
    assert cluster_report_pdf(report(verdict=VERDICT)) == cluster_report_pdf(report(verdict=VERDICT))
