"""What the pages of cases show: the list, the form that opens one, and one case with all that can be done in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from accounts.models import Account
from core.access import Capability
from core.models import Dataset
from investigations.models import Case, Cluster
from investigations.models.choices import CaseState
from investigations.selectors.cases import case_detail, case_filters_from, case_list, owner_choices
from investigations.selectors.shapes.cases import (
    ActivityRow,
    CaseClusterRow,
    CaseDetail,
    CasePage,
    CaseRow,
    Person,
    TransitionRow,
    VerdictRow,
)
from investigations.services.cases import NOTE_LENGTH, REASON_LENGTH, TICKET_LENGTH, TITLE_LENGTH
from investigations.ui.entries import NOTHING, Draft, Entry, Option, options_of
from investigations.ui.parts import Action, Column, Link, Paging, changed, page_number, paging_for, sorted_columns

COLUMNS = (
    Column("Case", "number", numeric=True),
    Column("Title", "title"),
    Column("State", "state"),
    Column("Owner", "owner"),
    Column("Clusters", numeric=True),
    Column("Members", numeric=True, title="accounts in its clusters, as they are now"),
    Column("Verdicts", numeric=True),
    Column("Ticket"),
    Column("Opened", "opened_at", numeric=True, shown_from="m"),
    Column("Changed", "changed_at", numeric=True),
)
STATES: dict[str, tuple[str, str]] = {
    CaseState.OPEN: ("open", "neutral"),
    CaseState.IN_REVIEW: ("active", "active"),
    CaseState.AWAITING_SECOND: ("waiting", "caution"),
    CaseState.DECIDED: ("decided", "settled"),
    CaseState.CLOSED: ("closed", "neutral"),
    CaseState.APPEALED: ("caution", "caution"),
    CaseState.REOPENED: ("open", "active"),
}
FILTERS = ("states", "owner", "mine", "text", "cluster", "account")
DETAIL_FIELDS = ("title", "owner", "ticket_id", "ticket_url")


@dataclass(frozen=True)
class State:
    """A case's state as the status component takes it."""

    symbol: str
    tone: str
    word: str


def state_of(row: CaseRow) -> State:
    """Symbol, tone and word of where a case stands."""
    symbol, tone = STATES[row.state]
    return State(symbol, tone, row.state_label)


# --- the list ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CaseLine:
    row: CaseRow
    state: State
    href: str


@dataclass(frozen=True)
class CaseListPage:
    title: str
    lines: tuple[CaseLine, ...]
    columns: list[Column]
    views: tuple[Link, ...]
    owner: Entry
    text: Entry
    kept: tuple[tuple[str, str], ...]  # filters that the form does not show, as hidden fields
    about: str  # the cluster or account that the list is narrowed to
    paging: Paging
    n_total: int
    is_filtered: bool
    clear_href: str
    open_href: str  # empty without the right
    first: tuple[Action, ...]
    noun: str = "case"


def case_list_page(dataset: Dataset | None, query: QueryDict, user: Any) -> CaseListPage:
    """The cases of a dataset that the address asks for."""
    filters = case_filters_from(query)
    found = case_list(dataset, user=user, filters=filters, page=page_number(query))
    may_open = Capability.CASEWORK in user.capabilities
    open_href = reverse("case-open") if may_open else ""
    owners = [Option("", "anyone"), Option("none", "nobody"), *(Option(p.public_id, p.label) for p in owner_choices())]
    first = [Action("Look at the queue", reverse("triage"), main=True)]
    if open_href:
        first.append(Action("Open a case", open_href))
    return CaseListPage(
        title=_list_title(found),
        lines=tuple(CaseLine(r, state_of(r), reverse("case-detail", args=[r.public_id])) for r in found.page.items),
        columns=sorted_columns(COLUMNS, query, sort=filters.sort),
        views=_views(found, query),
        owner=Entry("owner", "Owner", filters.owner, kind="select", options=tuple(owners), prefix="filter-"),
        text=Entry("text", "Title, ticket or number", filters.text, max_length=200, prefix="filter-"),
        kept=tuple(
            (name, value)
            for name in ("states", "mine", "cluster", "account", "sort", "dataset")
            for value in query.getlist(name)
        ),
        about=filters.cluster or filters.account,
        paging=paging_for(query, page=found.page.number, total=found.page.n_matching, size=found.page.size),
        n_total=found.page.n_total,
        is_filtered=any(query.get(name) for name in FILTERS),
        clear_href=changed(query, **dict.fromkeys(FILTERS)),
        open_href=open_href,
        first=tuple(first),
    )


def _list_title(found: CasePage) -> str:
    n_waiting = found.by_state[CaseState.AWAITING_SECOND]
    n_open = sum(found.by_state[s] for s in CaseState if s not in (CaseState.DECIDED, CaseState.CLOSED)) - n_waiting
    if not found.page.n_total:
        return "No cases yet"
    return f"{n_open:,} {'case' if n_open == 1 else 'cases'} in work, {n_waiting:,} awaiting a second person"


def _views(found: CasePage, query: QueryDict) -> tuple[Link, ...]:
    chosen = found.filters.states
    views = [
        Link("All", changed(query, states=None, mine=None), not chosen and not found.filters.mine, found.page.n_total),
        Link("Mine", changed(query, mine=None if found.filters.mine else 1), found.filters.mine),
    ]
    for state in CaseState:
        is_on = state.value in chosen
        kept = [s for s in chosen if s != state.value] if is_on else [*chosen, state.value]
        href = changed(query, states=",".join(kept) or None)
        views.append(Link(state.label, href, is_on, found.by_state[state.value]))
    return tuple(views)


# --- opening ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CaseThing:
    """A cluster or account that a case is to be opened over."""

    public_id: str
    href: str
    text: str


@dataclass(frozen=True)
class CaseOpenPage:
    things: tuple[CaseThing, ...]
    hidden: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    elsewhere: tuple[Link, ...]  # open cases that hold one of these clusters already
    dataset: str
    error: str
    title: str


def case_open_page(
    dataset: Dataset,
    user: Any,
    clusters: Sequence[Cluster],
    accounts: Sequence[Account],
    elsewhere: Sequence[Case],
    draft: Draft = NOTHING,
) -> CaseOpenPage:
    """The form that opens a case over these clusters and accounts."""
    things = [CaseThing(c.public_id, reverse("cluster-detail", args=[c.public_id]), _cluster_text(c)) for c in clusters]
    things += [
        CaseThing(a.public_id, reverse("account-detail", args=[a.public_id]), f"{a.get_status_display()} account")
        for a in accounts
    ]
    n = len(things)
    return CaseOpenPage(
        things=tuple(things),
        hidden=tuple(("cluster", c.public_id) for c in clusters) + tuple(("account", a.public_id) for a in accounts),
        entries=(
            _entry(draft, "open", "title", "Title", _title_default(clusters, accounts), TITLE_LENGTH, is_required=True),
            _owner_entry(draft, "open", user.public_id),
            _entry(draft, "open", "ticket_id", "Ticket", "", TICKET_LENGTH, help="Its number in your tracker."),
            _entry(draft, "open", "ticket_url", "Ticket's address", "", 500, kind="url"),
            _entry(
                draft,
                "open",
                "more",
                "More clusters and accounts" if n else "Clusters and accounts",
                "",
                20_000,
                kind="area",
                help="Ids like clu_… and acc_…, one a line.",
                is_required=not n,
            ),
        ),
        elsewhere=tuple(
            Link(f"Case {c.number}: {c.title}", reverse("case-detail", args=[c.public_id])) for c in elsewhere
        ),
        dataset=dataset.name,
        error=_error_text(draft, ("title", "owner", "ticket_id", "ticket_url", "more")),
        title=f"Open a case over {_counted(clusters, accounts)}" if n else "Open a case",
    )


def _title_default(clusters: Sequence[Cluster], accounts: Sequence[Account]) -> str:
    if len(clusters) == 1 and not accounts and clusters[0].current:
        return _cluster_text(clusters[0])[:TITLE_LENGTH]
    return _counted(clusters, accounts)


def _cluster_text(cluster: Cluster) -> str:
    version = cluster.current
    return f"{version.n_accounts:,} accounts: {version.summary}" if version else "not in the newest run"


def _counted(clusters: Sequence[Cluster], accounts: Sequence[Account]) -> str:
    """How many of each, as "1 cluster and 2 accounts"; empty for nothing."""
    counts = ((len(clusters), "cluster"), (len(accounts), "account"))
    return " and ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in counts if n)


# --- one case ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CaseClusterLine:
    row: CaseClusterRow
    href: str
    verdict_href: str  # where a verdict on it is written; empty when it can't be
    word: str  # what changed since it was put in
    is_removable: bool


@dataclass(frozen=True)
class CaseDetailPage:
    detail: CaseDetail
    state: State
    crumbs: tuple[Link, ...]
    clusters: tuple[CaseClusterLine, ...]
    verdicts: tuple[tuple[VerdictRow, str], ...]
    activity: tuple[ActivityRow, ...]
    moves: tuple[Option, ...]
    move_to: str
    move_error: str
    reason: Entry
    note: Entry
    details: tuple[Entry, ...]
    revision: int
    is_editing: bool
    add_cluster: Entry
    add_account: Entry
    lead: str
    may_change: bool
    may_put_in: bool
    verdict_href: str  # the first cluster without a verdict
    error_title: str
    error: str
    what_to_do: str


def case_page(case: Case, user: Any, draft: Draft = NOTHING) -> CaseDetailPage:
    """One case, and what was not taken of the form that was sent last."""
    detail = case_detail(case, user=user)
    may_change = Capability.CASEWORK in user.capabilities
    may_judge = Capability.VERDICT in user.capabilities and not detail.is_settled
    clusters = tuple(_cluster_line(detail, row, may_judge=may_judge) for row in detail.clusters)
    unjudged = [line.verdict_href for line in clusters if line.verdict_href and line.row.verdict is None]
    is_stale = draft.error is not None and draft.error.code == "revision_mismatch"
    placed = ("title", "owner", "ticket_id", "ticket_url", "reason", "text", "cluster", "account", "to")
    return CaseDetailPage(
        detail=detail,
        state=state_of(detail.row),
        crumbs=(Link("Cases", reverse("case-list")), Link(f"Case {detail.row.number}")),
        clusters=clusters,
        verdicts=tuple((row, reverse("verdict-detail", args=[row.public_id])) for row in detail.verdicts),
        activity=detail.activity,
        moves=_moves(detail.transitions),
        move_to=draft.value("move", "to"),
        move_error=draft.fault("move", "to"),
        reason=_entry(
            draft,
            "move",
            "reason",
            "Why",
            "",
            REASON_LENGTH,
            kind="area",
            help=_reason_help(detail.transitions),
        ),
        note=_entry(draft, "note", "text", "A note", "", NOTE_LENGTH, kind="area", is_required=True),
        details=_detail_entries(detail.row, draft, shows_now=is_stale),
        revision=detail.row.revision,
        is_editing=draft.form == "edit",
        add_cluster=_entry(draft, "cluster", "cluster", "Cluster", "", 40, is_required=True),
        add_account=_entry(draft, "account", "account", "Account", "", 40, is_required=True),
        lead=_lead(detail),
        may_change=may_change,
        may_put_in=may_change and not detail.is_settled,
        verdict_href=unjudged[0] if unjudged else "",
        error_title=draft.error.title if draft.error else "",
        error=_error_text(draft, placed),
        what_to_do=draft.error.what_to_do if draft.error else "",
    )


def _cluster_line(detail: CaseDetail, row: CaseClusterRow, *, may_judge: bool) -> CaseClusterLine:
    can_judge = may_judge and row.now is not None
    judged = {v.cluster_public_id for v in detail.verdicts}
    return CaseClusterLine(
        row=row,
        href=reverse("cluster-detail", args=[row.public_id]),
        verdict_href=reverse("verdict-create", args=[detail.row.public_id, row.public_id]) if can_judge else "",
        word=_changed_words(row),
        is_removable=row.public_id not in judged,
    )


def _changed_words(row: CaseClusterRow) -> str:
    if row.ended_in is not None:
        return f"ended in run {row.ended_in}"
    if row.then is None or row.now is None or not row.has_changed:
        return ""
    n = row.now.n_accounts - row.then.n_accounts
    return (
        f"{n:+,} accounts since run {row.then.run_number}" if n else f"evidence changed since run {row.then.run_number}"
    )


def _moves(transitions: Sequence[TransitionRow]) -> tuple[Option, ...]:
    return tuple(Option(t.to, t.label, "needs a reason" if t.needs_reason else "") for t in transitions)


def _reason_help(transitions: Sequence[TransitionRow]) -> str:
    needing = [t.label.lower() for t in transitions if t.needs_reason]
    return f"Becomes a note. Needed for: {', '.join(needing)}." if needing else "Becomes a note."


def _detail_entries(row: CaseRow, draft: Draft, *, shows_now: bool) -> tuple[Entry, ...]:
    """The fields of the edit form. After somebody else's change each one says what it is now."""
    now = {"title": row.title, "ticket_id": row.ticket_id, "ticket_url": row.ticket_url}

    def told(name: str) -> str:
        is_other = shows_now and draft.value("edit", name) != now[name]
        return f"Now: {now[name] or 'empty'}" if is_other else ""

    owner = row.owner.public_id if row.owner else ""
    is_other_owner = shows_now and draft.value("edit", "owner") != owner
    owner_help = f"Now: {row.owner.label if row.owner else 'nobody'}" if is_other_owner else ""
    return (
        _entry(draft, "edit", "title", "Title", row.title, TITLE_LENGTH, is_required=True, help=told("title")),
        _owner_entry(draft, "edit", owner, with_nobody=True, current=row.owner, help=owner_help),
        _entry(draft, "edit", "ticket_id", "Ticket", row.ticket_id, TICKET_LENGTH, help=told("ticket_id")),
        _entry(
            draft, "edit", "ticket_url", "Ticket's address", row.ticket_url, 500, kind="url", help=told("ticket_url")
        ),
    )


def _lead(detail: CaseDetail) -> str:
    row = detail.row
    parts = [
        f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in ((row.n_clusters, "cluster"), (row.n_members, "member"))
    ]
    if row.n_accounts:
        parts.append(f"{row.n_accounts:,} account{'' if row.n_accounts == 1 else 's'} beside them")
    judged = sum(1 for c in detail.clusters if c.verdict)
    noun = "cluster" if row.n_clusters == 1 else "clusters"
    said = f"{judged:,} of {row.n_clusters:,} {noun} judged" if row.n_clusters else "no cluster to judge"
    n_changed = sum(c.has_changed for c in detail.clusters)
    drift = f"; {n_changed:,} changed since put in" if n_changed else ""
    return f"{', '.join(parts)}; {said}{drift}."


# --- fields -----------------------------------------------------------------------------------------------------------


def _entry(
    draft: Draft,
    form: str,
    name: str,
    label: str,
    value: str,
    max_length: int,
    *,
    kind: str = "text",
    help: str = "",  # noqa: A002
    is_required: bool = False,
) -> Entry:
    return Entry(
        name=name,
        label=label,
        value=draft.value(form, name, value),
        error=draft.fault(form, name),
        kind=kind,
        help=help,
        max_length=max_length,
        is_required=is_required,
        prefix=f"{form}-",
    )


def _owner_entry(
    draft: Draft,
    form: str,
    value: str,
    *,
    with_nobody: bool = False,
    current: Person | None = None,
    help: str = "",  # noqa: A002
) -> Entry:
    people = owner_choices()
    if current and current not in people:
        people.append(current)
    nobody = [("", "nobody")] if with_nobody else []
    return Entry(
        name="owner",
        label="Owner",
        value=draft.value(form, "owner", value),
        error=draft.fault(form, "owner"),
        kind="select",
        options=options_of([*nobody, *((p.public_id, p.label) for p in people)]),
        help=help,
        prefix=f"{form}-",
    )


def _error_text(draft: Draft, placed: Sequence[str]) -> str:
    """The refusal in a sentence, where the fields don't say all of it."""
    if draft.error is None:
        return ""
    if draft.errors:
        return draft.unplaced(placed) or "Nothing was saved: change what is marked and send it again."
    return draft.error.detail
