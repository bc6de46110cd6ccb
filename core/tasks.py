from __future__ import annotations

from celery import shared_task

from core import outbox


@shared_task(name="core.outbox_drain", ignore_result=True)
def outbox_drain() -> int:
    """Hands due outbox messages to their handlers; beat runs it, and whoever put a message hints it."""
    return outbox.drain()
