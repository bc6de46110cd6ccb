from __future__ import annotations

from django.db import models
from django.urls import reverse

from accounts.models.account import Account
from core.models import Dataset
from core.public_ids import PublicIdField


class Identifier(models.Model):
    """A value that accounts can share: its keyed digest to find it, sealed to recover it, a mask to show it."""

    public_id = PublicIdField(prefix="idf")
    dataset = models.ForeignKey(
        Dataset, on_delete=models.CASCADE, related_name="identifiers", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=40)  # of accounts.kinds, or the extract's own
    key_id = models.PositiveIntegerField()  # the keyring's key that made digest and envelope
    normaliser_version = models.PositiveSmallIntegerField()
    digest = models.BinaryField(max_length=16)
    sealed = models.BinaryField(null=True)  # null once its data key was destroyed
    data_key = models.BinaryField(null=True)
    mask = models.CharField(max_length=80)

    class Meta:
        constraints = [
            # also the index of a dataset's identifiers
            models.UniqueConstraint(fields=["dataset", "kind", "digest"], name="identifier_once_in_a_dataset"),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    def get_absolute_url(self) -> str:
        return reverse("identifier-detail", args=[self.public_id])


class Sighting(models.Model):
    """An account used an identifier: first, last, how often. Foreign keys without a constraint, as with sessions.

    Known by its pair: no number of its own, whose index would cost as much as the row. Pages keep a quarter free, so
    that the sessions of new accounts widen what their sign-up brought in place.
    """

    pk = models.CompositePrimaryKey("account_id", "identifier_id")  # also the index of an account's identifiers
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="sightings", db_index=False, db_constraint=False
    )
    identifier = models.ForeignKey(Identifier, on_delete=models.CASCADE, related_name="sightings", db_constraint=False)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    n = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.account_id} used {self.identifier_id}"
