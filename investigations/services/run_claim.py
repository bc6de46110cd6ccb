"""Who executes a run: a lock that dies with its holder, and a heartbeat that carries the progress to the run's row.

The lock is a PostgreSQL advisory lock on a connection of its own, so it ends with the process, however that ends.
A worker that lost its connection, and so its lock, may go on for a moment: `Run.claims` fences its writes off.
(Behind a pooler the connection must be pooled by session, not by transaction.)
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from investigations.models import Run
from investigations.models.choices import RunState

log = structlog.get_logger("runs")
LOCK_SPACE = 1_213_809_746  # "HYDR"
HEARTBEAT_SECONDS = 0.5
STALE_SECONDS = 20
CONNECT_SECONDS = 30


class RunHold:
    """A hold on a run. `is_held` says whether we got it; `should_stop` whether to let go of the work."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self.is_held = False
        self.is_lost = False
        self.is_cancel_requested = False
        self._claim: int | None = None
        self._news: dict[str, Any] = {}
        self._tried, self._released = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"run-{run_id}-heartbeat", daemon=True)

    def __enter__(self) -> RunHold:
        self._thread.start()
        self._tried.wait(CONNECT_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._thread.join(CONNECT_SECONDS)

    def follow(self, claim: int) -> None:
        """Beat for this claim from now on."""
        self._claim = claim

    def should_stop(self) -> bool:
        """True once somebody cancelled the run or the hold is gone."""
        return self.is_lost or self.is_cancel_requested

    def note(self, **fields: Any) -> None:
        """Columns of the run that the next beat writes; the work itself never waits for the database here."""
        self._news = fields

    def _keep(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, self.run_id % 2**31])
                self.is_held = bool(cursor.fetchone()[0])
            self._tried.set()
            while self.is_held and not self._released.wait(HEARTBEAT_SECONDS):
                self._beat()
        except DatabaseError as error:
            log.warning("run.lost", run=self.run_id, error=type(error).__name__)
            self.is_lost = True
        finally:
            self._tried.set()
            connection.close()  # lets go of the lock

    def _beat(self) -> None:
        if self._claim is None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return
        mine = Run.objects.filter(pk=self.run_id, claims=self._claim, state=RunState.RUNNING)
        if mine.update(heartbeat_at=timezone.now(), **self._news):
            self.is_cancel_requested = bool(mine.values_list("is_cancel_requested", flat=True).first())
        else:
            self.is_lost = not self._released.is_set()
