"""Logging: structlog over the standard library, one line an event; tracebacks are plain and show no local variables."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import structlog

AUDIT_LOGGER = "audit"

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class NotAudit(logging.Filter):
    """Keeps the audit chain's heads off the terminal when they have a file of their own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record may pass."""
        return record.name != AUDIT_LOGGER


def log_settings(*, level: str, as_json: bool, audit_file: Path | None) -> dict[str, Any]:
    """Configure structlog and return Django's LOGGING; heads of the audit chain go to `audit_file` if given."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    quiet = level if level == "DEBUG" else "WARNING"
    handlers: dict[str, Any] = {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}}
    loggers: dict[str, Any] = {
        "django": {"handlers": [], "level": level, "propagate": True},
        "django.server": {"handlers": [], "level": level, "propagate": True},
        **{name: {"level": quiet} for name in ("celery", "django_celery_beat", "kombu", "amqp", "fontTools")},
    }
    if audit_file is not None:
        handlers["stderr"]["filters"] = ["not_audit"]
        audit = {"class": "logging.handlers.WatchedFileHandler", "filename": audit_file, "delay": True}
        handlers["audit"] = {**audit, "formatter": "line", "encoding": "utf-8"}
        loggers[AUDIT_LOGGER] = {"handlers": ["audit"], "level": "INFO"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
            }
        },
        "filters": {"not_audit": {"()": NotAudit}},
        "handlers": handlers,
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": loggers,
    }
