from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from accounts.models import Account
from core.models import Dataset
from core.public_ids import PublicIdField
from investigations.models.choices import CaseState
from investigations.models.cluster import Cluster, ClusterVersion


class Case(models.Model):
    """An investigation that people conduct, over clusters and accounts."""

    public_id = PublicIdField(prefix="cas")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="cases")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=CaseState, default=CaseState.OPEN)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="cases")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    closed_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)  # counts up with every change: the ETag
    ticket_id = models.CharField(max_length=120, blank=True)  # in an external system
    ticket_url = models.URLField(max_length=500, blank=True)

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="case_number_once")]
        indexes = [
            models.Index(fields=["dataset", "state", "-opened_at"], name="case_list"),
        ]

    def __str__(self) -> str:
        return f"case {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("case-detail", args=[self.public_id])


class CaseCluster(models.Model):
    """A cluster in a case, with the version that was there when it was put in."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="case_clusters")
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="case_clusters")
    version = models.ForeignKey(ClusterVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["added_at", "id"]
        constraints = [models.UniqueConstraint(fields=["case", "cluster"], name="cluster_once_in_a_case")]

    def __str__(self) -> str:
        return f"{self.cluster} in {self.case}"


class CaseAccount(models.Model):
    """An account that a case looks at beside its clusters."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="case_accounts")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="case_accounts")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["added_at", "id"]
        constraints = [models.UniqueConstraint(fields=["case", "account"], name="account_once_in_a_case")]

    def __str__(self) -> str:
        return f"{self.account} in {self.case}"


class CaseNote(models.Model):
    """What somebody wrote down. Append-only: a correction is another note."""

    append_only = True

    public_id = PublicIdField(prefix="not")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(max_length=20000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"note on {self.case}"
