"""Carrying out a run: the same code on a worker and in the foreground, safe to call twice and after a crash."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import structlog
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    transaction,
)
from django.utils import timezone

from core import audit
from core.disk import is_disk_full
from core.errors import AppError, problem
from investigations import linkage
from investigations.linkage.runs import ENGINE_VERSION
from investigations.models import Run
from investigations.models.choices import OPEN_RUN_STATES, RunState
from investigations.selectors.runs import STEP_LABELS
from investigations.services import run_files
from investigations.services.run_claim import RunHold
from investigations.services.run_inputs import inputs_frozen
from investigations.services.run_landing import LostRun, run_land
from investigations.services.run_progress import LAND, READ, RunProgress, Watcher, steps_waiting
from investigations.services.runs import RUN_FAILED

log = structlog.get_logger("runs")
ATTEMPTS = 3
SERVERS_AWAY = (OperationalError, InterfaceError)


class OutOfAttempts(AppError):
    code, title, status = "run_attempts", "The run was given up", 500


class RunBroke(AppError):
    code, title, status = "run_failed", "The run failed", 500


def run_execute(
    run_id: int, *, should_stop: Callable[[], bool] = lambda: False, watcher: Watcher | None = None
) -> Run | None:
    """Does the work of an open run and returns its row; None when it is over, held by another, or has to wait.

    Raises OperationalError or InterfaceError when the database goes away: the run stays open, and is taken up again
    from what its finished steps left in its folder.
    """
    with RunHold(run_id) as hold:
        if not hold.is_held:
            return None
        run = _claimed(run_id)
        if run is None or run.state != RunState.RUNNING:
            return run
        hold.follow(run.claims)
        progress = RunProgress(run, hold, watcher=watcher)
        try:
            _work(run, progress, lambda: should_stop() or hold.should_stop())
        except (linkage.Stopped, LostRun):
            _stopped(run, progress, hold)
        except SERVERS_AWAY as error:
            if not is_disk_full(error):
                log.warning("run.interrupted", run=run.public_id, step=run.step)
                raise
            log.exception("run.failed", run=run.public_id)  # a disk that is full now is full at the next attempt, too
            _failed(run, progress, error)
        except Exception as error:  # whatever broke is told on the run's page, and the queue goes on
            log.exception("run.failed", run=run.public_id)
            _failed(run, progress, error)
    return Run.objects.get(pk=run_id)


def _claimed(run_id: int) -> Run | None:
    """The run with one more attempt, committed before any work; or in its last state when it is not to go on."""
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_id, state__in=OPEN_RUN_STATES).first()
        if run is None:
            return None
        if run.is_cancel_requested:
            return _over(run, RunState.CANCELLED)
        others = Run.objects.filter(dataset_id=run.dataset_id, state=RunState.RUNNING).exclude(pk=run.pk)
        if others.exists():
            return None
        if run.attempts >= ATTEMPTS:
            return _given_up(run)
        now = timezone.now()
        run.state, run.attempts, run.claims = RunState.RUNNING, run.attempts + 1, run.claims + 1
        run.started_at, run.heartbeat_at = run.started_at or now, now
        run.engine_version, run.steps = ENGINE_VERSION, run.steps or steps_waiting()
        try:
            with transaction.atomic():
                run.save()
        except IntegrityError:  # one_run_at_a_time: another worker was quicker with another run
            return None
    return run


def _work(run: Run, progress: RunProgress, should_stop: Callable[[], bool]) -> None:
    """Reads, computes and lands; each part is skipped as far as an earlier attempt got."""
    folder = run_files.folder_of(run)
    _memory_forget()
    progress.report(READ, 0, 1)
    inputs, digest = inputs_frozen(run.dataset, folder)
    progress.report(READ, 1, 1)
    if should_stop():
        raise linkage.Stopped(READ)
    result = linkage.run(
        inputs,
        linkage.Settings.from_dict(run.settings),
        workdir=folder,
        progress=progress.engine,
        should_stop=should_stop,
    )
    run.input_digest, run.peak_mb = digest, _memory_peak_mb()
    run_land(run, result, progress=lambda done, total: progress.report(LAND, done, total), steps=progress.steps)
    log.info("run.done", run=run.public_id, number=run.number, peak_mb=run.peak_mb)
    run_files.tidy(run)


def _stopped(run: Run, progress: RunProgress, hold: RunHold) -> None:
    """After a stop: cancelled by a person, put back by a worker that shuts down, or nothing when the run was lost."""
    with transaction.atomic():
        row = Run.objects.select_for_update().filter(
            pk=run.pk, claims=run.claims, state=RunState.RUNNING
        ).first()  # fmt: skip
        if row is None or hold.is_lost:
            return
        row.steps, row.attempts = progress.steps, max(progress.run.attempts - 1, 0)
        if row.is_cancel_requested:
            _over(row, RunState.CANCELLED)
            transaction.on_commit(lambda: run_files.remove(row))
        else:
            row.state, row.heartbeat_at = RunState.QUEUED, None
            row.save(update_fields=["state", "heartbeat_at", "steps", "attempts"])


def _failed(run: Run, progress: RunProgress, error: Exception) -> None:
    """Ends the run with a problem document: what happened, what was kept, what to do."""
    with transaction.atomic():
        row = Run.objects.select_for_update().filter(
            pk=run.pk, claims=run.claims, state=RunState.RUNNING
        ).first()  # fmt: skip
        if row is None:
            return
        row.steps, row.step = progress.steps, progress.step
        row.error = problem(_as_app_error(error, row)) | {"step": _label(row.step), "kept": _kept(row)}
        _over(row, RunState.FAILED)
        audit.record(
            RUN_FAILED, target=row.public_id, dataset=row.dataset.name, number=row.number, code=row.error["code"]
        )


def _given_up(run: Run) -> Run:
    error = OutOfAttempts(
        f"The worker died {ATTEMPTS} times in “{_label(run.step)}” without finishing it.",
        what_to_do="See the worker's log; too little memory is the usual cause. Then start another run.",
    )
    run.error = problem(error) | {"step": _label(run.step), "kept": _kept(run)}
    audit.record(RUN_FAILED, target=run.public_id, dataset=run.dataset.name, number=run.number, code=error.code)
    return _over(run, RunState.FAILED)


def _over(run: Run, state: RunState) -> Run:
    run.state, run.finished_at = state, timezone.now()
    run.save(update_fields=["state", "finished_at", "step", "steps", "error"])
    return run


def _as_app_error(error: Exception, run: Run) -> AppError:
    """The error in words; an unexpected one by its type only, its message may hold values."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, MemoryError):
        return RunBroke(
            "There was not enough memory.",
            code="out_of_memory",
            what_to_do="Give the worker more memory, or run it when less else is under way.",
        )
    if is_disk_full(error):
        is_database = isinstance(error, DatabaseError)
        held = "the database" if is_database else getattr(error, "filename", None) or run_files.root()
        return RunBroke(
            f"The disk that holds {held} is full.",
            code="disk_full",
            what_to_do="Free some space or move HYDRASCOPE_HOME to a larger disk. Then start another run.",
        )
    if isinstance(error, OSError):
        return RunBroke(
            f"A file of the run could not be used: {error.strerror or type(error).__name__}.",
            code="file_error",
            what_to_do="Check the rights and the disk of HYDRASCOPE_HOME. Then start another run.",
        )
    is_database = isinstance(error, (DataError, IntegrityError, ProgrammingError))
    part = "The database refused the results" if is_database else "The engine stopped unexpectedly"
    return RunBroke(
        f"{part} ({type(error).__name__}).",
        what_to_do=f"The log of the worker has the details under {run.public_id}. Start another run, or report it.",
    )


def _kept(run: Run) -> str:
    """What a failed run leaves untouched, in words."""
    last = run.dataset.runs.filter(state=RunState.DONE).order_by("-number").first()
    if last is None:
        return "Accounts and imports are untouched; there were no earlier results."
    return f"Accounts and imports are untouched, and the results of run {last.number} stay in place."


def _label(step: str) -> str:
    return STEP_LABELS.get(step, step or STEP_LABELS[READ])


def _memory_forget() -> None:
    """Starts the process's memory peak anew, where the kernel allows it (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def _memory_peak_mb() -> int:
    """The process's largest resident memory since _memory_forget, or since it started."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
