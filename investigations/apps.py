from __future__ import annotations

from django.apps import AppConfig


class InvestigationsConfig(AppConfig):
    name = "investigations"
    default_auto_field = "django.db.models.BigAutoField"
    dataset_file_removers = (
        "investigations.services.run_files.dataset_remove",
        "investigations.services.export_files.exports_of_dataset_remove",
    )
