from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.utils import DatabaseError

from core import audit
from core.models import AuditEntry
from tests.cast import People

TESTED = audit.register("test.happened", "Something happened in a test")


def _tamper(statement: str) -> None:
    """Changes the table behind the triggers' back, as somebody with the owner's power could."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditentry DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE core_auditentry ENABLE TRIGGER USER")


def test_it_chains_entries(people: People) -> None:
    audit.record(TESTED, actor=people.lead, target="cas_1", dataset="main", said="so")
    audit.record(TESTED)
    second, first = AuditEntry.objects.all()[:2]
    assert second.seq == first.seq + 1
    assert bytes(second.previous_hash) == bytes(first.hash)
    assert (first.actor, first.actor_label, second.actor_label) == (people.lead.public_id, "lead", "system")


def test_an_empty_trail_is_whole(db: None) -> None:
    report = audit.verify()
    assert report.is_whole and report.n_entries == 0


@pytest.mark.parametrize(
    "values", [{}, {"text": "Ünïcode “quoted” \\ and \n more"}, {"deep": {"a": [1, 2.5, None, True]}}]
)
def test_it_verifies_what_it_wrote(db: None, values: dict[str, Any]) -> None:
    for _ in range(3):
        audit.record(TESTED, **values)
    report = audit.verify()
    assert report.is_whole and report.n_entries == 3


@pytest.mark.parametrize("statement", ["UPDATE core_auditentry SET action = 'x'", "DELETE FROM core_auditentry"])
def test_the_app_role_can_neither_change_nor_delete(db: None, statement: str) -> None:
    audit.record(TESTED)
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE core_auditentry SET action = 'x'", "DELETE FROM core_auditentry", "TRUNCATE core_auditentry"],
)
def test_not_even_the_owner_does_by_accident(live_db: object, statement: str) -> None:
    audit.record(TESTED)
    with pytest.raises(DatabaseError, match="append-only"), connections["owner"].cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE core_auditentry SET details = '{\"n\": 7}' WHERE seq = 2", "entry 2 was changed"),
        (
            "UPDATE core_auditentry SET at = at + interval '1 microsecond' WHERE seq = 3",
            "entry 3 was changed",
        ),
        ("DELETE FROM core_auditentry WHERE seq = 2", "entry 2 is missing"),
        ("UPDATE core_auditentry SET previous_hash = hash WHERE seq = 3", "entry 3 does not follow"),
    ],
)
def test_it_finds_what_was_tampered_with(live_db: object, statement: str, found: str) -> None:
    for n in range(4):
        audit.record(TESTED, n=n)
    _tamper(statement)
    report = audit.verify()
    assert not report.is_whole and report.reason.startswith(found)
    with pytest.raises(CommandError, match=found):
        call_command("verify_audit")


def test_writers_at_once_make_one_chain(live_db: object) -> None:
    def write(n: int) -> None:
        try:
            for i in range(10):
                audit.record(TESTED, writer=n, i=i)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    report = audit.verify()
    assert report.is_whole and report.n_entries == 40


def test_a_noted_head_must_be_in_the_chain(db: None) -> None:
    audit.record(TESTED)
    out = StringIO()
    call_command("verify_audit", "--json", stdout=out)
    body = json.loads(out.getvalue())
    assert body["whole"] and body["entries"] == 1
    call_command("verify_audit", head=body["head"], stdout=StringIO())
    with pytest.raises(CommandError, match="not in the chain"):
        call_command("verify_audit", head="ab" * 32, stdout=StringIO())
    with pytest.raises(CommandError, match="is not a hash"):
        call_command("verify_audit", head="zz", stdout=StringIO())


def test_the_head_goes_to_the_log(
    db: None, django_capture_on_commit_callbacks: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="audit"), django_capture_on_commit_callbacks(execute=True):
        audit.record(TESTED)
    head = bytes(AuditEntry.objects.get().hash).hex()
    assert head in caplog.text


def test_every_action_says_what_it_means() -> None:
    assert audit.actions() and all(action.means for action in audit.actions())
