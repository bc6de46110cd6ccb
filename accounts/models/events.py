from __future__ import annotations

from django.db import models

from core.models import Dataset


class EventDirectory(models.Model):
    """A directory of exchanges (Parquet) that exists: what is not listed here does not."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="event_directories")
    batch_file = models.ForeignKey("accounts.BatchFile", on_delete=models.SET_NULL, null=True, related_name="+")
    path = models.CharField(max_length=200, unique=True)  # relative to the event store's root
    digest = models.CharField(max_length=64)  # sha256 over the files' digests in order of name
    key_id = models.PositiveIntegerField()  # whose keyed hashes the columns hold
    n_rows = models.PositiveBigIntegerField()
    n_bytes = models.PositiveBigIntegerField()
    min_at = models.DateTimeField()
    max_at = models.DateTimeField()
    listed_at = models.DateTimeField(auto_now_add=True)
    replaced_at = models.DateTimeField(null=True)  # compaction or erasure listed another one instead

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "event directories"

    def __str__(self) -> str:
        return self.path
