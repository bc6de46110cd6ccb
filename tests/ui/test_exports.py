"""Pages of exports: one's own list, asking for a file, watching it being made, the download, and who may not."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook
from pypdf import PdfReader

from core.models import AuditEntry, Dataset
from investigations.models import Export
from investigations.models.choices import ExportState
from investigations.services import exports
from investigations.services.export_making import export_make
from investigations.services.exports import export_request
from investigations.services.verdicts import verdict_record
from tests.cast import Cast
from tests.factories import dataset_make
from tests.investigations.decisions import case_make, decision
from tests.ui.pages import malformed_ids

HOSTILE = '"><script>alert(1)</script>{{ 7|add:7 }}\u202e'
CREATE = "/exports/new/"


@pytest.fixture
def investigator(cast: Cast, client: Client) -> Client:
    client.force_login(cast.people.investigator)
    return client


@pytest.fixture
def queued(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[Export]:
    """An export that is too large to be made at once."""
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
    yield request(cast)


def request(cast: Cast, **changed: Any) -> Export:
    given: dict[str, Any] = {"by": cast.people.investigator, "subject": "members", "format": "csv", "filters": {}}
    return export_request(cast.dataset, **given | changed)


def ask(client: Client, **sent: Any) -> Any:
    return client.post(CREATE, {"dataset": "main", "subject": "members", "format": "csv"} | sent, follow=True)


def page(export: Export, part: str = "detail") -> str:
    return reverse(f"export-{part}", args=[export.public_id])


def text_of(response: Any) -> str:
    return str(response.content.decode())


def file_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


# --- taking out -------------------------------------------------------------------------------------------------------


def test_a_small_list_is_downloaded_at_once(cast: Cast, investigator: Client) -> None:
    found = ask(investigator)
    export = Export.objects.get()
    assert found.redirect_chain[-1][0] == page(export, "download")
    data = file_of(found)
    assert found.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert found.headers["Content-Disposition"].startswith("attachment; filename=")
    assert int(found.headers["Content-Length"]) == len(data)
    assert "no-store" in found.headers["Cache-Control"]
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert all(a.public_id in data.decode() for a in (*cast.cards_accounts, *cast.pair_accounts))
    assert AuditEntry.objects.filter(action="export.downloaded", target=export.public_id).count() == 1


def test_a_workbook_and_a_report_come_out_too(cast: Cast, investigator: Client) -> None:
    book = load_workbook(io.BytesIO(file_of(ask(investigator, subject="clusters", format="xlsx"))))
    assert "clusters" in book.sheetnames
    report = ask(investigator, subject="cluster_report", format="pdf", cluster=cast.cards.public_id)
    text = " ".join(p.extract_text() for p in PdfReader(io.BytesIO(file_of(report))).pages)
    assert cast.cards.public_id in text


def test_a_list_takes_its_filters_along(cast: Cast, investigator: Client) -> None:
    text = file_of(ask(investigator, cluster=cast.pair.public_id, position=["", "core"])).decode()
    expected = {"cluster": cast.pair.public_id, "position": "core", "run": cast.run.public_id}
    assert Export.objects.get().filters == expected
    assert cast.pair_accounts[0].public_id in text
    assert cast.cards_accounts[0].public_id not in text


def test_platform_ids_leave_by_right_only(cast: Cast, client: Client) -> None:
    verdict_record(case_make(cast), cast.cards, by=cast.people.investigator, decision=decision())
    everything: list[dict[str, str]] = [
        {"subject": "members"},
        {"subject": "clusters"},
        {"subject": "verdicts"},
        {"subject": "verdicts", "table": "standings"},
    ]
    ids = [a.platform_id for a in (*cast.cards_accounts, *cast.pair_accounts)]
    client.force_login(cast.people.manager)
    for sent in everything:
        text = file_of(ask(client, **sent)).decode()
        assert not [i for i in ids if i in text], sent
    assert "our ids only" in text_of(client.get(reverse("export-list")))
    client.force_login(cast.people.investigator)
    text = file_of(ask(client)).decode()
    assert all(i in text for i in ids)
    assert "platform&#x27;s own ids" in text_of(client.get(reverse("export-list")))


def test_no_export_holds_a_value_of_a_person(cast: Cast, investigator: Client) -> None:
    verdict_record(case_make(cast), cast.cards, by=cast.people.investigator, decision=decision())
    for subject in ("members", "clusters", "verdicts"):
        text = file_of(ask(investigator, subject=subject)).decode()
        assert "+31612345678" not in text
        assert "card-fingerprint-4417" not in text


@pytest.mark.parametrize(
    "sent",
    [
        {"subject": "people"},
        {"subject": ""},
        {"format": "exe"},
        {"format": "pdf"},
        {"subject": "cluster_report", "format": "csv"},
        {"subject": "cluster_report", "format": "pdf"},
        {"cluster": "clu_000000000000"},
        {"cluster": HOSTILE},
        {"cluster": "\x00"},
        {"nope": "1"},
        {"position": "chief"},
    ],
)
def test_what_can_not_be_exported_is_said_and_the_form_kept(
    sent: dict[str, str], cast: Cast, investigator: Client
) -> None:
    found = ask(investigator, **sent)
    assert found.status_code == 400
    text = text_of(found)
    assert "Nothing was exported." in text or "failed" in text
    assert "<script>alert" not in text
    assert "\x00" not in text
    kept = {"subject": "members", "format": "csv"} | sent
    for name in ("subject", "format"):
        if kept[name] in ("members", "cluster_report", "csv", "pdf"):
            assert f'name="{name}" value="{kept[name]}" checked' in text
    assert not Export.objects.exists()


def test_an_unknown_dataset_is_not_found(cast: Cast, investigator: Client) -> None:
    assert ask(investigator, dataset="nope").status_code == 404


def test_without_any_dataset_there_is_nothing_to_ask_for(people: Any, client: Client) -> None:
    Dataset.objects.all().delete()
    client.force_login(people.lead)
    assert "Take something out" not in text_of(client.get(reverse("export-list")))
    assert client.post(CREATE, {"subject": "members", "format": "csv"}).status_code == 409


# --- a large one ------------------------------------------------------------------------------------------------------


def test_a_large_one_goes_to_its_page_and_a_worker(
    cast: Cast, investigator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Export] = []
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
    monkeypatch.setattr("investigations.ui.views.exports.export_enqueue", handed.append)
    found = ask(investigator)
    export = Export.objects.get()
    assert handed == [export]
    assert found.redirect_chain[-1][0] == page(export)
    assert "Waiting for a worker." in text_of(found)


def test_its_page_asks_again_until_the_file_is_there(queued: Export, investigator: Client) -> None:
    for part in ("detail", "progress"):
        text = text_of(investigator.get(page(queued, part)))
        assert 'hx-trigger="every 1s"' in text
        assert page(queued, "progress") in text
        assert page(queued, "download") not in text
    assert investigator.get(page(queued, "download")).status_code == 409
    export_make(queued.pk)
    for part in ("detail", "progress"):
        text = text_of(investigator.get(page(queued, part)))
        assert "hx-trigger" not in text
        assert page(queued, "download") in text
    assert "<html" not in text_of(investigator.get(page(queued, "progress")))
    assert file_of(investigator.get(page(queued, "download"))).count(b"acc_") == 8


def test_a_failed_one_says_why(queued: Export, investigator: Client) -> None:
    error = {"detail": f"The disk is full. {HOSTILE}", "what_to_do": "Free some."}
    Export.objects.filter(pk=queued.pk).update(state=ExportState.FAILED, error=error)
    text = text_of(investigator.get(page(queued)))
    assert "The file could not be made." in text
    assert "Free some." in text
    assert "<script>alert" not in text
    assert "hx-trigger" not in text


def test_an_expired_one_can_not_be_downloaded(queued: Export, investigator: Client) -> None:
    Export.objects.filter(pk=queued.pk).update(state=ExportState.EXPIRED)
    assert "removed after 24 hours" in text_of(investigator.get(page(queued)))
    assert investigator.get(page(queued, "download")).status_code in (404, 409, 410)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(cast: Cast, investigator: Client) -> None:
    assert "You have taken nothing out of this dataset" in text_of(investigator.get(reverse("export-list")))


def test_the_list_shows_ones_own(cast: Cast, investigator: Client) -> None:
    mine, theirs = request(cast), request(cast, by=cast.people.lead)
    text = text_of(investigator.get(reverse("export-list")))
    assert page(mine) in text
    assert page(mine, "download") in text
    assert page(theirs) not in text


@pytest.mark.parametrize("query", ["page=9", "page=x", "page=-1", "page=99999999999999"])
def test_pages_that_are_none(query: str, cast: Cast, investigator: Client) -> None:
    request(cast)
    assert investigator.get(f"{reverse('export-list')}?{query}").status_code == 200


def test_filters_are_escaped(cast: Cast, investigator: Client) -> None:
    export = request(cast, subject="verdicts", filters={"text": HOSTILE.replace("\u202e", "")})
    text = text_of(investigator.get(page(export)))
    assert "<script>alert" not in text
    assert "{{ 7|add:7 }}" in text


def test_a_page_costs_the_same_however_many_there_are(
    cast: Cast, investigator: Client, django_assert_num_queries: Any
) -> None:
    request(cast)
    investigator.get(reverse("export-list"))
    with CaptureQueriesContext(connection) as few:
        investigator.get(reverse("export-list"))
    for _ in range(4):
        request(cast)
    with django_assert_num_queries(len(few)):
        investigator.get(reverse("export-list"))


# --- who may ----------------------------------------------------------------------------------------------------------


def test_strangers_sign_in(cast: Cast, client: Client) -> None:
    export = request(cast)
    addresses = [reverse("export-list"), *(page(export, part) for part in ("detail", "progress", "download"))]
    assert {client.get(address).status_code for address in addresses} == {302}
    assert client.post(CREATE, {"subject": "members", "format": "csv"}).status_code == 302
    assert Export.objects.count() == 1


@pytest.mark.parametrize("role", ["viewer", "integration", "administrator", "outsider"])
def test_who_may_not_export_is_refused(role: str, cast: Cast, client: Client) -> None:
    export = request(cast)
    client.force_login(getattr(cast.people, role))
    addresses = [reverse("export-list"), *(page(export, part) for part in ("detail", "progress", "download"))]
    assert {client.get(address).status_code for address in addresses} == {403}
    assert ask(client).status_code == 403
    assert Export.objects.count() == 1


def test_somebody_elses_export_is_not_found(cast: Cast, client: Client) -> None:
    export = request(cast)
    client.force_login(cast.people.lead)
    assert {client.get(page(export, part)).status_code for part in ("detail", "progress", "download")} == {404}
    assert not AuditEntry.objects.filter(action="export.downloaded").exists()


def test_an_export_is_of_its_dataset(cast: Cast, investigator: Client) -> None:
    export = request(cast)
    dataset_make("other")
    assert investigator.get(f"{page(export)}?dataset=other").status_code == 404
    assert page(export) not in text_of(investigator.get(f"{reverse('export-list')}?dataset=other"))


@pytest.mark.parametrize("part", ["detail", "progress", "download"])
@pytest.mark.parametrize("public_id", malformed_ids("exp"))
def test_an_id_that_is_none_is_not_found(part: str, public_id: str, cast: Cast, investigator: Client) -> None:
    rest = "" if part == "detail" else f"{part}/"
    assert investigator.get(f"/exports/{public_id}/{rest}").status_code in (404, 405)


def test_methods_and_token(cast: Cast, investigator: Client) -> None:
    export = request(cast)
    assert investigator.get(CREATE).status_code == 405
    for part in ("detail", "progress", "download"):
        assert investigator.post(page(export, part)).status_code == 405
    assert investigator.post(reverse("export-list")).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.people.investigator)
    assert ask(strict).status_code == 403


# --- the menu on other pages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/clusters/{cluster}/", "/clusters/{cluster}/activity/", "/verdicts/"])
def test_a_page_has_one_menu_for_everything_that_leaves_it(cast: Cast, investigator: Client, path: str) -> None:
    verdict_record(case_make(cast), cast.cards, by=cast.people.investigator, decision=decision())
    found = text_of(investigator.get(path.format(cluster=cast.cards.public_id)))
    assert len(re.findall(r"</svg>\s*Export</summary>", found)) == 1
    outside = re.sub(
        r'<details class="menu" data-menu><summary class="button">.*?</details>', "", found, flags=re.DOTALL
    )
    assert ".csv" not in outside and 'value="xlsx"' not in outside


def test_a_charts_rows_leave_without_a_right_and_of_the_run_that_is_shown(cast: Cast, client: Client) -> None:
    client.force_login(cast.people.viewer)
    cluster, run = f"/clusters/{cast.cards.public_id}", cast.run.public_id
    found = text_of(client.get(f"{cluster}/activity/?run={run}"))
    assert f'href="{cluster}/activity.csv?run={run}"' in found
    assert 'value="cluster_report"' not in found
    assert client.get(f"{cluster}/activity.csv?run={run}").status_code == 200
    assert "Export</summary>" not in text_of(client.get(f"{cluster}/lineage/"))
