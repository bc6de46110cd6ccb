"""Somebody sends a file in a real browser, a real worker loads it, and the page tells what became of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from staff import services
from tests.conftest import Worker
from tests.databases import LiveDatabase
from tests.factories import person_make

ROWS = [f"u-{i},{'yesterday' if i % 3 == 2 else '2026-01-01T00:00:00Z'}" for i in range(30)]


@pytest.fixture
def signed_in(live_db: LiveDatabase, web_server: str, browser_page: Any) -> Any:
    secret = services.signin_link_create(person_make("importer", roles=["lead"]), minutes=5)
    browser_page.goto(f"{web_server}{reverse('signin-link', args=[secret])}")
    browser_page.locator("main form button").first.click()
    browser_page.wait_for_load_state()
    return browser_page


def test_a_file_is_sent_loaded_and_its_refused_rows_are_listed(
    signed_in: Any, web_server: str, celery_worker: Worker, tmp_path: Path
) -> None:
    page, file = signed_in, tmp_path / "accounts.csv"
    file.write_text("account_id,created_at\n" + "\n".join(ROWS) + "\n", encoding="utf-8")
    page.goto(f"{web_server}/imports/")
    page.set_input_files("input[name=files]", file)
    assert "accounts.csv" in page.locator("[data-dropzone-names]").inner_text()
    page.click("form[data-upload] button[type=submit]")
    page.locator("#rejects").wait_for(timeout=60_000)
    assert page.locator("h1").inner_text() == "20 rows landed, 10 were refused"
    assert page.locator("section:has(#rejects) tbody tr").count() == 10
    assert page.locator("#import-progress[hx-trigger]").count() == 0


def test_a_file_of_another_kind_is_refused_beside_the_form(signed_in: Any, web_server: str, tmp_path: Path) -> None:
    page, file = signed_in, tmp_path / "accounts.xlsx"
    file.write_bytes(b"PK")
    page.goto(f"{web_server}/imports/")
    page.set_input_files("input[name=files]", file)
    page.click("form[data-upload] button[type=submit]")
    page.locator("[data-upload-state]:has-text('of no kind that can be read')").wait_for()
    assert page.locator("form[data-upload] button[type=submit]").is_enabled()
