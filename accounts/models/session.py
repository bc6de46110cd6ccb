from __future__ import annotations

from django.db import models

from accounts.models.account import Account
from accounts.models.identifier import Identifier
from core.models import Dataset


class Session(models.Model):
    """A stretch of use by an account from one place.

    Loaded by the million inside the transaction that makes its accounts and identifiers: foreign keys without a
    database constraint, whose checks at commit cost several times as much as the rows. One index, in the order in which
    rows are written: account, then time. A load knows a session again by its account and natural key.
    """

    pk = models.CompositePrimaryKey("account_id", "started_at", "natural_key")  # account page, heatmap
    dataset = models.ForeignKey(
        Dataset, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    natural_key = models.UUIDField()  # keyed hash of the platform's session id
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="sessions", db_index=False, db_constraint=False
    )
    batch = models.ForeignKey(
        "accounts.Batch", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ip = models.ForeignKey(
        Identifier, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    device = models.ForeignKey(
        Identifier, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    tls = models.ForeignKey(
        Identifier, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    user_agent = models.ForeignKey(
        Identifier, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    asn = models.PositiveBigIntegerField(null=True)
    n_requests = models.PositiveIntegerField(null=True)
    n_input_tokens = models.PositiveBigIntegerField(null=True)
    n_output_tokens = models.PositiveBigIntegerField(null=True)
    extra = models.JSONField(null=True)  # unknown x_ columns, sealed (accounts.extra)

    def __str__(self) -> str:
        return f"{self.account_id} at {self.started_at:%Y-%m-%d %H:%M}"
