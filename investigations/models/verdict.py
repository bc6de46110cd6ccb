from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from accounts.models import Account
from core.public_ids import PublicIdField
from investigations.models.case import Case
from investigations.models.choices import Abusive, Confidence, Likelihood, SameOperator, Standing
from investigations.models.cluster import Cluster, ClusterVersion


class Verdict(models.Model):
    """A person's decision on a cluster in a case: two axes, apart. Append-only; a later one supersedes it."""

    append_only = True

    public_id = PublicIdField(prefix="ver")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="verdicts")
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="verdicts")
    version = models.ForeignKey(ClusterVersion, on_delete=models.PROTECT, related_name="+")
    supersedes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")
    same_operator = models.CharField(max_length=20, choices=SameOperator)
    abusive = models.CharField(max_length=14, choices=Abusive)
    likelihood = models.CharField(max_length=20, choices=Likelihood)
    confidence = models.CharField(max_length=10, choices=Confidence)
    policy = models.CharField(max_length=120)
    rationale = models.TextField(max_length=20000)
    hypotheses = models.JSONField(default=dict)  # choices.Hypothesis to {answer, note}
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    frozen = models.JSONField()  # the evidence as it was seen: run, model, sentence, families, values, members, links
    frozen_digest = models.CharField(max_length=64)  # sha256 of the frozen evidence as canonical JSON

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return str(self.public_id)

    def get_absolute_url(self) -> str:
        return reverse("verdict-detail", args=[self.public_id])


class VerdictStanding(models.Model):
    """What a verdict says of one account, with its own reason. Append-only like its verdict."""

    append_only = True

    verdict = models.ForeignKey(Verdict, on_delete=models.CASCADE, related_name="standings", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="standings")
    standing = models.CharField(max_length=20, choices=Standing)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["verdict", "account"], name="standing_once")]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.standing}"
