from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from core.models import Dataset
from core.public_ids import PublicIdField


class BatchState(models.TextChoices):
    QUEUED = "queued", "Queued"
    LOADING = "loading", "Loading"
    LANDED = "landed", "Landed"
    PARTLY = "partly", "Partly landed"  # some file could not be read, or was refused whole
    FAILED = "failed", "Failed"  # nothing landed


OPEN_BATCH_STATES = (BatchState.QUEUED, BatchState.LOADING)


class FileState(models.TextChoices):
    QUEUED = "queued", "Queued"
    LOADING = "loading", "Loading"
    LANDED = "landed", "Landed"
    DUPLICATE = "duplicate", "Landed before"  # the same bytes
    REFUSED = "refused", "Refused"  # --strict and a row was refused
    FAILED = "failed", "Could not be read"


class Batch(models.Model):
    """One call of ingest: some files, a mapping, what came of it."""

    public_id = PublicIdField(prefix="bat")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="batches")
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.QUEUED)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    is_strict = models.BooleanField(default=False)
    mapping = models.TextField(blank=True)  # the mapping file's text, so that a batch can be explained later
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.JSONField(null=True)  # problem document
    events_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return str(self.public_id)

    def get_absolute_url(self) -> str:
        return reverse("import-detail", args=[self.public_id])


class BatchFile(models.Model):
    """One file of a batch with its progress and counts per table ({"accounts": 10, …})."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=FileState, default=FileState.QUEUED)
    digest = models.CharField(max_length=64, blank=True)  # sha256 of the bytes as they came
    stored_as = models.CharField(max_length=200, blank=True)  # sealed upload, until its retention ends
    n_bytes = models.PositiveBigIntegerField(default=0)
    n_bytes_read = models.PositiveBigIntegerField(default=0)
    n_rows_read = models.PositiveBigIntegerField(default=0)
    accepted = models.JSONField(default=dict)
    refused = models.JSONField(default=dict)
    duplicates = models.JSONField(default=dict)
    waiting = models.JSONField(default=dict)
    error = models.JSONField(null=True)
    landed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["digest"], name="batch_file_digest"),  # the same bytes again?
        ]

    def __str__(self) -> str:
        return self.name


class Reject(models.Model):
    """A row that was refused: where, why, what was expected. The row itself is sealed and goes after a day."""

    batch_file = models.ForeignKey(BatchFile, on_delete=models.CASCADE, related_name="rejects")
    table = models.CharField(max_length=20)
    line = models.PositiveBigIntegerField()  # of the file, the header is line 1; for Parquet the row's number
    column = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=40)
    reason = models.TextField()
    row_sealed = models.BinaryField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["batch_file", "line"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class WaitingRow(models.Model):
    """Rows of an account that has not arrived yet, sealed; they load when it does."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="waiting_rows")
    batch_file = models.ForeignKey(BatchFile, on_delete=models.CASCADE, related_name="waiting_rows")
    table = models.CharField(max_length=20)
    account_digest = models.BinaryField(max_length=16)  # keyed digest of the platform's account id
    n_rows = models.PositiveIntegerField(default=1)
    rows_sealed = models.BinaryField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["dataset", "account_digest"], name="waiting_for_an_account"),
        ]

    def __str__(self) -> str:
        return f"{self.n_rows} rows of {self.table}"
