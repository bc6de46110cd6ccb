"""The context processor: how the console looks for this person, and what the shell around the page shows."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from core.access import Capability
from core.datasets import datasets_all
from core.errors import AppError
from core.models import Dataset
from investigations.selectors.navigation import RailCounts, rail_counts
from investigations.selectors.runs import run_status
from investigations.selectors.shapes.runs import RunRow, RunStatus
from investigations.ui.datasets import dataset_for
from investigations.ui.shell import (
    Appearance,
    Calibration,
    DatasetChoice,
    NavItem,
    RunChip,
    Shell,
    ShellUser,
    UserLink,
    initials_of,
)
from investigations.ui.templatetags.console import number, percent, relative_time

# label, icon, URL name, what other pages belong to it, shortcut, right
NAVIGATION: tuple[tuple[str, str, str, tuple[str, ...], str, Capability], ...] = (
    ("Triage", "triage", "triage", (), "g q", Capability.VIEW),
    (
        "Clusters",
        "clusters",
        "cluster-list",
        ("cluster-", "compare", "account-", "identifier-"),
        "g c",
        Capability.VIEW,
    ),
    ("Cases", "cases", "case-list", ("case-",), "g k", Capability.VIEW),
    ("Verdicts", "verdicts", "verdict-list", ("verdict-",), "", Capability.VIEW),
    ("Runs", "runs", "run-list", ("run-", "instruction-"), "g u", Capability.VIEW),
    ("Imports", "imports", "import-list", ("import-",), "", Capability.VIEW),
    ("Exports", "exports", "export-list", ("export-",), "", Capability.EXPORT),
)
UNCALIBRATED = Calibration(
    "not calibrated here",
    "Bits are shown instead of a probability until 30 randomly sampled clusters are judged on this installation.",
)


def console(request: HttpRequest) -> dict[str, Any]:
    """`appearance` and `shell`, both worked out when a template first asks: pages outside the shell cost nothing."""
    return {
        "appearance": SimpleLazyObject(lambda: appearance_for(request)),
        "shell": SimpleLazyObject(lambda: shell_for(request)),
    }


def appearance_for(request: HttpRequest) -> Appearance:
    """The person's own settings; the system's for everyone else, and where the database does not answer."""
    try:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return Appearance()
        return Appearance(user.theme, user.density, user.has_shortcuts)
    except DatabaseError:
        return Appearance()


def shell_for(request: HttpRequest) -> Shell:
    """The bar and the rail for this person and dataset. Three queries at most."""
    user: Any = request.user
    dataset = _dataset_or_none(request)
    status = run_status(dataset) if dataset else None
    counts = rail_counts(dataset) if dataset else None
    return Shell(
        home_href="/",
        dataset=dataset.name if dataset else "",
        datasets=_datasets(dataset),
        search_href=_address("search"),
        nav=tuple(_navigation(request, counts)),
        run=_run_chip(status) if status else None,
        calibration=UNCALIBRATED if status and not status.is_calibrated else None,
        user=_shell_user(user) if user.is_authenticated else None,
        preferences_href=reverse("preferences"),
        sign_out_href=reverse("account_logout"),
    )


def _dataset_or_none(request: HttpRequest) -> Dataset | None:
    try:
        return dataset_for(request)
    except AppError:
        return None


def _datasets(current: Dataset | None) -> tuple[DatasetChoice, ...]:
    return tuple(
        DatasetChoice(d.name, d.get_kind_display(), f"/?dataset={d.name}", current=d == current) for d in datasets_all()
    )


def _navigation(request: HttpRequest, counts: RailCounts | None) -> list[NavItem]:
    here = request.resolver_match.url_name if request.resolver_match else ""
    rights: frozenset[Capability] = getattr(request.user, "capabilities", frozenset())
    shown = _counts(counts) if counts else {}
    items = []
    for label, icon, name, prefixes, keys, right in NAVIGATION:
        href = _address(name)
        if href and right in rights:
            is_current = here == name or bool(prefixes and (here or "").startswith(prefixes))
            items.append(NavItem(label, icon, href, current=is_current, count=shown.get(name), keys=keys))
    return items


def _counts(counts: RailCounts) -> dict[str, int]:
    return {
        "triage": counts.triage,
        "cluster-list": counts.clusters,
        "case-list": counts.cases,
        "import-list": counts.imports_open,
    }


def _run_chip(status: RunStatus) -> RunChip | None:
    """The run under way, else one that failed after the latest, else the latest."""
    if status.open:
        run, share = status.open, status.open.share_done
        detail = percent(share) if share is not None else run.state_label.lower()
        symbol, tone = ("running", "active") if run.state == "running" else ("queued", "neutral")
        return RunChip(f"Run {run.number}", detail, symbol, tone, _run_href(run), f"Run {run.number} is under way")
    if status.failed:
        run = status.failed
        title = f"Run {run.number} failed; pages show run {status.latest.number}" if status.latest else "The run failed"
        return RunChip(f"Run {run.number}", "failed", "failed", "failed", _run_href(run), title)
    if status.latest is None:
        return None
    run = status.latest
    detail = f"{relative_time(run.finished_at)} · {number(run.n_accounts)} accounts"
    return RunChip(f"Run {run.number}", detail, "done", "settled", _run_href(run), "The run that pages show")


def _run_href(run: RunRow) -> str:
    return _address("run-detail", run.public_id)


def _shell_user(user: Any) -> ShellUser:
    links = [
        UserLink("Password", "key", reverse("account_change_password")),
        UserLink("Two-factor sign-in", "shield", reverse("mfa_index")),
        UserLink("API tokens", "link", reverse("token-list")),
        UserLink("API reference", "note", reverse("api-docs")),
    ]
    if Capability.PEOPLE in user.capabilities:
        links.append(UserLink("Style guide", "table", reverse("styleguide")))
    return ShellUser(user.label, initials_of(user.label), ", ".join(user.role_labels) or "no role", tuple(links))


def _address(name: str, *args: str) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
