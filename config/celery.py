"""The Celery application; the truth of every job is a row in the database, a message is only a hint."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Messages are JSON, never pickles, so that a worker that runs as root executes nothing a message says.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("hydrascope")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _log_like_django(**_: Any) -> None:
    """Keep Celery from replacing our logging: Django has set it up by then."""
