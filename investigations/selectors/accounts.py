"""One account: what it is, what it shares, where it was seen, in which clusters and cases it stands."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db.models import Count, Q

from accounts.extra import extra_open
from accounts.models import Account, Session, Sighting, Status
from core.errors import InvalidInput
from core.models import Dataset
from investigations.models import Case, HubValue, Link, Member, VerdictStanding
from investigations.selectors.paging import page_of, page_start
from investigations.selectors.refs import (
    account_ref,
    bits_shown,
    case_ref,
    cluster_ref,
    identifier_ref,
    run_ref,
    verdict_ref,
)
from investigations.selectors.runs import run_latest
from investigations.selectors.shapes.accounts import (
    AccountCluster,
    AccountDetail,
    AccountIdentifier,
    AccountStanding,
    SessionRow,
)
from investigations.selectors.shapes.page import Page
from investigations.selectors.shapes.refs import AccountRef

CASES_SHOWN = 50


def account_detail(account: Account, *, shows_platform_ids: bool = False) -> AccountDetail:
    """What the account's page shows but its lists. Eight queries."""
    dataset = account.dataset
    run = run_latest(dataset)
    members = Member.objects.filter(account=account).select_related("version__run", "version__cluster__current")
    standings = VerdictStanding.objects.filter(account=account, verdict__superseded_by__isnull=True)
    cases = Case.objects.filter(
        Q(case_accounts__account=account) | Q(case_clusters__cluster__versions__members__account=account)
    )
    links = Link.objects.filter(Q(a=account) | Q(b=account), run=run) if run else Link.objects.none()
    return AccountDetail(
        ref=account_ref(account, shows_platform_ids=shows_platform_ids),
        dataset=dataset.name,
        is_created_at_derived=account.is_created_at_derived,
        status_changed_at=account.status_changed_at,
        organization=account.organization if shows_platform_ids else "",
        country=account.country,
        entry_path=account.entry_path,
        extra=extra_open(account.extra) if shows_platform_ids else {},
        last_seen_at=account.last_seen_at,
        n_sessions=account.n_sessions,
        n_exchanges=account.n_exchanges,
        n_input_tokens=account.n_input_tokens,
        n_output_tokens=account.n_output_tokens,
        clusters=tuple(_account_cluster(member) for member in members.order_by("-version__run__number")),
        cases=tuple(case_ref(row) for row in cases.distinct().select_related("owner").order_by("-pk")[:CASES_SHOWN]),
        standings=tuple(
            _account_standing(row)
            for row in standings.select_related("verdict__author", "verdict__case__owner").order_by("-pk")
        ),
        n_identifiers=Sighting.objects.filter(account=account).count(),
        n_links=links.count(),
    )


def account_identifiers(
    account: Account, *, page: int = 1, size: int = 50, cursor: str = ""
) -> Page[AccountIdentifier]:
    """The account's identifiers, the most often used first, with how many accounts hold each. Five queries."""
    scope = f"identifiers-{account.pk}"
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=scope)
    rows = Sighting.objects.filter(account=account).select_related("identifier").order_by("-n", "identifier_id")
    found, n = list(rows[offset : offset + size]), rows.count()
    numbers = [row.identifier_id for row in found]
    holders = dict(
        Sighting.objects.filter(identifier__in=numbers).values_list("identifier_id").annotate(n=Count("*")).order_by()
    )
    run = run_latest(account.dataset)
    hubs = {(h.kind, h.value): h for h in HubValue.objects.filter(run=run, value__in=numbers)} if run else {}

    def make(row: Sighting) -> AccountIdentifier:
        hub = hubs.get((row.identifier.kind, row.identifier_id))
        return AccountIdentifier(
            value=identifier_ref(row.identifier),
            n_holders=holders.get(row.identifier_id, 1),
            n_sightings=row.n,
            first_at=row.first_at,
            last_at=row.last_at,
            is_hub=hub is not None,
            independence=hub.independence if hub else None,
        )

    return page_of(found, make, offset=offset, size=size, n_matching=n, scope=scope)


def account_sessions(account: Account, *, page: int = 1, size: int = 50, cursor: str = "") -> Page[SessionRow]:
    """The account's sessions, newest first. Two queries."""
    scope = f"sessions-{account.pk}"
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=scope)
    rows = Session.objects.filter(account=account).order_by("-started_at", "-natural_key")
    found = rows.select_related("ip", "device", "tls", "user_agent")[offset : offset + size]
    return page_of(list(found), _session_row, offset=offset, size=size, n_matching=rows.count(), scope=scope)


def account_list(
    dataset: Dataset,
    *,
    page: int = 1,
    size: int = 50,
    cursor: str = "",
    status: str = "",
    shows_platform_ids: bool = False,
) -> Page[AccountRef]:
    """The dataset's accounts, oldest row first. Two or three queries."""
    if status and status not in Status.values:
        message = f"“{status[:40]}” is not one of {', '.join(Status.values)}."
        raise InvalidInput(message, code="bad_status", fields={"status": [message]})
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=f"accounts-{status}")
    everything = Account.objects.filter(dataset=dataset)
    rows = everything.filter(status=status) if status else everything
    n_total = everything.count()
    return page_of(
        list(rows.order_by("id")[offset : offset + size]),
        lambda account: account_ref(account, shows_platform_ids=shows_platform_ids),
        offset=offset,
        size=size,
        n_matching=rows.count() if status else n_total,
        n_total=n_total,
        scope=f"accounts-{status}",
    )


def account_find(dataset: Dataset, *, text: str) -> list[Account]:
    """Accounts by public id, or by the platform's own id, exactly. At most two queries."""
    wanted = text.strip()
    if not wanted or len(wanted) > 200 or "\x00" in wanted:
        return []
    rows = Account.objects.filter(dataset=dataset)
    if wanted[:4].lower() == "acc_":
        try:
            found = list(rows.filter(public_id="acc_" + wanted[4:]))
        except ValidationError:
            found = []
        if found:
            return found
    return list(rows.filter(platform_id=wanted))


def _account_cluster(member: Member) -> AccountCluster:
    return AccountCluster(
        run=run_ref(member.version.run),
        cluster=cluster_ref(member.version.cluster),
        position=member.position,
        position_label=member.get_position_display(),
        is_actionable=member.is_actionable,
        bits=bits_shown(member.bits),
    )


def _account_standing(row: VerdictStanding) -> AccountStanding:
    return AccountStanding(
        verdict=verdict_ref(row.verdict),
        case=case_ref(row.verdict.case),
        standing=row.standing,
        standing_label=row.get_standing_display(),
        reason=row.reason,
    )


def _session_row(row: Session) -> SessionRow:
    return SessionRow(
        started_at=row.started_at,
        ended_at=row.ended_at,
        ip=identifier_ref(row.ip) if row.ip else None,
        device=identifier_ref(row.device) if row.device else None,
        tls=identifier_ref(row.tls) if row.tls else None,
        user_agent=identifier_ref(row.user_agent) if row.user_agent else None,
        asn=row.asn,
        n_requests=row.n_requests,
        n_output_tokens=row.n_output_tokens,
    )
