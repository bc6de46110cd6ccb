from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core.grants import app_role_grant

        post_migrate.connect(app_role_grant, dispatch_uid="core.app_role_grant")
