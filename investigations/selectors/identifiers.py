"""One identifier: who holds it, and whether the latest run takes it for a hub."""

from __future__ import annotations

from django.db.models import Count, Max, Min

from accounts.models import Identifier, Sighting
from investigations.models import ClusterVersion, HubValue, Member
from investigations.selectors.paging import page_of, page_start
from investigations.selectors.refs import account_ref, cluster_ref, identifier_ref, run_ref
from investigations.selectors.runs import run_latest
from investigations.selectors.shapes.accounts import HolderRow, IdentifierDetail
from investigations.selectors.shapes.page import Page
from investigations.selectors.shapes.refs import ClusterRef

CLUSTERS_SHOWN = 20


def identifier_detail(identifier: Identifier) -> IdentifierDetail:
    """What the identifier's page shows but its holders. Six queries."""
    run = run_latest(identifier.dataset)
    seen = Sighting.objects.filter(identifier=identifier).aggregate(
        n=Count("*"), first=Min("first_at"), last=Max("last_at")
    )
    hub = HubValue.objects.filter(run=run, kind=identifier.kind, value=identifier.pk).first() if run else None
    held = dict(
        Member.objects.filter(version__run=run, account__sightings__identifier=identifier)
        .values_list("version_id")
        .annotate(n=Count("pk"))
        .order_by("-n")
        if run
        else ()
    )
    largest = dict(list(held.items())[:CLUSTERS_SHOWN])
    versions = ClusterVersion.objects.filter(pk__in=largest).select_related("cluster__current")
    clusters = sorted(
        ((cluster_ref(v.cluster), largest[v.pk]) for v in versions), key=lambda pair: (-pair[1], pair[0].public_id)
    )
    return IdentifierDetail(
        value=identifier_ref(identifier),
        dataset=identifier.dataset.name,
        n_holders=seen["n"],
        first_at=seen["first"],
        last_at=seen["last"],
        is_hub=hub is not None,
        is_marked=hub is not None and hub.is_marked,
        independence=hub.independence if hub else None,
        run=run_ref(run) if run else None,
        headline=_headline(seen["n"], hub, clusters),
        clusters=tuple(clusters),
        n_unclustered=seen["n"] - sum(held.values()),
    )


def identifier_holders(
    identifier: Identifier, *, page: int = 1, size: int = 50, cursor: str = "", shows_platform_ids: bool = False
) -> Page[HolderRow]:
    """Accounts that used the identifier, the latest first, with their cluster now. Four queries."""
    scope = f"holders-{identifier.pk}"
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=scope)
    rows = Sighting.objects.filter(identifier=identifier).select_related("account").order_by("-last_at", "-account_id")
    found = list(rows[offset : offset + size])
    run = run_latest(identifier.dataset)
    members = (
        Member.objects.filter(version__run=run, account__in=[row.account_id for row in found])
        if run
        else Member.objects.none()
    )
    clusters = (
        {m.account_id: cluster_ref(m.version.cluster) for m in members.select_related("version__cluster__current")}
        if run
        else {}
    )
    return page_of(
        found,
        lambda row: _holder_row(row, clusters.get(row.account_id), shows_platform_ids=shows_platform_ids),
        offset=offset,
        size=size,
        n_matching=rows.count(),
        scope=scope,
    )


def _holder_row(row: Sighting, cluster: ClusterRef | None, *, shows_platform_ids: bool) -> HolderRow:
    return HolderRow(
        account=account_ref(row.account, shows_platform_ids=shows_platform_ids),
        cluster=cluster,
        first_at=row.first_at,
        last_at=row.last_at,
        n_sightings=row.n,
    )


def _headline(n_holders: int, hub: HubValue | None, clusters: list[tuple[ClusterRef, int]]) -> str:
    accounts = f"{n_holders:,} account{'' if n_holders == 1 else 's'} used this value"
    if hub is not None and hub.is_marked:
        return f"{accounts}: marked as shared by strangers. It weighs nothing."
    if hub is not None:
        share = round(100 * (hub.independence or 0))
        return f"{accounts}: a hub, {share} % of its holders have nothing else in common. It weighs nothing."
    if clusters:
        return f"{accounts}; {clusters[0][1]:,} of them are in one cluster."
    return f"{accounts}; none of them is in a cluster."
