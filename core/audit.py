"""The audit trail: registered actions, one function that records, one that verifies the chain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import connection, transaction

from core.context import current
from core.models import AuditEntry

log = structlog.get_logger("audit")
GENESIS = bytes(32)
_ACTIONS: dict[str, Action] = {}


@dataclass(frozen=True)
class Action:
    """A kind of entry: `case.opened` and what it means, for the audit page and the docs."""

    name: str
    means: str


@dataclass(frozen=True)
class ChainReport:
    n_entries: int
    head_seq: int
    head_hash: str
    broken_at: int | None
    reason: str = ""

    @property
    def is_whole(self) -> bool:
        return self.broken_at is None


def register(name: str, means: str) -> Action:
    """Declares an action; services keep the result as a constant."""
    _ACTIONS[name] = Action(name, means)
    return _ACTIONS[name]


def actions() -> list[Action]:
    """All registered actions by name."""
    return [_ACTIONS[name] for name in sorted(_ACTIONS)]


def record(action: Action, *, actor: Any = None, target: str = "", dataset: str = "", **details: Any) -> None:
    """Appends an entry in the current transaction; call it last, the chain is locked until the transaction ends.

    `actor` is a staff user or None for the system. `details` must be JSON-able and free of personal values.
    """
    context = current()
    entry = AuditEntry(
        actor=getattr(actor, "public_id", "") or "",
        actor_label=actor.get_username() if actor is not None else "system",
        action=action.name,
        target=target,
        dataset=dataset,
        details=details,
        request_id=context.request_id,
        address=context.address,
    )
    entry.save(force_insert=True)
    transaction.on_commit(lambda: _log_head(entry.pk))


def verify() -> ChainReport:
    """Walks the whole chain and recomputes each hash here, not in the database; names the first broken entry."""
    previous, seq, n = GENESIS, 0, 0
    for row_seq, row_previous, row_hash, payload in _rows():
        reason = _broken(row_seq, bytes(row_previous), bytes(row_hash), payload, seq, previous)
        if reason:
            return ChainReport(n, seq, previous.hex(), row_seq, reason)
        previous, seq, n = bytes(row_hash), row_seq, n + 1
    return ChainReport(n, seq, previous.hex(), None)


# What an entry's hash covers. The trigger of migration 0002_audit_chain builds the same text.
_PAYLOAD = """jsonb_build_array(seq, (extract(epoch FROM at) * 1000000)::bigint, actor, actor_label, action, target,
 dataset, details, request_id, address)::text"""
_FROM = "FROM core_auditentry ORDER BY seq"


def _rows() -> Iterator[tuple[int, bytes, bytes, str]]:
    """The whole chain in order, a few thousand rows in memory at a time."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DECLARE chain NO SCROLL CURSOR FOR SELECT seq, previous_hash, hash, {_PAYLOAD} {_FROM}")
        try:
            while True:
                cursor.execute("FETCH 5000 FROM chain")
                rows = cursor.fetchall()
                if not rows:
                    return
                yield from rows
        finally:
            cursor.execute("CLOSE chain")


def _broken(seq: int, before: bytes, own: bytes, payload: str, last_seq: int, last_hash: bytes) -> str:
    if seq != last_seq + 1:
        return f"entry {last_seq + 1} is missing"
    if before != last_hash:
        return f"entry {seq} does not follow the hash of entry {last_seq}"
    if hashlib.sha256(before + payload.encode("utf-8")).digest() != own:
        return f"entry {seq} was changed after it was written"
    return ""


def _log_head(pk: int) -> None:
    row = AuditEntry.objects.filter(pk=pk).values("seq", "hash", "action").first()
    if row:
        log.info("audit.head", seq=row["seq"], hash=bytes(row["hash"]).hex(), action=row["action"])
