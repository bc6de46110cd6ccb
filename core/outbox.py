"""The outbox: messages written with the change they tell of, handed to their handlers at least once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from core.models import OutboxMessage

log = structlog.get_logger("outbox")
ATTEMPTS = 8
Handler = Callable[[dict[str, Any]], None]
_HANDLERS: dict[str, list[Handler]] = {}


def put(topic: str, **payload: Any) -> OutboxMessage:
    """Writes a message in the current transaction. Ids only, no personal values."""
    return OutboxMessage.objects.create(topic=topic, payload=payload, due_at=timezone.now())


def handles(topic: str) -> Callable[[Handler], Handler]:
    """Registers a function for a topic. It runs at least once and must be idempotent."""

    def keep(handler: Handler) -> Handler:
        _HANDLERS.setdefault(topic, []).append(handler)
        return handler

    return keep


def drain(limit: int = 100) -> int:
    """Handles due messages one by one, each in a transaction of its own; returns how many were taken."""
    taken = 0
    while taken < limit and _drain_one():
        taken += 1
    return taken


def _drain_one() -> bool:
    with transaction.atomic():
        now = timezone.now()
        open_rows = OutboxMessage.objects.filter(done_at__isnull=True, failed_at__isnull=True, due_at__lte=now)
        message = open_rows.select_for_update(skip_locked=True).order_by("due_at", "id").first()
        if message is None:
            return False
        message.attempts += 1
        try:
            with transaction.atomic():
                for handler in _HANDLERS.get(message.topic, []):
                    handler(message.payload)
            message.done_at = now
        except Exception as error:  # noqa: BLE001 - any handler's fault is kept with the message and tried again later
            log.warning("outbox.failed", topic=message.topic, attempt=message.attempts, error=type(error).__name__)
            message.last_error = f"{type(error).__name__}: {error}"[:2000]
            message.due_at = now + timedelta(seconds=min(3600, 5 * 4**message.attempts))
            message.failed_at = now if message.attempts >= ATTEMPTS else None
        message.save()
    return True
