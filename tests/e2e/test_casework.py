"""From the queue to a case, a verdict and a file taken out, in a browser; and axe on every page of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from investigations.models import Case, Export, Verdict
from investigations.models.choices import Hypothesis
from investigations.services.exports import export_request
from investigations.services.verdicts import verdict_record
from tests.cast import Cast
from tests.e2e.conftest import Console
from tests.investigations.decisions import case_make, decision


def paths(cast: Cast) -> dict[str, str]:
    """Every page of casework, with a case, a verdict and an export to show."""
    case = case_make(cast, clusters=[cast.cards, cast.pair], accounts=cast.neighbours[:1])
    verdict = verdict_record(case, cast.cards, by=cast.people.investigator, decision=decision())
    export = export_request(cast.dataset, by=cast.people.lead, subject="members", format="csv", filters={})
    return {
        "cases": "/cases/",
        "open": f"/cases/open/?cluster={cast.pair.public_id}",
        "case": f"/cases/{case.public_id}/",
        "verdict form": f"/cases/{case.public_id}/verdict/{cast.pair.public_id}/",
        "verdicts": "/verdicts/",
        "verdict": f"/verdicts/{verdict.public_id}/",
        "exports": "/exports/",
        "export": f"/exports/{export.public_id}/",
    }


def test_from_the_queue_to_a_verdict_and_a_file(console: Console) -> None:
    page, cast = console.open("/"), console.cast
    page.locator("input[data-select]").first.check()
    page.locator("[data-selection]").get_by_role("button", name="Open a case").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Open a case over 1 cluster")
    page.get_by_label("Title").fill("Shared cards")
    page.get_by_role("button", name="Open the case").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Shared cards")
    page.keyboard.press("v")
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this one operator, and is it abusive?")

    answers = {"same_operator": "confirmed", "abusive": "yes", "likelihood": "unlikely", "confidence": "moderate"}
    answers |= {f"answer-{h.value}": "against" for h in Hypothesis}
    for name, value in answers.items():
        page.locator(f'input[name="{name}"][value="{value}"]').check(force=True)
    page.get_by_label("Policy").fill("AUP 4.2")
    page.get_by_label("Rationale").fill("One card and one device over six accounts.")
    account = cast.cards_accounts[0].public_id
    page.locator("summary", has_text="Single accounts").click()
    page.get_by_label(f"Standing of {account}").select_option("excluded")
    page.get_by_label(f"Reason for {account}").fill("A bystander.")
    page.get_by_role("button", name="Record the verdict").click()
    expect(page.get_by_role("alert").first).to_contain_text("not recorded yet")
    expect(page.get_by_label("Rationale")).to_have_value("One card and one device over six accounts.")
    expect(page.get_by_label(f"Reason for {account}")).to_have_value("A bystander.")
    console.problems.clear()  # the browser reports the refusal itself as an error
    page.locator('input[name="likelihood"][value="very_likely"]').check(force=True)
    page.get_by_role("button", name="Record the verdict").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("One operator, abusive")
    expect(page.get_by_role("heading", name="The frozen evidence is intact")).to_be_visible()
    assert Verdict.objects.get().standings.get(account__public_id=account).standing == "excluded"
    assert Case.objects.get().state == "awaiting_second"

    page.get_by_role("link", name="Verdicts").first.click()
    page.locator("main summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    with open(download.value.path(), encoding="utf-8") as file:
        assert "One card and one device over six accounts." in file.read()
    console.open("/exports/")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    assert Export.objects.get().subject == "verdicts"


def test_a_case_is_worked_on(console: Console) -> None:
    page = console.open(paths(console.cast)["case"])
    page.keyboard.press("n")
    page.keyboard.type("Asked payments for the issuer.")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("article")).to_contain_text("Asked payments for the issuer.")
    pair = console.cast.pair.public_id
    page.get_by_role("button", name=f"Take {pair} out").click()
    expect(page.get_by_role("button", name=f"Take {pair} out")).to_have_count(0)
    page.get_by_role("button", name="Undo: took").first.click()
    expect(page.get_by_role("button", name=f"Take {pair} out")).to_be_visible()
    page.locator("summary", has_text="Change title").click()
    page.get_by_label("Title").fill("Another title")
    page.get_by_role("button", name="Save the details").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Another title")
    assert re.search(r"/cases/cas_\w+/$", page.url)


@pytest.fixture(scope="module")
def read_paths(read_only: tuple[str, Cast]) -> dict[str, str]:
    """Every page of casework, on the console that tests which only read share."""
    return paths(read_only[1])


@pytest.mark.parametrize("width", [400, 720])
def test_no_page_is_wider_than_the_window(reader: Console, read_paths: dict[str, str], width: int) -> None:
    reader.page.set_viewport_size({"width": width, "height": 900})
    for name, path in read_paths.items():
        page = reader.open(path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


@pytest.mark.parametrize("width", [820, 1100])
def test_lists_fit_into_a_narrow_window(reader: Console, read_paths: dict[str, str], width: int) -> None:
    reader.page.set_viewport_size({"width": width, "height": 900})
    for name in ("cases", "case", "verdicts"):
        page = reader.open(read_paths[name])
        frames = page.locator(".table-frame:visible")
        assert frames.count() and frames.evaluate_all("all => all.every(f => f.scrollWidth <= f.clientWidth)"), name


@pytest.mark.parametrize("name", ["cases", "open", "case", "verdict form", "verdicts", "verdict", "exports", "export"])
def test_axe_finds_nothing(reader: Console, read_paths: dict[str, str], name: str) -> None:
    reader.assert_accessible(read_paths[name])


@pytest.mark.parametrize("path", ["/cases/", "/verdicts/", "/exports/", "/cases/?states=closed", "/cases/open/"])
def test_axe_finds_nothing_on_empty_pages(console: Console, path: str) -> None:
    console.assert_accessible(path)
