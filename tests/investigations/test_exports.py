from __future__ import annotations

import csv
import hashlib
import io
import os
import stat
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from openpyxl import load_workbook
from pypdf import PdfReader

from core import datasets
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.models import AuditEntry
from investigations.access import export_get_for
from investigations.models import Export
from investigations.reports.csv import HEAD_ROWS
from investigations.selectors import export_tables
from investigations.selectors.exports import export_list, export_row
from investigations.services import export_making, exports
from investigations.services.export_making import export_make
from investigations.services.exports import export_open, export_request, exports_remove_old, exports_to_hint
from investigations.services.verdicts import HypothesisInput, StandingInput, verdict_record
from investigations.tasks import export_task, exports_remove_old_task, exports_sweep
from tests.cast import Cast
from tests.databases import LiveDatabase
from tests.factories import accounts_make, dataset_make, network_make, run_make
from tests.investigations.decisions import answers, case_make, decision
from tests.processes import wait_until

EXPORTERS = {"investigator", "lead", "manager"}
DOC = Path(__file__).resolve().parents[2] / "docs" / "guide" / "exports.md"


def request(cast: Cast, **changed: Any) -> Export:
    given: dict[str, Any] = {"by": cast.people.investigator, "subject": "members", "format": "csv", "filters": {}}
    return export_request(cast.dataset, **given | changed)


def rows_of(export: Export) -> list[dict[str, str]]:
    path = export_open(export, by=export.requested_by).path
    lines = io.StringIO(path.read_bytes().decode(), newline="")
    for _ in range(HEAD_ROWS):
        next(lines)
    return list(csv.DictReader(lines))


def judged(cast: Cast) -> Any:
    return verdict_record(
        case_make(cast, title="=HYPERLINK(1)", ticket_id="@T"),
        cast.cards,
        by=cast.people.investigator,
        decision=decision(
            rationale="+1 reason",
            overrides={cast.cards_accounts[0].public_id: StandingInput("excluded", "-a bystander")},
        ),
    )


def test_it_exports_members_at_once_when_they_are_few(cast: Cast) -> None:
    export = request(cast)
    assert (export.state, export.n_rows, export.n_rows_total, export.attempts) == ("ready", 8, 8, 1)
    rows = rows_of(export)
    assert list(rows[0]) == [c.name for c in export_tables.MEMBER_COLUMNS]
    assert {r["account_id"] for r in rows} == {a.public_id for a in [*cast.cards_accounts, *cast.pair_accounts]}
    first = rows[0]
    assert (first["position"], first["actionable"], first["bits"], first["families"]) == (
        "core",
        "true",
        "24.0",
        "payment device",
    )
    assert first["created_at"] == "2026-06-01T12:00:00Z"


def test_the_file_is_private_digested_and_named(cast: Cast) -> None:
    file = export_open(request(cast), by=cast.people.investigator)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.digest
    assert file.n_bytes == file.path.stat().st_size
    assert file.name.startswith("hydrascope-main-members-run-1-")
    assert file.content_type == "text/csv; charset=utf-8"
    assert [p.name for p in file.path.parent.iterdir()] == [file.path.name]


def test_it_records_who_took_what_and_when(cast: Cast) -> None:
    export = request(cast, filters={"position": "core"})
    export_open(export, by=cast.people.investigator)
    told = list(AuditEntry.objects.filter(target=export.public_id).order_by("seq"))
    assert [t.action for t in told] == ["export.requested", "export.downloaded"]
    assert (told[0].details["n_rows"], told[0].details["filters"]["position"]) == (6, "core")
    assert told[1].details["digest"] == export.digest


def test_the_platforms_ids_are_shown_by_right_only(cast: Cast) -> None:
    shown = request(cast)
    hidden = request(cast, by=cast.people.manager)
    assert (shown.shows_platform_ids, hidden.shows_platform_ids) == (True, False)
    assert {r["platform_id"] for r in rows_of(shown)} >= {a.platform_id for a in cast.cards_accounts}
    assert {r["platform_id"] for r in rows_of(hidden)} == {""}
    verdict = judged(cast)
    standings = request(cast, by=cast.people.manager, subject="verdicts", filters={"table": "standings"})
    assert [r["platform_id"] for r in rows_of(standings)] == [""] * 6
    report = request(
        cast, by=cast.people.manager, subject="cluster_report", format="pdf", filters={"cluster": cast.cards.public_id}
    )
    text = pdf_text(report)
    assert verdict.public_id in text
    assert not [a for a in cast.cards_accounts if a.platform_id in text]


def test_only_people_who_export_may(cast: Cast) -> None:
    for role, person in cast.people.by_role().items():
        if role in EXPORTERS:
            assert request(cast, by=person).state == "ready"
        else:
            with pytest.raises(Forbidden):
                request(cast, by=person)
    assert Export.objects.count() == len(EXPORTERS)


def test_an_export_is_its_makers_alone(cast: Cast) -> None:
    export = request(cast)
    assert export_get_for(cast.people.investigator, export.public_id) == export
    for other in (cast.people.lead, cast.people.manager, cast.people.outsider):
        with pytest.raises((NotFound, Forbidden)):
            export_get_for(other, export.public_id)
    with pytest.raises(Conflict):
        export_open(export, by=cast.people.lead)
    assert export_list(cast.dataset, user=cast.people.lead).n_total == 0
    assert [r.public_id for r in export_list(cast.dataset, user=cast.people.investigator).items] == [export.public_id]


def test_it_exports_clusters_with_case_and_verdict(cast: Cast) -> None:
    judged(cast)
    rows = {r["cluster_id"]: r for r in rows_of(request(cast, subject="clusters"))}
    cards, pair = rows[cast.cards.public_id], rows[cast.pair.public_id]
    assert (cards["n_accounts"], cards["bits"], cards["case"], cards["case_state"]) == ("6", "24.0", "1", "decided")
    assert (cards["same_operator"], cards["abusive"]) == ("confirmed", "no")
    assert (pair["case"], pair["same_operator"], pair["families"]) == ("", "", "payment contact")
    filtered = request(cast, subject="clusters", filters={"min_accounts": "3", "families": ["payment"], "sort": "bits"})
    assert [r["cluster_id"] for r in rows_of(filtered)] == [cast.cards.public_id]


def test_it_filters_members(cast: Cast) -> None:
    def n(**filters: Any) -> int:
        return len(rows_of(request(cast, filters=filters)))

    assert n(cluster=cast.pair.public_id) == 2
    assert n(position="periphery") == 2
    assert n(actionable="true") == 6
    assert n(actionable=False, cluster=cast.cards.public_id) == 1


def test_it_exports_verdicts_and_standings_guarded(cast: Cast) -> None:
    verdict = judged(cast)
    (row,) = rows_of(request(cast, subject="verdicts"))
    assert (row["verdict_id"], row["case_title"], row["ticket_id"]) == (verdict.public_id, "'=HYPERLINK(1)", "'@T")
    assert (row["rationale"], row["hypothesis_team"], row["n_core"], row["n_excluded"]) == (
        "'+1 reason",
        "against",
        "4",
        "1",
    )
    standings = rows_of(request(cast, subject="verdicts", filters={"table": "standings"}))
    assert {(r["standing"], r["reason"]) for r in standings} == {
        ("core", ""),
        ("peripheral", ""),
        ("excluded", "'-a bystander"),
    }
    assert {r["is_standing"] for r in standings} == {"true"}


def test_a_workbook_of_verdicts_has_both_tables(cast: Cast) -> None:
    first = judged(cast)
    verdict_record(
        case_make(cast),
        cast.cards,
        by=cast.people.lead,
        decision=decision(
            same_operator="benign_shared",
            likelihood="unlikely",
            hypotheses=answers(team=HypothesisInput("for", "Staff")),
        ),
    )
    export = request(cast, subject="verdicts", format="xlsx")
    assert export.n_rows == 2 + 12
    book = load_workbook(export_open(export, by=cast.people.investigator).path)
    assert book.sheetnames == ["about", "verdicts", "standings"]
    assert (book["verdicts"].max_row, book["standings"].max_row) == (3, 13)
    assert book["verdicts"]["A3"].value == first.public_id


def pdf_text(export: Export) -> str:
    data = export_open(export, by=export.requested_by).path.read_bytes()
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def test_it_prints_a_report_of_a_cluster(cast: Cast) -> None:
    export = request(cast, subject="cluster_report", format="pdf", filters={"cluster": cast.cards.public_id})
    assert (export.state, export.error) == ("ready", None)
    text = pdf_text(export)
    assert "6 accounts look like one operator" in text
    assert "•••• 4417" in text
    assert "card-fingerprint" not in text
    assert "There is no verdict on this cluster" in text
    assert cast.cards_accounts[0].platform_id in text
    judged(cast)
    again = request(cast, subject="cluster_report", format="pdf", filters={"cluster": cast.cards.public_id})
    assert "case 1 “=HYPERLINK(1)”" in pdf_text(again)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"subject": "people"}, "subject"),
        ({"format": "pdf"}, "format"),
        ({"format": "exe"}, "format"),
        ({"subject": "cluster_report", "format": "csv"}, "format"),
        ({"subject": "cluster_report", "format": "pdf"}, "cluster"),
        ({"filters": {"positions": "core"}}, "positions"),
        ({"filters": {"position": "chief"}}, "position"),
        ({"filters": {"actionable": "perhaps"}}, "actionable"),
        ({"filters": {"cluster": "clu_000000000000"}}, "cluster"),
        ({"filters": {"cluster": "clu_' OR 1=1"}}, "filter"),
        ({"filters": {"run": "run_000000000000"}}, "run"),
        ({"subject": "clusters", "filters": {"sort": "name"}}, "sort"),
        ({"subject": "clusters", "filters": {"min_accounts": "many"}}, "min_accounts"),
        ({"subject": "verdicts", "filters": {"abusive": "very"}}, "abusive"),
        ({"subject": "verdicts", "filters": {"table": "users"}}, "table"),
        ({"subject": "verdicts", "filters": {"author": "me"}}, "filter"),
    ],
)
def test_it_names_what_can_not_be_exported(cast: Cast, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        request(cast, **changed)
    assert list(error.value.extra["fields"]) == [field]
    assert not Export.objects.exists()


@pytest.mark.parametrize("value", ["\x00", "\ud800", "x" * 201])
def test_it_refuses_filters_that_can_not_be_kept(cast: Cast, value: str) -> None:
    with pytest.raises(InvalidInput):
        request(cast, subject="verdicts", filters={"text": value})


def test_an_empty_dataset_has_nothing_to_take_out(cast: Cast) -> None:
    empty = dataset_make("empty")
    with pytest.raises(Conflict) as error:
        export_request(empty, by=cast.people.lead, subject="clusters", format="csv")
    assert error.value.code == "no_run"
    run_make(empty)
    export = export_request(empty, by=cast.people.lead, subject="clusters", format="xlsx")
    assert (export.state, export.n_rows) == ("ready", 0)
    assert rows_of(export_request(empty, by=cast.people.lead, subject="verdicts", format="csv")) == []
    with pytest.raises(InvalidInput):
        export_request(
            empty,
            by=cast.people.lead,
            subject="cluster_report",
            format="pdf",
            filters={"cluster": cast.cards.public_id},
        )


def test_it_says_so_when_a_runs_members_are_gone(cast: Cast) -> None:
    cast.run.has_rows = False
    cast.run.save()
    with pytest.raises(Conflict) as error:
        request(cast)
    assert error.value.code == "run_without_rows"


def test_a_newer_run_does_not_change_what_was_asked_for(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
    export = request(cast)
    network_make(run_make(cast.dataset), accounts_make(cast.dataset, 2), [_card()])
    export_make(export.pk)
    export.refresh_from_db()
    assert {r["run"] for r in rows_of(export)} == {"1"}
    assert export.n_rows == 8


def test_a_large_one_waits_for_a_worker(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 7)
    export = request(cast)
    assert (export.state, export.n_rows, export.n_rows_total) == ("queued", 0, 8)
    with pytest.raises(Conflict) as error:
        export_open(export, by=cast.people.investigator)
    assert error.value.code == "export_not_ready"
    export_task(export.pk)
    export_task(export.pk)  # a message that comes twice
    export.refresh_from_db()
    assert (export.state, export.attempts) == ("ready", 1)
    assert len(rows_of(export)) == 8


def test_one_worker_has_it_until_it_goes_stale(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
    export = request(cast)
    held = export_making._claim(export.pk)
    assert held is not None
    assert export_make(export.pk) is None
    assert exports_to_hint() == []
    stale = timezone.now() - export_making.STALE_AFTER - timedelta(seconds=1)
    Export.objects.filter(pk=export.pk).update(heartbeat_at=stale)
    assert exports_to_hint() == [export]
    done = export_make(export.pk)
    assert done is not None
    assert (done.state, done.attempts) == ("ready", 2)
    assert not export_making._own(held).exists()  # the first worker no longer holds it


def test_it_gives_up_after_three_attempts(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
    export = request(cast)

    def broken(*_: Any, **__: Any) -> int:
        raise RuntimeError("secret 4417")

    monkeypatch.setattr(export_making, "csv_write", broken)
    states = [(found.state, found.attempts) for _ in range(3) if (found := export_make(export.pk))]
    assert states == [("queued", 1), ("queued", 2), ("failed", 3)]
    export.refresh_from_db()
    assert export.error["code"] == "export_failed"
    assert "secret 4417" not in str(export.error)
    with pytest.raises(Conflict):
        export_open(export, by=cast.people.investigator)


def test_a_worker_that_dies_three_times_ends_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
    export = request(cast)
    Export.objects.filter(pk=export.pk).update(state="working", attempts=3, heartbeat_at=None)
    assert export_make(export.pk) is None
    export.refresh_from_db()
    assert (export.state, export.error["code"]) == ("failed", "export_failed")


def test_a_full_disk_is_said_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_making, "csv_write", full)
    export = request(cast)
    assert export.state == "failed"
    assert "No space left on device" in export.error["detail"]
    assert export_row(export).error == export.error
    assert not list((exports.export_folder() / str(cast.dataset.pk)).iterdir())


def test_files_go_after_a_day(cast: Cast) -> None:
    old, new = request(cast), request(cast)
    orphan = exports.export_path(old).with_name("orphan.csv")
    orphan.write_text("x")
    half = orphan.with_name(".half.1")
    half.mkdir()
    (half / "part.csv").write_text("x")
    long_ago = (timezone.now() - timedelta(hours=30)).timestamp()
    for path in (orphan, half):
        os.utime(path, (long_ago, long_ago))
    Export.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(hours=25))
    assert exports_remove_old_task() == 1
    old.refresh_from_db()
    assert old.state == "expired"
    assert [p.name for p in orphan.parent.iterdir()] == [exports.export_path(new).name]
    with pytest.raises(Conflict) as error:
        export_open(old, by=cast.people.investigator)
    assert (error.value.code, error.value.status) == ("export_gone", 410)
    assert AuditEntry.objects.filter(target=old.public_id, action="export.removed").exists()
    assert exports_remove_old() == 0
    assert export_row(new).expires_at == new.finished_at + timedelta(hours=24)


def test_a_file_that_vanished_is_gone(cast: Cast) -> None:
    export = request(cast)
    exports.export_path(export).unlink()
    with pytest.raises(Conflict) as error:
        export_open(export, by=cast.people.investigator)
    assert error.value.code == "export_gone"


def test_a_deleted_dataset_takes_its_files_along(cast: Cast) -> None:
    path = exports.export_path(request(cast))
    for remove in datasets.file_removers():
        remove(cast.dataset.pk)
    assert not path.exists()


def test_50_000_rows_come_out_whole_in_memory_that_does_not_grow(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    many(cast, 50_000)
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
    export = request(cast)
    assert (export.state, export.n_rows_total) == ("queued", 50_008)
    export_making.export_make(request(cast, filters={"cluster": cast.pair.public_id}).pk)  # imports are done
    tracemalloc.start()
    export_make(export.pk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    export.refresh_from_db()
    assert (export.state, export.n_rows) == ("ready", 50_008)
    assert export.n_bytes > 5_000_000
    assert peak < 25_000_000  # a chunk of 5,000 rows, not all of them
    rows = rows_of(export)
    assert len({r["account_id"] for r in rows}) == 50_008


def many(cast: Cast, n: int) -> None:
    """`n` more accounts, members of `cards`, made inside the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO accounts_account (public_id, dataset_id, platform_id, created_at, is_created_at_derived,
                 status, organization, country, plan, entry_path, extra,
                 n_sessions, n_exchanges, n_input_tokens, n_output_tokens)
               SELECT 1000000 + i, %s, 'many-' || i, now(), false, 'active', '', '', '', '', '{}', 0, 0, 0, 0
               FROM generate_series(1, %s) i""",
            [cast.dataset.pk, n],
        )
        cursor.execute(
            """INSERT INTO investigations_member
                 (version_id, account_id, position, is_actionable, bits, degree, families)
               SELECT %s, id, 'core', true, 9000, 1, 1 FROM accounts_account WHERE platform_id LIKE 'many-%%'""",
            [cast.cards.current_id],
        )


@pytest.mark.parametrize("table", ["CLUSTER", "MEMBER", "VERDICT", "STANDING"])
def test_every_column_is_documented(table: str) -> None:
    text = DOC.read_text("utf-8")
    columns = getattr(export_tables, f"{table}_COLUMNS")
    assert not [column.name for column in columns if f"`{column.name}`" not in text]


@pytest.mark.xdist_group("workers")
def test_a_worker_makes_what_the_sweeper_finds(live_db: LiveDatabase, celery_worker: Any, settings: Any) -> None:
    from tests.cast import cast_make, people_make

    settings.HYDRASCOPE_HOME = Path(live_db.environment["HYDRASCOPE_HOME"])
    cast = cast_make(people_make())
    export = Export.objects.create(
        dataset=cast.dataset,
        subject="members",
        format="xlsx",
        filters={"run": cast.run.public_id},
        requested_by=cast.people.lead,
        n_rows_total=8,
    )
    Export.objects.filter(pk=export.pk).update(created_at=timezone.now() - timedelta(minutes=1))
    assert exports_sweep() == 1
    wait_until(lambda: Export.objects.get(pk=export.pk).state == "ready", 40)
    export.refresh_from_db()
    assert (export.state, export.n_rows) == ("ready", 8)
    assert load_workbook(exports.export_path(export))["members"].max_row == 9


def _card() -> Any:
    from accounts.models import Identifier

    return Identifier.objects.get(mask="•••• 4417"), "payment"
