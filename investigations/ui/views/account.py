"""One account, masked: what it shares, where it was seen, in which clusters and cases it stands."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.access import Capability, allow
from investigations import charts
from investigations.access import account_get_for
from investigations.selectors.accounts import account_detail, account_identifiers, account_sessions
from investigations.selectors.activity import account_calendar
from investigations.selectors.links import links_of_account
from investigations.selectors.shapes.accounts import AccountDetail
from investigations.selectors.shapes.activity import CalendarDay
from investigations.selectors.shapes.page import Page
from investigations.ui.addresses import address
from investigations.ui.figures import calendar_days, families_mask, millibits
from investigations.ui.parts import Fact, Link, Paging, page_number, paging_for
from investigations.ui.templatetags.console import compact_number, day_utc, number

TABS = (
    ("account-detail", "Overview"),
    ("account-identifiers", "Identifiers"),
    ("account-sessions", "Sessions"),
    ("account-links", "Links"),
)
SHORT = 8


@allow(Capability.VIEW)
@require_safe
def account_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Profile, calendar, strongest links, clusters over time, cases and standings."""
    account, context = _context(request, public_id, "account-detail")
    days = account_calendar(account)
    links = links_of_account(account, size=SHORT, shows_platform_ids=context["shows_platform_ids"])
    context |= {
        "calendar": _calendar(days),
        "links": _link_rows(links),
        "n_links": links.n_matching,
        "cases": [(case, address("case-detail", case.public_id)) for case in context["detail"].cases],
    }
    return render(request, "account_page/overview.html", context)


@allow(Capability.VIEW)
@require_safe
def account_identifiers_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The account's identifiers, each with how many accounts hold it."""
    account, context = _context(request, public_id, "account-identifiers")
    found = account_identifiers(account, page=page_number(request.GET))
    return render(request, "account_page/identifiers.html", context | _paged(request, found, "identifiers"))


@allow(Capability.VIEW)
@require_safe
def account_sessions_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The account's sessions, newest first."""
    account, context = _context(request, public_id, "account-sessions")
    found = account_sessions(account, page=page_number(request.GET))
    return render(request, "account_page/sessions.html", context | _paged(request, found, "sessions"))


@allow(Capability.VIEW)
@require_safe
def account_links_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The account's links in the newest run, the strongest first."""
    account, context = _context(request, public_id, "account-links")
    found = links_of_account(account, page=page_number(request.GET), shows_platform_ids=context["shows_platform_ids"])
    return render(
        request, "account_page/links.html", context | _paged(request, found, "links") | {"rows": _link_rows(found)}
    )


def _context(request: HttpRequest, public_id: str, tab: str) -> tuple[Any, dict[str, Any]]:
    """The account and what each of its tabs shows."""
    user: Any = request.user
    account = account_get_for(user, public_id)
    request.dataset = account.dataset  # type: ignore[attr-defined]
    shows = Capability.PLATFORM_IDS in user.capabilities
    detail = account_detail(account, shows_platform_ids=shows)
    return account, {
        "detail": detail,
        "title": _title(detail),
        "facts": _facts(detail),
        "shows_platform_ids": shows,
        "compare_href": f"{address('compare')}?a={detail.ref.public_id}",
        "crumbs": (Link("Clusters", address("cluster-list")), Link(detail.ref.public_id)),
        "tabs": _tabs(detail, tab),
    }


def _title(detail: AccountDetail) -> str:
    """Where the account stands, in one sentence."""
    now = detail.clusters[0] if detail.clusters else None
    if now is None:
        return "This account is in no cluster" if not detail.n_links else "This account has links, but is in no cluster"
    core = ", in its actionable core" if now.is_actionable else ""
    return f"{now.position_label} of a cluster of {number(now.cluster.n_accounts)} accounts{core}"


def _facts(detail: AccountDetail) -> tuple[Fact, ...]:
    ref, changed_at = detail.ref, detail.status_changed_at
    created = "derived from its first use" if detail.is_created_at_derived else ""
    facts = [
        Fact("Status", ref.status_label, f"since {day_utc(changed_at)}" if changed_at else ""),
        Fact("Created", day_utc(ref.created_at), created),
        Fact("Last seen", day_utc(detail.last_seen_at) or "never"),
        Fact("Sessions", compact_number(detail.n_sessions), title=number(detail.n_sessions)),
        Fact("Exchanges", compact_number(detail.n_exchanges), title=number(detail.n_exchanges)),
        Fact("Output tokens", compact_number(detail.n_output_tokens), title=number(detail.n_output_tokens)),
    ]
    if ref.plan:
        facts.append(Fact("Plan", ref.plan))
    if detail.entry_path:
        facts.append(Fact("Came by", detail.entry_path))
    return tuple(facts)


def _tabs(detail: AccountDetail, tab: str) -> tuple[Link, ...]:
    counts = {
        "account-identifiers": detail.n_identifiers,
        "account-sessions": detail.n_sessions,
        "account-links": detail.n_links,
    }
    return tuple(
        Link(label, address(name, detail.ref.public_id), name == tab, counts.get(name)) for name, label in TABS
    )


def _calendar(days: tuple[CalendarDay, ...]) -> charts.Chart | None:
    if not days:
        return None
    made = calendar_days(days)
    has_requests = any(day.n_requests for day in days)
    span = (made[-1].day - made[0].day).days + 1
    noun = "day" if span == 1 else "days"
    unit = "requests" if has_requests else "sessions"
    busiest = max(day.count for day in made)
    title = f"Active on {len(made):,} of {span:,} {noun}, never above {busiest:,} {unit} a day"
    return charts.calendar_chart(made, title=title, unit=unit)


def _link_rows(found: Page[Any]) -> list[tuple[Any, int, int]]:
    return [(row, families_mask(row.families), millibits(row.bits)) for row in found.items]


def _paged(request: HttpRequest, found: Page[Any], noun: str) -> dict[str, Any]:
    paging: Paging = paging_for(request.GET, page=found.number, total=found.n_matching)
    return {"rows": found.items, "paging": paging, "n_total": found.n_matching, "noun": noun}
