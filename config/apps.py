"""The wiring as an app: whichever way Django starts, its messages go to our broker."""

from __future__ import annotations

from django.apps import AppConfig


class WiringConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Make our Celery application the current one; without it `delay()` would speak to a broker of nobody's."""
        from config.celery import app

        app.set_current()
        app.set_default()
