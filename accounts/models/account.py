from __future__ import annotations

from django.db import models
from django.urls import reverse

from core.models import Dataset
from core.public_ids import PublicIdField


class Status(models.TextChoices):
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    BANNED = "banned", "Banned"
    CLOSED = "closed", "Closed"


class Account(models.Model):
    """One account on the platform under review. Its personal values are identifiers; the counters follow ingest.

    The table's pages are left half empty (a migration says so): a load that changes the counters of every account then
    writes the new row beside the old one and touches no index.
    """

    public_id = PublicIdField(prefix="acc")
    dataset = models.ForeignKey(
        Dataset, on_delete=models.CASCADE, related_name="accounts", db_index=False, db_constraint=False
    )
    platform_id = models.CharField(max_length=200)  # the platform's own id; shown by right only, never in URLs
    created_at = models.DateTimeField()
    is_created_at_derived = models.BooleanField(default=False)  # the extract didn't know; first activity stands in
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    status_changed_at = models.DateTimeField(null=True)
    organization = models.CharField(max_length=200, blank=True)  # the platform's organisation id
    country = models.CharField(max_length=2, blank=True)  # shown, never a signal
    plan = models.CharField(max_length=60, blank=True)
    entry_path = models.CharField(max_length=60, blank=True)
    extra = models.JSONField(default=dict)  # unknown x_ columns, sealed (accounts.extra)
    batch = models.ForeignKey(
        "accounts.Batch", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    last_seen_at = models.DateTimeField(null=True)
    n_sessions = models.PositiveIntegerField(default=0)
    n_exchanges = models.PositiveBigIntegerField(default=0)
    n_input_tokens = models.PositiveBigIntegerField(default=0)
    n_output_tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            # also the index of a dataset's accounts
            models.UniqueConstraint(fields=["dataset", "platform_id"], name="account_once_in_a_dataset"),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    def get_absolute_url(self) -> str:
        return reverse("account-detail", args=[self.public_id])


class AccountVersion(models.Model):
    """What a batch said of an account before a later one changed it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="versions")
    batch = models.ForeignKey("accounts.Batch", on_delete=models.SET_NULL, null=True, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=10, choices=Status)
    status_changed_at = models.DateTimeField(null=True)
    facts = models.JSONField(default=dict)  # organization, country, plan, entry_path, extra as they were

    class Meta:
        ordering = ["account", "-recorded_at"]

    def __str__(self) -> str:
        return f"{self.account_id} until {self.recorded_at:%Y-%m-%d}"
