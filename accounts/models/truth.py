from __future__ import annotations

from django.db import models

from accounts.models.account import Account


class TruthLabel(models.Model):
    """What is known of an account in a labelled dataset: for evaluation only, never read by linking."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="truth")
    operator = models.CharField(max_length=100, blank=True)  # empty = honest, `kind` names the crowd
    kind = models.CharField(max_length=40, blank=True)
    is_abusive = models.BooleanField(null=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "operator", "since"], name="truth_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.operator or self.kind}"
