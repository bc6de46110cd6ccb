from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from core import outbox
from core.models import OutboxMessage


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a handler of the topic `test.topic` got."""
    monkeypatch.setattr(outbox, "_HANDLERS", {})
    got: list[dict[str, Any]] = []

    @outbox.handles("test.topic")
    def handler(payload: dict[str, Any]) -> None:
        got.append(payload)
        if payload.get("fails"):
            raise RuntimeError("no luck")

    return got


def test_it_hands_each_message_over_once(db: None, seen: list[dict[str, Any]]) -> None:
    outbox.put("test.topic", n=1)
    outbox.put("test.topic", n=2)
    assert outbox.drain() == 2
    assert outbox.drain() == 0
    assert seen == [{"n": 1}, {"n": 2}]


def test_a_message_falls_with_its_transaction(db: None, seen: list[dict[str, Any]]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox.put("test.topic", n=1)
        raise RuntimeError
    assert outbox.drain() == 0


def test_a_failed_message_is_kept_and_comes_later(db: None, seen: list[dict[str, Any]]) -> None:
    outbox.put("test.topic", fails=True)
    outbox.put("test.topic", n=2)
    assert outbox.drain() == 2
    failed = OutboxMessage.objects.get(payload={"fails": True})
    assert failed.done_at is None and failed.last_error == "RuntimeError: no luck"
    assert failed.due_at > timezone.now() + timedelta(seconds=10)
    assert seen[-1] == {"n": 2}


def test_it_gives_up_after_some_attempts(db: None, seen: list[dict[str, Any]]) -> None:
    outbox.put("test.topic", fails=True)
    for _ in range(outbox.ATTEMPTS + 2):
        OutboxMessage.objects.update(due_at=timezone.now())
        outbox.drain()
    message = OutboxMessage.objects.get()
    assert message.failed_at and message.attempts == outbox.ATTEMPTS == len(seen)
