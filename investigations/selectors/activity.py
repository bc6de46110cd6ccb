"""When accounts were active: members of a cluster beside matched others, and one account's calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate

from accounts.models import Account, Session
from investigations.models import Cluster, Member, Run
from investigations.selectors.cluster import cluster_version
from investigations.selectors.refs import account_ref
from investigations.selectors.shapes.activity import Activity, ActivityRow, CalendarDay

WIDTHS = (
    (3600, "1 hour"),
    (2 * 3600, "2 hours"),
    (6 * 3600, "6 hours"),
    (12 * 3600, "12 hours"),
    (86400, "1 day"),
    (7 * 86400, "1 week"),
    (28 * 86400, "4 weeks"),
)
STOP_MATCHED_SHARE = 0.3
"""An interval is a common stop when no member is active, and of the matched accounts at least this share is."""


@dataclass(frozen=True)
class _Grid:
    start: datetime
    width: int
    label: str
    n: int

    @property
    def buckets(self) -> tuple[datetime, ...]:
        return tuple(self.start + timedelta(seconds=i * self.width) for i in range(self.n))


def cluster_activity(
    cluster: Cluster,
    *,
    run: Run | None = None,
    n_members: int = 26,
    n_buckets: int = 96,
    shows_platform_ids: bool = False,
) -> Activity:
    """Sessions of some members and as many matched accounts in equal intervals. Six queries."""
    version = cluster_version(cluster, run=run)
    members, n_total = _members_chosen(version.pk, n_members)
    matched = _matched([member.account for member in members], version.run)
    accounts = [member.account_id for member in members] + [account.pk for account in matched]
    grid = _grid(accounts, n_buckets)
    counts = _counts(accounts, grid)
    rows = [
        ActivityRow(
            account_ref(m.account, shows_platform_ids=shows_platform_ids), True, m.position, counts[m.account_id]
        )
        for m in members
    ]
    others = [
        ActivityRow(account_ref(a, shows_platform_ids=shows_platform_ids), False, "matched", counts[a.pk])
        for a in matched
    ]
    members_share, matched_share = _shares(rows, grid.n), _shares(others, grid.n)
    return Activity(
        buckets=grid.buckets,
        bucket_label=grid.label,
        bucket_seconds=grid.width,
        rows=tuple(rows + others),
        n_shown=len(rows),
        n_total=n_total,
        n_matched=len(others),
        chosen=_chosen(len(rows), n_total),
        matched_by="accounts in no cluster, created nearest to the shown members, with as much use",
        members_share=members_share,
        matched_share=matched_share,
        finding=_finding(members_share, matched_share, n_members=len(rows), n_matched=len(others)),
    )


def account_calendar(account: Account, *, days: int = 182) -> tuple[CalendarDay, ...]:
    """Sessions and requests of the account's last days, those with any. One query."""
    end = account.last_seen_at or account.created_at
    rows = (
        Session.objects.filter(account=account, started_at__gt=end - timedelta(days=days), started_at__lte=end)
        .annotate(day=TruncDate("started_at", tzinfo=UTC))
        .values("day")
        .annotate(n=Count("*"), requests=Sum("n_requests"))
        .order_by("day")
    )
    return tuple(
        CalendarDay(datetime.combine(row["day"], datetime.min.time(), UTC), row["n"], row["requests"] or 0)
        for row in rows
    )


def _members_chosen(version_id: int, n: int) -> tuple[list[Member], int]:
    """Every k-th member by bits, so that strong and weak ones are seen alike; and how many there are."""
    ids = list(Member.objects.filter(version=version_id).order_by("-bits", "id").values_list("pk", flat=True))
    step = max(-(-len(ids) // n), 1) if n > 0 else 1
    rows = Member.objects.filter(pk__in=ids[::step]).select_related("account").order_by("-bits", "id")
    return list(rows), len(ids)


def _matched(members: Sequence[Account], run: Run) -> list[Account]:
    """As many accounts in no cluster of the run, nearest in creation, with half to twice the median sessions."""
    if not members:
        return []
    created = sorted(account.created_at for account in members)[len(members) // 2]
    use = sorted(account.n_sessions for account in members)[len(members) // 2]
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT a.id FROM accounts_account AS a
            WHERE a.dataset_id = %s AND a.n_sessions BETWEEN %s AND %s AND NOT EXISTS (
                SELECT 1 FROM investigations_member AS m JOIN investigations_clusterversion AS v ON v.id = m.version_id
                WHERE m.account_id = a.id AND v.run_id = %s)
            ORDER BY abs(extract(epoch FROM a.created_at - %s)), a.id LIMIT %s""",
            [run.dataset_id, max(use // 2, 1), max(2 * use, 1), run.pk, created, len(members)],
        )
        ids = [row[0] for row in cursor.fetchall()]
    found = Account.objects.in_bulk(ids)
    return [found[number] for number in ids]


def _grid(accounts: Sequence[int], n_buckets: int) -> _Grid:
    """Equal intervals over all their sessions: the finest width that needs no more than `n_buckets`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(started_at), max(started_at) FROM accounts_session WHERE account_id = ANY(%s)", [list(accounts)]
        )
        first, last = cursor.fetchone()
    if first is None:
        return _Grid(datetime(1970, 1, 1, tzinfo=UTC), WIDTHS[0][0], WIDTHS[0][1], 0)
    for width, label in WIDTHS:
        start = datetime.fromtimestamp(first.timestamp() // width * width, UTC)
        n = int((last - start).total_seconds() // width) + 1
        if n <= n_buckets:
            return _Grid(start, width, label, n)
    return _Grid(start, width, label, n)


def _counts(accounts: Sequence[int], grid: _Grid) -> dict[int, tuple[int, ...]]:
    """Sessions of each account in each interval."""
    table = {number: [0] * grid.n for number in accounts}
    if grid.n:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT account_id, floor(extract(epoch FROM started_at - %s) / %s)::int, count(*)
                FROM accounts_session WHERE account_id = ANY(%s) GROUP BY 1, 2""",
                [grid.start, grid.width, list(accounts)],
            )
            for account, bucket, n in cursor.fetchall():
                table[account][bucket] = n
    return {number: tuple(row) for number, row in table.items()}


def _shares(rows: Sequence[ActivityRow], n: int) -> tuple[float, ...]:
    if not rows:
        return (0.0,) * n
    return tuple(round(sum(row.counts[i] > 0 for row in rows) / len(rows), 4) for i in range(n))


def _chosen(n_shown: int, n_total: int) -> str:
    if n_shown >= n_total:
        return "all members, by bits"
    return f"one in {-(-n_total // n_shown)} members, by bits" if n_shown else "no member has rows any more"


def _finding(members: Sequence[float], matched: Sequence[float], *, n_members: int, n_matched: int) -> str:
    """What the picture shows, in one sentence that its numbers carry."""
    if not n_members or not members:
        return "No sessions of the members are known."
    if not n_matched:
        return f"{n_members} members; there are no matched accounts to compare them with."
    stops = [j for i, j in zip(members, matched, strict=True) if i == 0 and j >= STOP_MATCHED_SHARE]
    if stops:
        noun = "interval" if len(stops) == 1 else "intervals"
        share = round(100 * sum(stops) / len(stops))
        return f"In {len(stops)} {noun} no shown member was active; of matched accounts {share} % were."
    together, others = round(100 * max(members)), round(100 * max(matched))
    return f"At most {together} % of the shown members are active in one interval, and {others} % of matched accounts."
