"""What the pages of instructions show: the form that gives one, the list, and the panel on a pair's or value's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.urls import reverse

from accounts.models import Account, Identifier
from core.access import Capability
from core.models import Dataset
from investigations.models.choices import PAIR_KINDS, InstructionKind
from investigations.selectors.instructions import (
    ConflictRow,
    InstructionRow,
    conflicts_of,
    instruction_list,
    instruction_on_pair_now,
    instruction_on_value_now,
)
from investigations.selectors.refs import account_ref, identifier_ref, run_ref
from investigations.selectors.runs import run_latest
from investigations.selectors.shapes.refs import AccountRef, RunRef, ValueRef
from investigations.services.instructions import RATIONALE_LENGTH
from investigations.ui.parts import PAGE_SIZE, Column, Link, Paging, page_number, paging_for

EFFECTS = {
    InstructionKind.MUST: "From the next run on both are in one cluster, whatever they share. It makes nobody actionable.",
    InstructionKind.CANNOT: "From the next run on no cluster holds both. What they share stays on record.",
    InstructionKind.SHARED: "From the next run on it weighs nothing, and is listed among the hubs.",
}

COLUMNS = (
    Column("What"),
    Column("On"),
    Column("Why"),
    Column("By", shown_from="m"),
    Column("Given", numeric=True, shown_from="m"),
    Column("State"),
)


class InstructionForm(forms.Form):
    """What to tell the engine, and why."""

    kind = forms.ChoiceField(
        label="What is so",
        choices=[(kind, f"{InstructionKind(kind).label}: {EFFECTS[InstructionKind(kind)]}") for kind in PAIR_KINDS],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one."},
    )
    rationale = forms.CharField(
        label="Why",
        max_length=RATIONALE_LENGTH,
        help_text="Kept with your name. Say what you know that the data does not.",
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Say why, in a sentence."},
    )

    def __init__(self, *given: Any, on_value: bool, **named: Any) -> None:
        super().__init__(*given, **named)
        if on_value:
            del self.fields["kind"]


@dataclass(frozen=True)
class InstructionPanel:
    """What is in force here, and the way to another or to the form."""

    row: InstructionRow | None
    effect: str
    give_href: str
    """Empty for who may not give one, or where one is in force."""
    withdraw_href: str
    back_href: str
    list_href: str


@dataclass(frozen=True)
class InstructionGivePage:
    title: str
    crumbs: tuple[Link, ...]
    form: InstructionForm
    hidden: tuple[tuple[str, str], ...]
    accounts: tuple[AccountRef, ...]
    value: ValueRef | None
    """What it is on: two accounts or a value."""
    effect: str
    """Where there is nothing to choose."""
    back_href: str


@dataclass(frozen=True)
class InstructionListPage:
    """The list, as base/list.html takes it."""

    title: str
    crumbs: tuple[Link, ...]
    lines: tuple[InstructionRow, ...]
    n_total: int
    paging: Paging
    run: RunRef | None
    conflicts: tuple[ConflictRow, ...]
    """What the newest run could not obey, the first of `n_conflicts`."""
    n_conflicts: int
    may_withdraw: bool
    here: str
    columns: tuple[Column, ...] = COLUMNS
    noun: str = "instruction"


def pair_panel(a: Account, b: Account, capabilities: frozenset[Capability]) -> InstructionPanel:
    """The panel on the page of two accounts."""
    query = urlencode({"a": str(a.public_id), "b": str(b.public_id)})
    return _panel(instruction_on_pair_now(a, b), query, f"{reverse('compare')}?{query}", capabilities)


def value_panel(identifier: Identifier, capabilities: frozenset[Capability]) -> InstructionPanel:
    """The panel on the page of a value."""
    query = urlencode({"identifier": str(identifier.public_id)})
    back = reverse("identifier-detail", args=[identifier.public_id])
    return _panel(instruction_on_value_now(identifier), query, back, capabilities)


def give_page(
    pair: tuple[Account, Account] | None,
    identifier: Identifier | None,
    form: InstructionForm,
    capabilities: frozenset[Capability],
) -> InstructionGivePage:
    """The form on two accounts, or on a value."""
    shows = Capability.PLATFORM_IDS in capabilities
    hidden: tuple[tuple[str, str], ...]
    if pair is not None:
        hidden = (("a", str(pair[0].public_id)), ("b", str(pair[1].public_id)))
        back = f"{reverse('compare')}?{urlencode(hidden)}"
        title, label, effect = "What do you know of these two accounts?", "Compare", ""
    else:
        assert identifier is not None
        hidden = (("identifier", str(identifier.public_id)),)
        back = reverse("identifier-detail", args=[identifier.public_id])
        title, label = "Do strangers share this value?", str(identifier.public_id)
        effect = EFFECTS[InstructionKind.SHARED]
    return InstructionGivePage(
        title=title,
        crumbs=(Link(label, back), Link("Tell the engine")),
        form=form,
        hidden=hidden,
        accounts=tuple(account_ref(account, shows_platform_ids=shows) for account in pair or ()),
        value=identifier_ref(identifier) if identifier else None,
        effect=effect,
        back_href=back,
    )


def list_page(dataset: Dataset | None, query: QueryDict, capabilities: frozenset[Capability]) -> InstructionListPage:
    """Every instruction of a dataset, withdrawn ones included."""
    page, shows = page_number(query), Capability.PLATFORM_IDS in capabilities
    found = instruction_list(dataset, page=page, size=PAGE_SIZE, shows_platform_ids=shows) if dataset else None
    n = found.n_matching if found else 0
    run = run_latest(dataset) if dataset else None
    return InstructionListPage(
        title=f"{n:,} instruction{'' if n == 1 else 's'} to the engine" if n else "Instructions to the engine",
        crumbs=(Link("Runs", reverse("run-list")), Link("Instructions")),
        lines=found.items if found else (),
        n_total=n,
        paging=paging_for(query, page=page, total=n),
        run=run_ref(run) if run else None,
        conflicts=conflicts_of(run, shows_platform_ids=shows) if run else (),
        n_conflicts=run.statistics.get("conflicts", 0) if run else 0,
        may_withdraw=Capability.CASEWORK in capabilities,
        here=reverse("instruction-list"),
    )


def _panel(row: InstructionRow | None, query: str, back: str, capabilities: frozenset[Capability]) -> InstructionPanel:
    may = Capability.CASEWORK in capabilities
    return InstructionPanel(
        row=row,
        effect=EFFECTS[InstructionKind(row.kind)] if row else "",
        give_href=f"{reverse('instruction-give')}?{query}" if may and row is None else "",
        withdraw_href=reverse("instruction-withdraw", args=[row.public_id]) if may and row else "",
        back_href=back,
        list_href=reverse("instruction-list"),
    )
