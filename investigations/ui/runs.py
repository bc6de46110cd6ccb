"""What the pages of runs are given: rows in words, live progress, figures beside those of the run before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from core.access import Capability
from core.models import Dataset
from investigations import charts
from investigations.models import HubValue, Run
from investigations.models.choices import LineageKind
from investigations.selectors.refs import values_shown
from investigations.selectors.runs import STEP_LABELS, account_count, run_detail, run_list, run_status
from investigations.selectors.shapes.refs import ValueRef
from investigations.selectors.shapes.runs import RunDetail, RunRow
from investigations.ui.addresses import address
from investigations.ui.parts import PAGE_SIZE, Action, Fact, Link, Paging, Step, page_number, paging_for
from investigations.ui.templatetags.console import duration, number, percent, signed

HUBS_SHOWN = 20
TONES = {"queued": "neutral", "running": "active", "done": "settled", "failed": "failed", "cancelled": "neutral"}
STATISTICS = (
    ("accounts", "Accounts", "read from the dataset"),
    ("values", "Shared values", "held by two accounts or more"),
    ("hubs", "Hubs", "values whose users are independent of each other"),
    ("must", "Pairs said to be one hand", "instructions of people, obeyed"),
    ("cannot", "Pairs said never to be together", "instructions of people, obeyed"),
    ("hubs_marked", "Values said to be shared", "instructions of people: they weigh nothing"),
    ("conflicts", "Conflicts", "instructions on pairs that contradict each other or the data: in part or not obeyed"),
    ("pairs", "Candidate pairs", "weighed one by one"),
    ("links", "Links", "pairs over the line"),
    ("clusters", "Clusters", "groups held by links"),
    ("members", "Accounts in clusters", "members of any cluster"),
    ("actionable", "Actionable accounts", "with evidence of two independent kinds: a reason to look first"),
)
"""Key in the run's statistics, its label, what it counts."""


@dataclass(frozen=True)
class State:
    """A state as the status component takes it."""

    symbol: str
    word: str
    tone: str
    detail: str = ""


@dataclass(frozen=True)
class RunLine:
    """A row of the list."""

    row: RunRow
    state: State
    href: str


@dataclass(frozen=True)
class RunListPage:
    title: str
    lines: tuple[RunLine, ...]
    paging: Paging
    may_start: bool
    blocked: str  # why no run can be started now, empty when one can
    start_href: str
    is_live: bool
    refresh_href: str
    empty: tuple[str, str]  # title and text of the first-run state
    empty_actions: tuple[Action, ...]


@dataclass(frozen=True)
class Figure:
    """A figure of the run with the one of the run before."""

    label: str
    note: str
    value: int
    before: int | None

    @property
    def change(self) -> str:
        """With its sign; “none” for no change, empty without a run before."""
        return "" if self.before is None else signed(self.value - self.before) or "none"


@dataclass(frozen=True)
class HubLine:
    value: ValueRef
    n_holders: int
    independence: float | None
    is_marked: bool


@dataclass(frozen=True)
class RunProgressPart:
    """The part of the page that refreshes itself while the run is under way."""

    row: RunRow
    title: str
    state: State
    percent: float
    steps: tuple[Step, ...]
    sentence: str
    announcement: str
    href: str
    is_live: bool


@dataclass(frozen=True)
class RunPage:
    detail: RunDetail
    title: str
    crumbs: tuple[Link, ...]
    progress: RunProgressPart
    facts: tuple[Fact, ...]
    figures: tuple[Figure, ...]
    lineage: tuple[Fact, ...]
    timings: charts.Chart | None
    hubs: tuple[HubLine, ...]
    settings: tuple[Fact, ...]
    all_settings: tuple[Fact, ...]
    may_run: bool
    may_retry: bool
    is_confirming: bool
    cancel_href: str
    confirm_href: str
    start_href: str
    previous_href: str
    clusters_href: str


def run_list_page(dataset: Dataset | None, query: QueryDict, capabilities: frozenset[Capability]) -> RunListPage:
    """The list of the dataset's runs, and whether one can be started."""
    page = page_number(query)
    found = run_list(dataset, page=page, size=PAGE_SIZE) if dataset else None
    rows = found.items if found else ()
    status = run_status(dataset) if dataset else None
    n_accounts = account_count(dataset) if dataset else 0
    is_live = any(row.is_open for row in rows)
    return RunListPage(
        title=_list_title(rows, status.open if status else None),
        lines=tuple(RunLine(row, state_of(row), reverse("run-detail", args=[row.public_id])) for row in rows),
        paging=paging_for(query, page=page, total=found.n_matching if found else 0),
        may_start=Capability.RUN in capabilities,
        blocked=_blocked(n_accounts, status.open if status else None),
        start_href=reverse("run-start"),
        is_live=is_live,
        refresh_href=f"{reverse('run-list')}?page={page}",
        empty=_empty(n_accounts, may_start=Capability.RUN in capabilities),
        empty_actions=() if n_accounts else (Action("Import data", address("import-list"), main=True),),
    )


def run_page(run: Run, capabilities: frozenset[Capability], *, is_confirming: bool) -> RunPage:
    """Everything the page of one run shows."""
    detail = run_detail(run)
    row, may_run = detail.row, Capability.RUN in capabilities
    return RunPage(
        detail=detail,
        title=_run_title(detail),
        crumbs=(Link("Runs", reverse("run-list")), Link(f"Run {row.number}")),
        progress=progress_part(detail),
        facts=_facts(detail),
        figures=_figures(detail),
        lineage=_lineage(detail),
        timings=_timings(detail),
        hubs=_hubs(run),
        settings=tuple(
            Fact(n, _text(given), f"default {_text(default)}")
            for n, (default, given) in detail.changed_settings.items()
        ),
        all_settings=tuple(Fact(name, _text(value)) for name, value in sorted(_flat(detail.settings).items())),
        may_run=may_run,
        may_retry=may_run and row.state in ("failed", "cancelled"),
        is_confirming=is_confirming and may_run and row.is_open and not row.is_cancel_requested,
        cancel_href=reverse("run-cancel", args=[row.public_id]),
        confirm_href="?confirm=cancel#cancel" if may_run and row.is_open and not row.is_cancel_requested else "",
        start_href=reverse("run-start"),
        previous_href=reverse("run-detail", args=[detail.previous.public_id]) if detail.previous else "",
        clusters_href=reverse("cluster-list") if detail.is_latest else "",
    )


def progress_part(detail: RunDetail) -> RunProgressPart:
    """The live part: steps, how far, how long still."""
    row = detail.row
    steps = tuple(_step(s.label, s.state, s.done, s.total, s.seconds, row.state) for s in detail.steps)
    waiting = tuple(
        Step(label, "cancelled" if row.state == "cancelled" else "waiting") for label in STEP_LABELS.values()
    )
    return RunProgressPart(
        row=row,
        title=_run_title(detail),
        state=state_of(row),
        percent=round(100 * (row.share_done or 0)),
        steps=steps or waiting,
        sentence=_sentence(row),
        announcement=_announcement(detail),
        href=reverse("run-progress", args=[row.public_id]),
        is_live=row.is_open,
    )


def state_of(row: RunRow) -> State:
    """Symbol, word and tone of a run's state."""
    if row.is_open and row.is_cancel_requested:
        return State(row.state, "Stopping", "caution")
    detail = percent(row.share_done) if row.state == "running" and row.share_done is not None else ""
    return State(row.state, row.state_label, TONES[row.state], detail)


def _list_title(rows: tuple[RunRow, ...], open_run: RunRow | None) -> str:
    if not rows:
        return "Runs"
    if open_run is not None:
        is_running = open_run.state == "running"
        return f"Run {open_run.number} is {'under way' if is_running else 'waiting to start'}"
    newest = rows[0]
    words = {"done": "is done", "failed": "failed", "cancelled": "was cancelled"}
    return f"Run {newest.number} {words[newest.state]}" if newest.state in words else "Runs"


def _blocked(n_accounts: int, open_run: RunRow | None) -> str:
    if not n_accounts:
        return "There are no accounts in this dataset yet. Import some first."
    if open_run is not None:
        return f"Run {open_run.number} is not over yet; there is one at a time."
    return ""


def _empty(n_accounts: int, *, may_start: bool) -> tuple[str, str]:
    if not n_accounts:
        return "No run yet", "A run links accounts that share evidence. Import accounts first; then start one here."
    can = "Start the first one above" if may_start else "Someone with the right to start runs can do so here"
    return "No run yet", f"{n_accounts:,} accounts are waiting to be linked. {can}."


def _run_title(detail: RunDetail) -> str:
    row = detail.row
    if row.state == "done":
        return f"Run {row.number} found {number(row.n_clusters or 0)} clusters among {number(row.n_accounts or 0)} accounts"
    words = {
        "queued": "is waiting to start",
        "running": "is under way",
        "failed": "failed",
        "cancelled": "was cancelled",
    }
    return f"Run {row.number} {words[row.state]}"


def _sentence(row: RunRow) -> str:
    if row.state == "queued":
        return "Waiting for a worker. It starts as soon as one is free."
    if row.is_open and row.is_cancel_requested:
        return "It was asked to stop and does so at the next chance."
    if row.state == "running":
        left = f"; about {duration(row.seconds_left)} left" if row.seconds_left else ""
        return f"{percent(row.share_done or 0)} done in {duration(row.seconds or 0)}{left}."
    if row.seconds is None:
        return f"{row.state_label} before it began."
    return f"{row.state_label} after {duration(row.seconds)}."


def _announcement(detail: RunDetail) -> str:
    """What is said aloud: it changes with the step, not with every per cent."""
    row = detail.row
    for i, step in enumerate(detail.steps, start=1):
        if row.is_open and step.state == "running":
            return f"Run {row.number}: step {i} of {len(detail.steps)}, {step.label}"
    return f"Run {row.number}: {row.state_label}"


def _step(label: str, state: str, done: int, total: int, seconds: float | None, run_state: str) -> Step:
    over = {"failed": "failed", "cancelled": "cancelled"}.get(run_state)
    shown = over if over and state == "running" else state
    count = ""
    if total > 1:
        count = f"{done:,} of {total:,}" if done < total and state != "done" else f"{total:,}"
    return Step(label, shown, 100 * min(done / total, 1) if total else 0, count, duration(seconds))


def _facts(detail: RunDetail) -> tuple[Fact, ...]:
    row = detail.row
    times = (("Asked for", row.created_at), ("Started", row.started_at), ("Over", row.finished_at))
    facts = [
        *(Fact(label, at=at) for label, at in times if at),
        Fact("Asked for by", row.requested_by),
        Fact("Reason", row.reason or "none given"),
        Fact("Dataset", detail.dataset),
        Fact("Engine", detail.engine_version or "not begun"),
        Fact("Attempts", detail.attempts),
    ]
    if detail.peak_mb:
        facts.append(Fact("Peak memory", f"{detail.peak_mb:,} MB"))
    digests = (("Input digest", detail.input_digest), ("Model digest", detail.model_digest))
    facts += [Fact(label, f"{digest[:16]}…", title=digest, is_mono=True) for label, digest in digests if digest]
    return (*facts, Fact("Id", row.public_id, copies="run id"))


def _figures(detail: RunDetail) -> tuple[Figure, ...]:
    before: dict[str, Any] = {}
    if detail.previous:
        row = Run.objects.filter(public_id=detail.previous.public_id).values_list("statistics", flat=True).first()
        before = row or {}
    return tuple(
        Figure(label, note, int(detail.statistics[key]), before.get(key))
        for key, label, note in STATISTICS
        if key in detail.statistics
    )


def _lineage(detail: RunDetail) -> tuple[Fact, ...]:
    return tuple(Fact(k.label, number(detail.lineage[k.value])) for k in LineageKind if k.value in detail.lineage)


def _timings(detail: RunDetail) -> charts.Chart | None:
    timed = [charts.StepTiming(s.label, s.seconds, s.total, "rows") for s in detail.steps if s.seconds is not None]
    return charts.timings_chart(timed, title="Seconds by step") if timed and not detail.row.is_open else None


def _hubs(run: Run) -> tuple[HubLine, ...]:
    rows = list(HubValue.objects.filter(run=run).order_by("-holders", "kind", "value")[:HUBS_SHOWN])
    shown = values_shown((row.kind, row.value) for row in rows)
    return tuple(_hub(shown[row.kind, row.value], row) for row in rows)


def _hub(value: ValueRef, row: HubValue) -> HubLine:
    return HubLine(value, row.holders, row.independence, row.is_marked)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            out |= _flat(value, f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}"] = value
    return out
