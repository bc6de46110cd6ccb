"""The harness itself: databases are apart, roles are kept, a worker does what it is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import ProgrammingError, connection, connections, transaction
from django.test import Client
from psycopg import OperationalError

from config import home
from config.servers import APP_ROLE
from core import outbox
from core.models import OutboxMessage
from core.tasks import outbox_drain
from tests import databases
from tests.conftest import Worker
from tests.databases import LiveDatabase
from tests.processes import wait_until
from tests.settings import TEST_HOME


def _names() -> list[str]:
    return sorted(get_user_model().objects.values_list("username", flat=True))


@pytest.mark.parametrize("name", ["one", "two"])
def test_it_rolls_back_what_a_test_writes(db: None, name: str) -> None:
    assert _names() == []
    get_user_model().objects.create(username=name)
    assert _names() == [name]


@pytest.mark.parametrize("name", ["one", "two"])
def test_it_gives_each_live_test_a_database_of_its_own(live_db: LiveDatabase, name: str) -> None:
    assert _names() == []
    get_user_model().objects.create(username=name)
    connection.close()
    assert _names() == [name]
    assert connections["owner"].settings_dict["NAME"] == live_db.name


def test_it_works_under_the_app_role_which_cannot_change_tables(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("hydrascope_app",)
        with pytest.raises(ProgrammingError, match="must be owner"), transaction.atomic():
            cursor.execute("DROP TABLE staff_user CASCADE")


def test_it_answers_that_it_lives_and_is_ready(live_db: LiveDatabase, broker: str, client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "broker": "ok", "migrations": "ok"}}


def test_it_says_what_is_not_ready(live_db: LiveDatabase, client: Client, settings: object) -> None:
    settings.CELERY_BROKER_URL = "redis+socket:///nowhere/valkey.sock?virtual_host=0"  # type: ignore[attr-defined]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "broker": "failed", "migrations": "ok"}


@pytest.mark.slow
def test_it_runs_tasks_on_a_worker_even_after_one_was_killed(celery_worker: Worker) -> None:
    celery_worker.processes[0].kill()
    celery_worker.processes[0].wait()
    message = outbox.put("ground.nobody_handles_this")
    celery_worker.start()
    outbox_drain.delay()
    wait_until(lambda: OutboxMessage.objects.filter(pk=message.pk, done_at__isnull=False).exists(), seconds=60)


@pytest.mark.browser
def test_it_shows_the_console_in_a_real_browser(web_server: str, browser_page: Any) -> None:
    refused: list[str] = []
    browser_page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    answer = browser_page.goto(f"{web_server}/auth/login/")
    assert answer.status == 200
    assert browser_page.locator("input[name=login]").is_visible()
    assert refused == []


def test_it_drops_a_database_in_which_the_app_role_is_at_work(template_database: str) -> None:
    name = databases.database_clone(template_database)
    words = home.secrets_for(TEST_HOME)
    with databases.role_connection(APP_ROLE, words.postgres_app, database=name) as at_work:
        databases.database_drop(name)
        with pytest.raises(OperationalError):
            at_work.execute("SELECT 1")
