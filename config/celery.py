"""The Celery application; the truth of every job is a row in the database, a message is only a hint."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_init, worker_process_init

from config.servers import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Messages are JSON, never pickles, so that a worker that runs as root executes nothing a message says.
warnings.filterwarnings("ignore", category=SecurityWarning)

_main_process = 0
app = Celery("hydrascope")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _log_like_django(**_: Any) -> None:
    """Keep Celery from replacing our logging: Django has set it up by then."""


@worker_init.connect
def _remember_main(**_: Any) -> None:
    """Note the worker's main process before it forks its pool."""
    global _main_process
    _main_process = os.getpid()


@worker_process_init.connect
def _end_with_main(**_: Any) -> None:
    """Let no process of the pool outlive the main one: its work is taken up by the worker that comes after it.

    The solo pool is the main process itself.
    """
    if os.getpid() != _main_process:
        end_with_parent(_main_process)
