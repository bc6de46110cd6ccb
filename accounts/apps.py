from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
    dataset_file_removers = (
        "accounts.event_store.store.events_remove",
        "accounts.services.uploads.dataset_uploads_remove",
    )
