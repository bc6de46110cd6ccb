from __future__ import annotations

from django.db import models


class IdempotencyKey(models.Model):
    """The answer to a write that a program may send twice, kept for a day. While it is being made its row is locked."""

    owner = models.CharField(max_length=40)  # public id of the token
    key_digest = models.CharField(max_length=64)  # sha256 of the Idempotency-Key
    fingerprint = models.CharField(max_length=64)  # sha256 of method, path and body
    status = models.PositiveSmallIntegerField(null=True)  # null: no answer yet
    answer_sealed = models.BinaryField(null=True)  # headers and body; notes and titles are in there
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key_digest"], name="idempotency_key_once"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="idempotency_expired"),  # clearing away
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.key_digest[:8]}"
