from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Account, Identifier
from core.models import Dataset
from core.public_ids import PublicIdField
from investigations.models.choices import InstructionKind


class Instruction(models.Model):
    """What people tell the engine: of two accounts that one hand runs both or that they are never together, of a value
    that strangers share it. It holds for every run from the next one on, until it is withdrawn."""

    public_id = PublicIdField(prefix="ins")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="instructions")
    kind = models.CharField(max_length=10, choices=InstructionKind)
    a = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")  # the smaller id
    b = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    identifier = models.ForeignKey(Identifier, on_delete=models.CASCADE, null=True, related_name="+")
    rationale = models.TextField(max_length=2000)
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-given_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="instruction_on_a_pair_or_a_value",
                condition=Q(kind=InstructionKind.SHARED, a=None, b=None, identifier__isnull=False)
                | Q(
                    kind__in=[InstructionKind.MUST, InstructionKind.CANNOT],
                    a__isnull=False,
                    b__isnull=False,
                    a__lt=F("b"),
                    identifier=None,
                ),
            ),
            models.UniqueConstraint(
                fields=["a", "b"], condition=Q(withdrawn_at=None, identifier=None), name="one_instruction_on_a_pair"
            ),
            models.UniqueConstraint(
                fields=["identifier"], condition=Q(withdrawn_at=None, a=None), name="one_instruction_on_a_value"
            ),
        ]
        indexes = [models.Index(fields=["dataset", "-given_at"], name="instruction_list")]

    def __str__(self) -> str:
        return f"instruction {self.public_id}"
