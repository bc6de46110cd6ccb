from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from core.models import Dataset
from core.public_ids import PublicIdField
from investigations.models.choices import ExportFormat, ExportState, ExportSubject


class Export(models.Model):
    """A list that somebody took out: what, how filtered, for whom, with which digest."""

    public_id = PublicIdField(prefix="exp")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="exports")
    subject = models.CharField(max_length=20, choices=ExportSubject)
    format = models.CharField(max_length=5, choices=ExportFormat)
    filters = models.JSONField(default=dict)
    shows_platform_ids = models.BooleanField(default=False)  # by the right of whoever asked
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=ExportState, default=ExportState.QUEUED)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    n_rows_total = models.PositiveBigIntegerField(null=True)
    n_rows = models.PositiveBigIntegerField(default=0)
    n_bytes = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    stored_as = models.CharField(max_length=200, blank=True)
    error = models.JSONField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return str(self.public_id)

    def get_absolute_url(self) -> str:
        return reverse("export-detail", args=[self.public_id])
