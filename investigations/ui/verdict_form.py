"""The form of a verdict: what it asks, what the engine says beside each question, and what was typed already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from core.errors import Conflict, NotFound
from investigations import charts
from investigations.models import Case, Cluster
from investigations.models.choices import (
    OPEN_CASE_STATES,
    Abusive,
    Confidence,
    Hypothesis,
    HypothesisAnswer,
    Likelihood,
    Position,
    SameOperator,
    Standing,
)
from investigations.selectors.cluster import cluster_detail, member_list
from investigations.selectors.shapes.clusters import ClusterDetail, Explanation, MemberRow
from investigations.services.cases import case_settled
from investigations.services.verdict_rules import (
    EXPLANATION_LENGTH,
    NOTE_LENGTH,
    POLICY_LENGTH,
    RATIONALE_LENGTH,
    REASON_LENGTH,
    STANDING_DEFAULTS,
)
from investigations.services.verdicts import HypothesisInput, StandingInput, VerdictInput
from investigations.ui.entries import NOTHING, Draft, Entry, Option, options_of
from investigations.ui.figures import families_mask, family_evidence, millibits
from investigations.ui.parts import Link

MEMBERS_SHOWN = 50
BLANK_ROWS = 3
FORM = "verdict"
LIKELIHOODS = tuple(  # the words, their ranges under them
    Option(value, word, detail=rest.rstrip(")"))
    for value, label in Likelihood.choices
    for word, _, rest in [str(label).partition(" (")]
)
ORDER = (Position.CORE, Position.BRIDGE, Position.PERIPHERY)


@dataclass(frozen=True)
class Question:
    """A closed question as a group of radios."""

    name: str
    legend: str
    options: tuple[Option, ...]
    value: str
    error: str


@dataclass(frozen=True)
class HypothesisQuestion:
    label: str
    told: Explanation | None  # the engine's own test
    answer: Question
    note: Entry
    error: str


@dataclass(frozen=True)
class DefaultRow:
    label: str
    n: int
    standing: Entry
    reason: Entry


@dataclass(frozen=True)
class OverrideRow:
    """What is said of one account; a row without a member names its account in a field."""

    member: MemberRow | None
    bits: int
    families: int
    account: Entry
    standing: Entry
    reason: Entry
    error: str


@dataclass(frozen=True)
class VerdictFormPage:
    case: Case
    detail: ClusterDetail
    bars: charts.EvidenceBars
    crumbs: tuple[Link, ...]
    href: str
    cluster_href: str
    run: str  # public id of the run whose figures are shown
    axes: tuple[Question, ...]
    grades: tuple[Question, ...]
    texts: tuple[Entry, ...]
    hypotheses: tuple[HypothesisQuestion, ...]
    defaults: tuple[DefaultRow, ...]
    members: tuple[OverrideRow, ...]
    others: tuple[OverrideRow, ...]
    n_members: int
    has_overrides: bool
    supersedes: str  # public id of the standing verdict of this case on this cluster
    error_title: str
    error: str
    what_to_do: str


def verdict_form_check(case: Case, cluster: Cluster) -> None:
    """Refuses where a verdict could not be recorded whatever the form says."""
    if case.state not in OPEN_CASE_STATES:
        raise case_settled(case)
    if not case.case_clusters.filter(cluster=cluster).exists():
        raise NotFound(
            f"{cluster.public_id} is not in case {case.number}.",
            code="not_in_case",
            what_to_do="Put it into the case first.",
        )


def verdict_form_page(case: Case, cluster: Cluster, user: Any, draft: Draft = NOTHING) -> VerdictFormPage:
    """The form, empty or as it was sent."""
    detail = cluster_detail(cluster)
    if detail.is_ended or not detail.has_members:
        raise Conflict(
            f"{cluster.public_id} has no members in the latest run, so there is nothing to judge.",
            code="cluster_ended",
            title="The cluster has ended",
            what_to_do="Its lineage names what became of it: judge that cluster instead.",
        )
    members, n_members = _members(cluster)
    last = cluster.verdicts.filter(case=case, superseded_by__isnull=True).first()
    rows = tuple(_member_row(member, draft) for member in members)
    others = _other_rows(draft, {m.account.public_id for m in members})
    errors = {name: text for name, text in draft.errors.items() if not _is_placed(name)}
    case_href = reverse("case-detail", args=[case.public_id])
    return VerdictFormPage(
        case=case,
        detail=detail,
        bars=charts.evidence_bars(family_evidence(detail)),
        crumbs=(
            Link("Cases", reverse("case-list")),
            Link(f"Case {case.number}", case_href),
            Link(f"Verdict on {detail.row.public_id}"),
        ),
        href=reverse("verdict-create", args=[case.public_id, cluster.public_id]),
        cluster_href=reverse("cluster-detail", args=[cluster.public_id]),
        run=detail.run.public_id,
        axes=(
            _question(draft, "same_operator", "Same operator?", SameOperator.choices),
            _question(draft, "abusive", "Abusive?", Abusive.choices),
        ),
        grades=(
            replace(_question(draft, "likelihood", "How likely is one operator?", ()), options=LIKELIHOODS),
            _question(draft, "confidence", "How good is what this rests on?", Confidence.choices),
        ),
        texts=_texts(draft),
        hypotheses=_hypotheses(detail, draft),
        defaults=_defaults(detail, draft),
        members=rows,
        others=others,
        n_members=n_members,
        has_overrides=any(r.standing.value or r.error for r in (*rows, *others)),
        supersedes=last.public_id if last else "",
        error_title=draft.error.title if draft.error else "",
        error=_error_text(draft, errors),
        what_to_do=draft.error.what_to_do if draft.error and not draft.errors else "",
    )


def verdict_input_from(sent: QueryDict) -> VerdictInput:
    """The verdict as the form sent it; rules are the service's."""
    overrides = {}
    for account, standing, reason in _sent_overrides(sent):
        if standing or reason:
            overrides[account] = StandingInput(standing, reason)
    return VerdictInput(
        same_operator=sent.get("same_operator", ""),
        abusive=sent.get("abusive", ""),
        likelihood=sent.get("likelihood", ""),
        confidence=sent.get("confidence", ""),
        policy=sent.get("policy", ""),
        rationale=sent.get("rationale", ""),
        explanation=sent.get("explanation", ""),
        hypotheses={
            h.value: HypothesisInput(sent.get(f"answer-{h.value}", ""), sent.get(f"note-{h.value}", ""))
            for h in Hypothesis
            if f"answer-{h.value}" in sent
        },
        defaults={
            p.value: StandingInput(
                sent.get(f"default-{p.value}") or STANDING_DEFAULTS[p].standing,
                sent.get(f"default-reason-{p.value}", ""),
            )
            for p in Position
        },
        overrides=overrides,
    )


def _sent_overrides(sent: QueryDict | Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Account, standing and reason of each row; rows of members carry the account in the field's name."""
    found = []
    for name in sent:
        if name.startswith("standing-acc_"):
            account = name.removeprefix("standing-")
            found.append((account, sent.get(name, ""), sent.get(f"reason-{account}", "")))
        elif name.startswith("other-account-"):
            n = name.removeprefix("other-account-")
            account = sent.get(name, "").strip()
            if account:
                found.append((account, sent.get(f"other-standing-{n}", ""), sent.get(f"other-reason-{n}", "")))
    return found


# --- parts ------------------------------------------------------------------------------------------------------------


def _members(cluster: Cluster) -> tuple[list[MemberRow], int]:
    """The first members, core before bridges before the periphery, and how many there are."""
    rows: list[MemberRow] = []
    total = 0
    for position in ORDER:
        if len(rows) < MEMBERS_SHOWN:
            found = member_list(cluster, position=position, size=MEMBERS_SHOWN)
            rows += found.items[: MEMBERS_SHOWN - len(rows)]
            total = found.n_total
    return rows, total


def _question(draft: Draft, name: str, legend: str, choices: Any) -> Question:
    return Question(name, legend, options_of(choices), draft.value(FORM, name), draft.fault(FORM, name))


def _texts(draft: Draft) -> tuple[Entry, ...]:
    return (
        _entry(draft, "policy", "Policy", max_length=POLICY_LENGTH, is_required=True, help="The rule this is about."),
        _entry(
            draft,
            "rationale",
            "Rationale",
            kind="area",
            max_length=RATIONALE_LENGTH,
            is_required=True,
            help="Why, in words that hold when somebody else reads it in a year.",
        ),
        _entry(
            draft,
            "explanation",
            "Why the two axes go together",
            kind="area",
            max_length=EXPLANATION_LENGTH,
            help="Needed for “abusive” next to a benign shared resource or to an explanation that you answer with “for”.",
        ),
    )


def _hypotheses(detail: ClusterDetail, draft: Draft) -> tuple[HypothesisQuestion, ...]:
    told = {e.name: e for e in detail.explanations}
    return tuple(
        HypothesisQuestion(
            label=h.label,
            told=told.get(h.value),
            answer=_question(draft, f"answer-{h.value}", h.label, HypothesisAnswer.choices),
            note=_entry(draft, f"note-{h.value}", "What you looked at", max_length=NOTE_LENGTH),
            error=draft.fault(FORM, f"hypotheses.{h.value}"),
        )
        for h in Hypothesis
    )


def _defaults(detail: ClusterDetail, draft: Draft) -> tuple[DefaultRow, ...]:
    counts = {p.position: p.n for p in detail.positions}
    return tuple(
        DefaultRow(
            label=p.label,
            n=counts.get(p.value, 0),
            standing=_entry(
                draft,
                f"default-{p.value}",
                f"Standing of the {p.label.lower()}",
                STANDING_DEFAULTS[p].standing,
                kind="select",
                options=options_of(Standing.choices),
                error=draft.fault(FORM, f"defaults.{p.value}"),
            ),
            reason=_entry(draft, f"default-reason-{p.value}", f"Reason, {p.label.lower()}", max_length=REASON_LENGTH),
        )
        for p in ORDER
    )


def _member_row(member: MemberRow, draft: Draft) -> OverrideRow:
    account = member.account.public_id
    return OverrideRow(
        member=member,
        bits=millibits(member.bits),
        families=families_mask(member.families),
        account=Entry("", "", account),
        standing=_standing_entry(draft, f"standing-{account}", f"Standing of {account}"),
        reason=_entry(draft, f"reason-{account}", f"Reason for {account}", max_length=REASON_LENGTH),
        error=draft.fault(FORM, f"overrides.{account}"),
    )


def _other_rows(draft: Draft, shown: set[str]) -> tuple[OverrideRow, ...]:
    """Rows for accounts that the table does not show: those typed before, and a few blank ones."""
    values = draft.values if draft.form == FORM else {}
    typed = [n.removeprefix("other-account-") for n in values if n.startswith("other-account-") and values[n].strip()]
    # a member that was shown when the form was made, and no longer is
    gone = [n.removeprefix("standing-") for n in values if n.startswith("standing-acc_") and values[n]]
    rows = [
        (values[f"other-account-{n}"], values.get(f"other-standing-{n}", ""), values.get(f"other-reason-{n}", ""))
        for n in typed
    ]
    rows += [(a, values[f"standing-{a}"], values.get(f"reason-{a}", "")) for a in gone if a not in shown]
    rows += [("", "", "")] * BLANK_ROWS
    made = []
    for i, (account, standing, reason) in enumerate(rows[:200]):
        account = account.strip()
        made.append(
            OverrideRow(
                member=None,
                bits=0,
                families=0,
                account=Entry(f"other-account-{i}", f"Account of row {i + 1}", account, max_length=40),
                standing=Entry(
                    f"other-standing-{i}", f"Standing of row {i + 1}", standing, kind="select", options=_STANDINGS
                ),
                reason=Entry(f"other-reason-{i}", f"Reason of row {i + 1}", reason, max_length=REASON_LENGTH),
                error=draft.fault(FORM, f"overrides.{account}") if account else "",
            )
        )
    return tuple(made)


_STANDINGS = (Option("", "as its position says"), *options_of(Standing.choices))


def _standing_entry(draft: Draft, name: str, label: str) -> Entry:
    return _entry(draft, name, label, kind="select", options=_STANDINGS)


def _entry(
    draft: Draft,
    name: str,
    label: str,
    value: str = "",
    *,
    kind: str = "text",
    options: tuple[Option, ...] = (),
    max_length: int = 0,
    is_required: bool = False,
    help: str = "",  # noqa: A002
    error: str = "",
) -> Entry:
    return Entry(
        name=name,
        label=label,
        value=draft.value(FORM, name, value),
        error=error or draft.fault(FORM, name),
        kind=kind,
        options=options,
        max_length=max_length,
        is_required=is_required,
        help=help,
    )


def _is_placed(name: str) -> bool:
    return name in {
        "same_operator", "abusive", "likelihood", "confidence", "policy", "rationale", "explanation",
    } or name.startswith(("hypotheses.", "defaults."))  # fmt: skip


def _error_text(draft: Draft, unplaced: Mapping[str, str]) -> str:
    if draft.error is None:
        return ""
    if not draft.errors:
        return draft.error.detail
    others = " ".join(f"{name.removeprefix('overrides.')}: {text}" for name, text in unplaced.items())
    return f"The verdict is not recorded yet: change what is marked. {others}".strip()
