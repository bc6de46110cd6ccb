"""From the queue to a cluster, to two of its members, and back: by keyboard, and with axe watching."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Console
from tests.ui.pages import reading_pages

PAGES = [
    "triage", "clusters", "cluster", "members", "activity", "lineage", "cases", "account", "identifiers", "sessions",
    "links", "identifier", "compare", "search",
]  # fmt: skip


def test_the_queue_is_driven_by_keyboard(reader: Console) -> None:
    page, cast = reader.open("/"), reader.cast
    rows = page.locator("table[data-rows] > tbody > tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_have_attribute("aria-current", "true")
    page.keyboard.press("j")
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    expect(page.locator("#preview [data-preview]")).to_have_attribute("data-preview", cast.pair.public_id)
    page.keyboard.press("k")
    expect(page.locator("#preview [data-preview]")).to_have_attribute("data-preview", cast.cards.public_id)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/clusters/{cast.cards.public_id}/"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("6 accounts look like one operator")
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile(rf"/clusters/{cast.pair.public_id}/"))
    page.keyboard.press("[")
    expect(page).to_have_url(re.compile(rf"/clusters/{cast.cards.public_id}/"))
    page.keyboard.press("g")
    page.keyboard.press("q")
    expect(page).to_have_url(reader.address + "/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_url(reader.address + "/clusters/")


def test_from_the_queue_to_a_pair_and_back(reader: Console) -> None:
    page = reader.open("/?families=device")
    page.locator("table[data-rows] a[data-open]").first.click()
    page.get_by_role("link", name="Compare", exact=True).first.click()
    expect(page.get_by_role("heading", name="From the line to the sum")).to_be_visible()
    expect(page.get_by_role("heading", name="What they share")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="What else could it be?")).to_be_visible()
    page.get_by_role("link", name="Triage").last.click()
    expect(page).to_have_url(re.compile(r"\?families=device"))


def test_two_members_are_chosen_and_compared_by_keyboard(reader: Console) -> None:
    page = reader.open(f"/clusters/{reader.cast.cards.public_id}/members/")
    button = page.get_by_role("button", name="Compare the two")
    expect(button).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(button).to_be_disabled()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(button).to_be_enabled()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(button).to_be_disabled()
    page.keyboard.press("x")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="From the line to the sum")).to_be_visible()


def test_what_an_ellipsis_cut_off_is_said_on_hover(reader: Console) -> None:
    page = reader.open(f"/clusters/{reader.cast.cards.public_id}/")
    value = page.locator("[aria-label='Table: strongest shared values'] th.fill").first
    value.evaluate("cell => { cell.textContent = 'x'.repeat(4000) }")
    value.hover()
    expect(value).to_have_attribute("title", "x" * 4000)


def test_search_finds_by_the_slash_key(reader: Console) -> None:
    page, account = reader.open("/"), reader.cast.cards_accounts[0]
    page.keyboard.press("/")
    page.keyboard.type(account.platform_id)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{reader.address}/accounts/{account.public_id}/")


def test_question_mark_lists_the_keys(reader: Console) -> None:
    page = reader.open(f"/clusters/{reader.cast.cards.public_id}/")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keyboard-help")).not_to_be_visible()


def test_the_queue_works_without_scripts(console: Console, chromium, web_server: str) -> None:  # type: ignore[no-untyped-def]
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(console.page.context.cookies())
    page = context.new_page()
    page.goto(f"{web_server}/?at={console.cast.pair.public_id}")
    expect(page.locator("#preview h2")).to_have_text(console.cast.pair.public_id)
    page.get_by_label("Accounts at least").select_option("3")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 cluster matches these filters")
    context.close()


@pytest.mark.parametrize("width", [400, 720])
def test_no_page_is_wider_than_the_window(reader: Console, width: int) -> None:
    reader.page.set_viewport_size({"width": width, "height": 900})
    for name in PAGES:
        page = reader.open(reading_pages(reader.cast)[name])
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


@pytest.mark.parametrize("width", [820, 1100])
def test_tables_fit_into_a_narrow_window(reader: Console, width: int) -> None:
    reader.page.set_viewport_size({"width": width, "height": 900})
    for name in PAGES:
        page = reader.open(reading_pages(reader.cast)[name])
        wide = page.locator(".table-frame:visible").evaluate_all(
            "frames => frames.filter(f => f.scrollWidth > f.clientWidth).map(f => f.ariaLabel)"
        )
        assert wide == [], name


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(reader: Console, name: str) -> None:
    reader.assert_accessible(reading_pages(reader.cast)[name])


@pytest.mark.parametrize("path", ["/?min_accounts=999", "/?view=mine", "/compare/"])
def test_axe_finds_nothing_on_empty_pages(reader: Console, path: str) -> None:
    reader.assert_accessible(path)
