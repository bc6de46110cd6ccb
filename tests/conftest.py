"""What every test can ask for: real servers, databases, a worker, a web server, a browser, the public data sets.

- `db`: a database like the migrations make it, under the app's role; what a test writes is rolled back.
- `live_db`: a database of this test alone, where commits stay: for workers, web servers, other processes, threads.
- `celery_worker`: a worker process on `live_db`; `web_server`: the console on `live_db`, its address.
- `browser_page`: a page of a real browser; `real_data`: the folder of the public data sets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from config import embedded
from config.problems import Problem
from tests import browser, databases
from tests.cast import cast, people  # noqa: F401 - fixtures for everyone
from tests.databases import LiveDatabase
from tests.settings import BROKER_URL, ROOT, TEST_HOME

hypothesis_settings.register_profile("here", deadline=None, print_blob=True)
hypothesis_settings.load_profile("here")


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """PostgreSQL and Valkey under .hydrascope-test/, shared by all processes of the run, stopped after the last."""
    try:
        held = embedded.hold(TEST_HOME, fsync=False)
    except Problem as problem:
        pytest.fail(str(problem), pytrace=False)
    yield
    held.release()


@pytest.fixture(scope="session")
def template_database(servers: None, django_test_environment: None, django_db_blocker: Any) -> str:
    """The name of the migrated template."""
    with django_db_blocker.unblock():
        return databases.template_ensure()


@pytest.fixture(scope="session")
def django_db_setup(template_database: str, django_db_blocker: Any) -> Iterator[None]:
    """Point the connections at this process's clone; pytest-django's `db` rests on it."""
    name = databases.database_clone(template_database)
    with django_db_blocker.unblock(), databases.pointing_at(name), django_db_blocker.block():
        yield
    databases.database_drop(name)


@pytest.fixture(autouse=True)
def own_home(request: pytest.FixtureRequest) -> None:
    """Tests with a database keep their files (event store, uploads, run artefacts) in a folder of their own."""
    if {"db", "live_db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue("settings").HYDRASCOPE_HOME = request.getfixturevalue("tmp_path")


@pytest.fixture
def live_db(
    template_database: str, tmp_path: Path, django_db_blocker: Any, request: pytest.FixtureRequest
) -> Iterator[LiveDatabase]:
    """A database of this test alone; what is committed stays until the test ends. Not together with `db`."""
    if "db" in request.fixturenames:
        pytest.fail("live_db and db exclude each other", pytrace=False)
    name = databases.database_clone(template_database)
    with django_db_blocker.unblock(), databases.pointing_at(name):
        yield databases.live_database(name, tmp_path, BROKER_URL)
    databases.database_drop(name)


@dataclass
class Worker:
    """A Celery worker process on a test's database."""

    environment: dict[str, str]
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[str]:
        """Start one, and return it once it is ready for tasks."""
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "config.celery",
            "worker",
            "--pool",
            "solo",
            "--without-mingle",
        ]
        command += ["--without-gossip", "--loglevel", "INFO"]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**self.environment, "LOG_LEVEL": "DEBUG"},  # else Celery's “ready” is not logged
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "ready." in line:
                threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True).start()
                return process
        pytest.fail("The worker did not start:\n" + "".join(seen[-20:]), pytrace=False)

    def stop(self) -> None:
        """Stop all that were started."""
        for process in self.processes:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stderr is not None:
                process.stderr.close()


@pytest.fixture
def broker(servers: None) -> Iterator[str]:
    """The address of an empty broker database."""
    _broker_empty()
    yield BROKER_URL
    _broker_empty()


@pytest.fixture
def celery_worker(live_db: LiveDatabase, broker: str) -> Iterator[Worker]:
    """A running worker; more by `start()`, to be killed by the test as it likes."""
    worker = Worker(live_db.environment)
    try:
        worker.start()
        yield worker
    finally:
        worker.stop()


@contextmanager
def served() -> Iterator[str]:
    """Give the address of the console on the database of the moment, in a thread of this process."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.test import override_settings

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    with override_settings(PUBLIC_URL=address, CSRF_TRUSTED_ORIGINS=[address]):
        yield address
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def web_server(live_db: LiveDatabase, broker: str) -> Iterator[str]:
    """The address of the console on `live_db`, in a thread of this process."""
    with served() as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A running Chromium (Playwright's Browser)."""
    if os.environ.get("BROWSER") == "none":
        pytest.skip("BROWSER=none")
    path = browser.browser_path()
    if path is None:
        pytest.fail(browser.MISSING.format(install=browser.INSTALL_LINE), pytrace=False)
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright runs an event loop in the test's thread
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=browser.browser_arguments())
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def browser_page(chromium: Any) -> Iterator[Any]:
    """A page in a fresh browser context, 1440 by 900."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the public data sets (REAL_DATA); without it the test is skipped, and says so."""
    named = os.environ.get("REAL_DATA", "")
    if not named or not Path(named).is_dir():
        pytest.skip(f"REAL_DATA={named!r} is no folder: the public data sets are not here")
    return Path(named).resolve()


@pytest.fixture
def run_manage(live_db: LiveDatabase) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs a manage.py command in a process of its own on `live_db`."""

    def run(*arguments: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=ROOT, env=live_db.environment, **kwargs
        )

    return run


def _broker_empty() -> None:
    from kombu import Connection

    with Connection(BROKER_URL) as link:
        link.default_channel.client.flushdb()
