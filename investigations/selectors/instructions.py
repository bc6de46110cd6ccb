"""What people have told the engine: in force and withdrawn, on a pair, on a value, in a whole dataset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
from django.db import models

from accounts.models import Account, Identifier
from core.models import Dataset
from investigations.linkage.types import CONSTRAINTS, MARKED
from investigations.models import Instruction, Run
from investigations.models.choices import PAIR_KINDS, InstructionKind
from investigations.selectors.paging import page_of, page_start
from investigations.selectors.refs import account_ref, identifier_ref
from investigations.selectors.shapes.page import Page
from investigations.selectors.shapes.refs import AccountRef, ValueRef
from investigations.services import run_files

CONFLICTS_SHOWN = 50


@dataclass(frozen=True)
class InstructionRow:
    """One instruction; `a` and `b`, or `value`."""

    public_id: str
    kind: str
    kind_label: str
    a: AccountRef | None
    b: AccountRef | None
    value: ValueRef | None
    rationale: str
    given_by: str
    given_at: datetime
    withdrawn_by: str
    withdrawn_at: datetime | None

    @property
    def is_in_force(self) -> bool:
        """Whether the next run obeys it."""
        return self.withdrawn_at is None


@dataclass(frozen=True)
class ConflictRow:
    """An instruction on a pair that a run could not obey, or of two that contradict each other the one it did."""

    kind_label: str
    accounts: tuple[AccountRef, ...]
    """Of a contradiction the chain of accounts said to be one hand."""
    done: str


def conflicts_of(run: Run, *, shows_platform_ids: bool) -> tuple[ConflictRow, ...]:
    """What the run reported, at most CONFLICTS_SHOWN; nothing when its files are gone. One query."""
    path = run_files.folder_of(run) / "conflicts.parquet"
    if not run.statistics.get("conflicts") or not path.is_file():
        return ()
    found = pq.read_table(path).slice(0, CONFLICTS_SHOWN).to_pylist()
    named = {number for row in found for number in row["accounts"]}
    refs = {a.pk: account_ref(a, shows_platform_ids=shows_platform_ids) for a in Account.objects.filter(pk__in=named)}
    labels = dict(InstructionKind.choices)
    return tuple(
        ConflictRow(
            str(labels.get(row["kind"], row["kind"])),
            tuple(refs[number] for number in row["accounts"] if number in refs),
            row["done"],
        )
        for row in found
    )


def instruction_list(dataset: Dataset, *, page: int, size: int, shows_platform_ids: bool) -> Page[InstructionRow]:
    """All of a dataset, the newest first. Two queries."""
    rows = _rows().filter(dataset=dataset).order_by("-given_at", "-id")
    offset, size = page_start(page=page, size=size, cursor="")
    return page_of(
        list(rows[offset : offset + size]),
        lambda row: _row(row, shows_platform_ids=shows_platform_ids),
        offset=offset,
        size=size,
        n_matching=rows.count(),
    )


def instruction_on_pair_now(a: Account, b: Account) -> InstructionRow | None:
    """What is in force on two accounts. One query."""
    first, second = sorted((a.pk, b.pk))
    row = _rows().filter(a_id=first, b_id=second, withdrawn_at=None).first()
    return _row(row, shows_platform_ids=False) if row else None


def instruction_on_value_now(identifier: Identifier) -> InstructionRow | None:
    """What is in force on a value. One query."""
    row = _rows().filter(identifier=identifier, withdrawn_at=None).first()
    return _row(row, shows_platform_ids=False) if row else None


def engine_instructions(dataset: Dataset) -> tuple[pa.Table, pa.Table]:
    """What is in force as the engine's CONSTRAINTS and MARKED, in the order of their columns. Two queries."""
    known = Instruction.objects.filter(dataset=dataset, withdrawn_at=None)
    pairs = known.filter(kind__in=PAIR_KINDS).order_by("a_id", "b_id").values("a_id", "b_id", "kind")
    values = known.filter(kind=InstructionKind.SHARED).order_by("identifier__kind", "identifier_id")
    constraints = [{"a": row["a_id"], "b": row["b_id"], "kind": row["kind"]} for row in pairs]
    marked = [{"kind": kind, "value": value} for kind, value in values.values_list("identifier__kind", "identifier_id")]
    return pa.Table.from_pylist(constraints, schema=CONSTRAINTS), pa.Table.from_pylist(marked, schema=MARKED)


def _rows() -> models.QuerySet[Instruction]:
    return Instruction.objects.select_related("a", "b", "identifier", "given_by", "withdrawn_by")


def _row(row: Instruction, *, shows_platform_ids: bool) -> InstructionRow:
    a, b = (account_ref(end, shows_platform_ids=shows_platform_ids) if end else None for end in (row.a, row.b))
    return InstructionRow(
        public_id=str(row.public_id),
        kind=row.kind,
        kind_label=row.get_kind_display(),
        a=a,
        b=b,
        value=identifier_ref(row.identifier) if row.identifier else None,
        rationale=row.rationale,
        given_by=row.given_by.label,
        given_at=row.given_at,
        withdrawn_by=row.withdrawn_by.label if row.withdrawn_by else "",
        withdrawn_at=row.withdrawn_at,
    )
