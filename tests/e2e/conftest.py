"""The console in a real browser: a cast on a live database, somebody signed in, and a watch over what goes wrong.

- `live_cast`: the cast, committed; `console`: a `Console` signed in as the lead, whose test fails on any error that
  the browser reports (scripts, content security policy, requests).
- `reader`: the same on one database for all tests of a file, for tests that change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.test import Client, override_settings
from playwright.sync_api import expect

from staff.models import User
from tests import databases
from tests.cast import Cast, cast_make, people_make
from tests.conftest import served
from tests.databases import LiveDatabase

AXE = Axe()
PATIENCE_MS = 30_000  # a busy machine may take its time; nothing waits that long when all is well
FREEZE = """async () => {
  for (let i = 0; i < 2; i++) {
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const a of document.getAnimations()) { try { a.finish() } catch { a.cancel() } }
  }
}"""


@dataclass
class Console:
    """A browser page on the console, with what went wrong in it."""

    page: Any
    address: str
    cast: Cast
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Go to a page of the console; it must answer without an error."""
        answer = self.page.goto(self.address + path)
        assert answer.status < 400, f"{path}: {answer.status}"
        return self.page

    def sign_in(self, user: User) -> None:
        """Become this person, without the sign-in pages."""
        client = Client()
        client.force_login(user)
        name = django_settings.SESSION_COOKIE_NAME
        value = client.cookies[name].value
        self.page.context.add_cookies([{"name": name, "value": value, "url": self.address}])

    def assert_accessible(self, path: str) -> None:
        """Axe finds nothing on the page, in light and in dark."""
        self.page.emulate_media(color_scheme="light", reduced_motion="reduce")
        self.open(path)
        self.page.wait_for_load_state("networkidle")
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            self.page.evaluate(FREEZE)
            found = AXE.run(self.page).response["violations"]
            said = [f"{v['id']}: {node['html'][:160]}" for v in found for node in v["nodes"][:3]]
            assert not said, f"{path} ({theme}):\n" + "\n".join(said)


@pytest.fixture
def live_cast(live_db: LiveDatabase) -> Cast:
    """The cast, on the live database."""
    return cast_make(people_make())


@pytest.fixture
def console(browser_page: Any, web_server: str, live_cast: Cast) -> Iterator[Console]:
    """The console with the lead signed in."""
    yield from _watched(Console(browser_page, web_server, live_cast))


@pytest.fixture(scope="module")
def read_only(
    template_database: str, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Cast]]:
    """The address of a console that the tests of a file share, and its cast."""
    name = databases.database_clone(template_database)
    files = override_settings(HYDRASCOPE_HOME=tmp_path_factory.mktemp("read-only"))
    with django_db_blocker.unblock(), databases.pointing_at(name), files, served() as address:
        yield address, cast_make(people_make())
    databases.database_drop(name)


@pytest.fixture
def reader(browser_page: Any, read_only: tuple[str, Cast]) -> Iterator[Console]:
    """The console with the lead signed in, for tests that change nothing: others see the same rows."""
    yield from _watched(Console(browser_page, *read_only))


def _watched(made: Console) -> Iterator[Console]:
    """The console signed in; then, nothing went wrong in its page."""
    page = made.page
    page.context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    made.sign_in(made.cast.people.lead)
    page.on("pageerror", lambda error: made.problems.append(f"script: {error}"))
    page.on("console", lambda m: made.problems.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("requestfailed", lambda r: _failed(made, r))
    yield made
    assert made.problems == []


def _failed(console: Console, request: Any) -> None:
    """A request that was given up because the person went on is none of ours."""
    if "ERR_ABORTED" not in (request.failure or ""):
        console.problems.append(f"request: {request.url} {request.failure}")
