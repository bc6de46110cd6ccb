from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    """Who did or saw what. Append-only; a trigger numbers the entries and chains each to the one before."""

    append_only = True

    seq = models.BigIntegerField(unique=True, editable=False, default=0)  # set by the trigger
    at = models.DateTimeField(editable=False)  # set by the trigger
    actor = models.CharField(max_length=40, blank=True)  # public id of a person; empty = the system
    actor_label = models.CharField(max_length=150, blank=True)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=60, blank=True)  # public id
    dataset = models.CharField(max_length=40, blank=True)  # a name, not a key: entries outlive datasets
    details = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)
    previous_hash = models.BinaryField(editable=False, default=b"")
    hash = models.BinaryField(editable=False, default=b"")

    class Meta:
        ordering = ["-seq"]
        indexes = [
            models.Index(fields=["target", "seq"], name="audit_of_a_thing"),  # a case's or run's activity
            models.Index(fields=["actor", "seq"], name="audit_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.target}"
