"""What the pages of verdicts show: the list, and one verdict as it was decided and as the cluster is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from accounts.kinds import kind_get
from core.access import Capability
from core.models import Dataset
from investigations import charts
from investigations.models import Verdict
from investigations.models.choices import (
    OPEN_CASE_STATES,
    Abusive,
    ExportSubject,
    HypothesisAnswer,
    Position,
    SameOperator,
    Standing,
)
from investigations.selectors.shapes.cases import (
    Drift,
    FrozenMember,
    FrozenValue,
    StandingRow,
    VerdictDetail,
    VerdictRow,
)
from investigations.selectors.verdicts import verdict_detail, verdict_filters_from, verdict_list
from investigations.ui.entries import Entry
from investigations.ui.export_menu import ExportGroup, ExportMenu, export_menu, list_group
from investigations.ui.parts import (
    PAGE_SIZE,
    Action,
    Column,
    Fact,
    Link,
    Paging,
    changed,
    page_number,
    paging_for,
    sorted_columns,
)
from investigations.ui.templatetags.console import number, whole_bits

COLUMNS = (
    Column("Same operator?", "same_operator"),
    Column("Abusive?", "abusive"),
    Column("Likelihood", shown_from="m"),
    Column("Confidence", shown_from="l"),
    Column("Policy", "policy"),
    Column("Cluster"),
    Column("Accounts", numeric=True, title="members when it was decided", shown_from="l"),
    Column("Case", "case"),
    Column("By", "author"),
    Column("Given", "created_at", numeric=True),
)
FILTERS = ("same_operator", "abusive", "author", "case", "cluster", "standing_only", "text")
ACCOUNTS_SHOWN = 20


@dataclass(frozen=True)
class VerdictLine:
    row: VerdictRow
    href: str


@dataclass(frozen=True)
class VerdictListPage:
    title: str
    dataset: str
    lines: tuple[VerdictLine, ...]
    columns: list[Column]
    operators: tuple[Link, ...]
    abusive: tuple[Link, ...]
    standing: tuple[Link, ...]
    first: tuple[Action, ...]
    text: Entry
    kept: tuple[tuple[str, str], ...]
    about: str
    paging: Paging
    n_total: int
    is_filtered: bool
    clear_href: str
    exports: ExportMenu | None
    noun: str = "verdict"


def verdict_list_page(dataset: Dataset | None, query: QueryDict, user: Any) -> VerdictListPage:
    """The verdicts of a dataset that the address asks for."""
    filters = verdict_filters_from(query)
    found = verdict_list(dataset, filters=filters, page=page_number(query)).page
    n = found.n_matching
    fields = [(name, ",".join(query.getlist(name))) for name in (*FILTERS, "sort") if query.get(name)]
    standing = Link(
        "Leave out superseded",
        changed(query, standing_only=None if filters.standing_only else 1),
        filters.standing_only,
    )
    return VerdictListPage(
        title=f"{n:,} verdict{'' if n == 1 else 's'}" if found.n_total else "No verdicts yet",
        dataset=dataset.name if dataset else "",
        lines=tuple(VerdictLine(row, reverse("verdict-detail", args=[row.public_id])) for row in found.items),
        columns=sorted_columns(COLUMNS, query, sort=filters.sort),
        operators=_chips(query, "same_operator", SameOperator, filters.same_operator),
        abusive=_chips(query, "abusive", Abusive, filters.abusive),
        standing=(standing,),
        first=(Action("Go to the cases", reverse("case-list"), main=True),),
        text=Entry("text", "Policy, rationale or case", filters.text, max_length=200, prefix="filter-"),
        kept=tuple((k, v) for k in (*FILTERS, "sort", "dataset") if k != "text" for v in query.getlist(k)),
        about=filters.cluster or filters.case or filters.author,
        paging=paging_for(query, page=found.number, total=n, size=found.size),
        n_total=found.n_total,
        is_filtered=any(query.get(name) for name in FILTERS),
        clear_href=changed(query, **dict.fromkeys(FILTERS)),
        exports=export_menu(user, [_list_of(n, [("dataset", dataset.name), *fields])] if dataset and n else []),
    )


def _list_of(n: int, fields: list[tuple[str, str]]) -> ExportGroup:
    label = "The verdict of this list" if n == 1 else f"All {n:,} verdicts of this list"
    return list_group(label, ExportSubject.VERDICTS, fields, excel="Excel, with standings (XLSX)")


def _chips(query: QueryDict, name: str, choices: Any, chosen: tuple[str, ...]) -> tuple[Link, ...]:
    links = []
    for choice in choices:
        is_on = choice.value in chosen
        kept = [v for v in chosen if v != choice.value] if is_on else [*chosen, choice.value]
        links.append(Link(choice.label, changed(query, **{name: ",".join(kept) or None}), is_on))
    return tuple(links)


# --- one verdict ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MemberLine:
    member: FrozenMember
    position: str
    standing: StandingRow | None
    href: str


@dataclass(frozen=True)
class VerdictPage:
    detail: VerdictDetail
    title: str
    crumbs: tuple[Link, ...]
    bars: charts.EvidenceBars
    facts: tuple[Fact, ...]
    standings: tuple[Fact, ...]
    drift_title: str
    drift: tuple[Fact, ...]
    values: tuple[tuple[FrozenValue, str], ...]  # each with its kind in words
    joined: tuple[str, ...]
    left: tuple[str, ...]
    members: tuple[MemberLine, ...]
    paging: Paging
    n_untested: int
    supersede_href: str


def verdict_page(verdict: Verdict, query: QueryDict, user: Any) -> VerdictPage:
    """One verdict: the decision, what was frozen with it, and how far the cluster has moved since."""
    detail = verdict_detail(verdict)
    frozen, drift = detail.frozen, detail.drift
    page = page_number(query)
    return VerdictPage(
        detail=detail,
        title=_title(detail.row),
        crumbs=_crumbs(detail.row),
        bars=charts.evidence_bars(
            [
                charts.FamilyEvidence(f.family, f.bits_for, f.bits_against, f.n_links, f.parts_without)
                for f in frozen.families
            ]
        ),
        facts=_facts(detail),
        standings=_standings(detail),
        drift_title=_drift_title(drift),
        drift=_drift_facts(drift),
        values=tuple((value, kind_get(value.kind).label) for value in frozen.values),
        joined=drift.joined[:ACCOUNTS_SHOWN],
        left=drift.left[:ACCOUNTS_SHOWN],
        members=_members(detail, page),
        paging=paging_for(query, page=page, total=len(frozen.members)),
        n_untested=sum(h.answer == HypothesisAnswer.UNTESTED for h in detail.hypotheses),
        supersede_href=_supersede_href(verdict, detail, user),
    )


def _crumbs(row: VerdictRow) -> tuple[Link, ...]:
    return (
        Link("Verdicts", reverse("verdict-list")),
        Link(f"Case {row.case_number}", reverse("case-detail", args=[row.case_public_id])),
        Link(row.public_id),
    )


def _facts(detail: VerdictDetail) -> tuple[Fact, ...]:
    row, drift = detail.row, detail.drift
    likelihood, _, percent = row.likelihood_label.partition(" (")
    return (
        Fact("Likelihood", likelihood, percent.rstrip(")")),
        Fact("Confidence", row.confidence_label),
        Fact("Members", number(drift.n_then), f"{number(drift.n_actionable_then)} actionable"),
        Fact("Bits over the line", whole_bits(drift.bits_then), f"run {drift.run_then}"),
        Fact("Policy", row.policy),
    )


def _standings(detail: VerdictDetail) -> tuple[Fact, ...]:
    """How many accounts have which standing, the most common first."""
    ordered = sorted(detail.standing_counts.items(), key=lambda counted: -counted[1])
    return tuple(Fact(Standing(name).label, number(n)) for name, n in ordered)


def _members(detail: VerdictDetail, page: int) -> tuple[MemberLine, ...]:
    """A page of the members as they were frozen, core first, with what the verdict says of each."""
    ordered = sorted(detail.frozen.members, key=lambda m: (_POSITIONS.index(m.position), -m.bits))
    standings = {s.account: s for s in detail.standings}
    return tuple(
        MemberLine(m, Position(m.position).label, standings.get(m.account), reverse("account-detail", args=[m.account]))
        for m in ordered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    )


def _supersede_href(verdict: Verdict, detail: VerdictDetail, user: Any) -> str:
    """Where a later verdict is written; nowhere once the case is settled, the verdict superseded or the cluster gone."""
    row = detail.row
    is_open = verdict.case.state in OPEN_CASE_STATES and row.superseded_by is None and not detail.drift.is_ended
    if not is_open or Capability.VERDICT not in user.capabilities:
        return ""
    return reverse("verdict-create", args=[row.case_public_id, row.cluster_public_id])


_POSITIONS: list[str] = [Position.CORE, Position.BRIDGE, Position.PERIPHERY]


def _title(row: VerdictRow) -> str:
    said = {
        SameOperator.CONFIRMED: "One operator",
        SameOperator.BENIGN_SHARED: "A benign shared resource",
        SameOperator.INCONCLUSIVE: "Inconclusive whether one operator",
        SameOperator.MORE_INFORMATION: "More information is needed",
        SameOperator.DUPLICATE: "A duplicate",
    }[SameOperator(row.same_operator)]
    abusive = {"yes": "abusive", "no": "not abusive", "undetermined": "undetermined whether abusive"}[row.abusive]
    return f"{said}, {abusive}: {row.n_accounts:,} accounts of run {row.run_number}"


def _drift_title(drift: Drift) -> str:
    if drift.is_ended:
        return "The newest run no longer finds this cluster"
    if not drift.has_changed:
        return "The cluster is as it was decided upon"
    return f"Since then {len(drift.joined):,} joined and {len(drift.left):,} left"


def _drift_facts(drift: Drift) -> tuple[Fact, ...]:
    if drift.is_ended:
        return ()
    facts = [
        Fact("Run", f"{drift.run_then} → {drift.run_now}"),
        Fact("Accounts", f"{drift.n_then:,} → {drift.n_now:,}"),
        Fact("Actionable", f"{drift.n_actionable_then:,} → {drift.n_actionable_now:,}"),
        Fact("Bits", f"{whole_bits(drift.bits_then)} → {whole_bits(drift.bits_now)}"),
    ]
    if drift.families_gained:
        facts.append(Fact("Families gained", ", ".join(drift.families_gained)))
    if drift.families_lost:
        facts.append(Fact("Families lost", ", ".join(drift.families_lost)))
    return tuple(facts)
