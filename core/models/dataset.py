from __future__ import annotations

from django.db import models

from core.public_ids import PublicIdField


class DatasetKind(models.TextChoices):
    LIVE = "live", "Live"
    DEMO = "demo", "Demo"
    EVALUATION = "evaluation", "Evaluation"


class Dataset(models.Model):
    """What belongs together: accounts, identifiers, batches, runs, clusters and cases; runs never mix two."""

    public_id = PublicIdField(prefix="dst")
    name = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=12, choices=DatasetKind, default=DatasetKind.LIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    exchange_retention_days = models.PositiveIntegerField(null=True, default=90)  # null keeps them
    upload_retention_hours = models.PositiveIntegerField(null=True, default=24)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
