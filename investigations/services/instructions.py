"""What people tell the engine, and taking it back: it holds from the next run on."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Account, Identifier
from core import audit
from core.access import Capability, require
from core.errors import Conflict, InvalidInput
from investigations.models import Instruction
from investigations.models.choices import PAIR_KINDS, InstructionKind
from investigations.services.text import Faults, text_clean
from staff.models import User

GIVEN = audit.register("instruction.given", "The engine was told something of two accounts or of a value")
WITHDRAWN = audit.register("instruction.withdrawn", "What the engine was told was taken back")
RATIONALE_LENGTH = 2_000


@transaction.atomic
def instruction_on_pair(a: Account, b: Account, *, kind: str, rationale: str, by: User) -> Instruction:
    """One hand (`must`), or never in one cluster (`cannot`)."""
    require(by, Capability.CASEWORK)
    faults = Faults()
    if kind not in PAIR_KINDS:
        faults.add("kind", f"Choose one of: {', '.join(PAIR_KINDS)}.")
    text = _rationale(rationale, faults)
    faults.raise_if_any()
    if a.pk == b.pk:
        raise InvalidInput("An instruction is on two accounts; these are one.", fields={"b": ["Choose another one."]})
    if a.dataset_id != b.dataset_id:
        raise Conflict(
            "These accounts are of two datasets, which are never linked.",
            code="other_dataset",
            what_to_do="Choose two accounts of one dataset.",
        )
    first, second = sorted((a, b), key=lambda account: account.pk)
    row = Instruction(dataset=a.dataset, kind=kind, a=first, b=second, rationale=text, given_by=by)
    return _given(row, by, on=[str(first.public_id), str(second.public_id)])


@transaction.atomic
def instruction_on_value(identifier: Identifier, *, rationale: str, by: User) -> Instruction:
    """Strangers share this value: it weighs nothing."""
    require(by, Capability.CASEWORK)
    faults = Faults()
    text = _rationale(rationale, faults)
    faults.raise_if_any()
    row = Instruction(
        dataset=identifier.dataset,
        kind=InstructionKind.SHARED,
        identifier=identifier,
        rationale=text,
        given_by=by,
    )
    return _given(row, by, on=[str(identifier.public_id)])


@transaction.atomic
def instruction_withdraw(instruction: Instruction, *, by: User) -> Instruction:
    """The instruction, which later runs no longer read; it stays on record."""
    require(by, Capability.CASEWORK)
    row = Instruction.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=instruction.pk)
    if row.withdrawn_at is not None:
        raise Conflict(
            "This instruction was withdrawn before.", code="already_withdrawn", what_to_do="There is nothing to do."
        )
    row.withdrawn_by, row.withdrawn_at = by, timezone.now()
    row.save(update_fields=["withdrawn_by", "withdrawn_at"])
    audit.record(WITHDRAWN, actor=by, target=row.public_id, dataset=row.dataset.name, kind=row.kind)
    return row


def _rationale(text: str, faults: Faults) -> str:
    return text_clean(
        text, field="rationale", faults=faults, max_length=RATIONALE_LENGTH, is_required=True, has_lines=True
    )


def _given(row: Instruction, by: User, *, on: list[str]) -> Instruction:
    """Saves it, unless there is one on the same already."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            "There is an instruction on this already.",
            code="already_instructed",
            what_to_do="Withdraw it first, if it was wrong.",
        ) from error
    audit.record(GIVEN, actor=by, target=row.public_id, dataset=row.dataset.name, kind=row.kind, on=on)
    return row
