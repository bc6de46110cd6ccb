"""One identifier: is this value a hub, who holds it, what does it hold together?"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.access import Capability, allow
from investigations.access import identifier_get_for
from investigations.selectors.identifiers import CLUSTERS_SHOWN, identifier_detail, identifier_holders
from investigations.selectors.shapes.accounts import IdentifierDetail
from investigations.ui.addresses import address
from investigations.ui.instructions import value_panel
from investigations.ui.parts import Fact, Link, page_number, paging_for
from investigations.ui.templatetags.console import day_utc, number, percent


@allow(Capability.VIEW)
@require_safe
def identifier_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """What it is, whether it is a hub and why, its holders and their clusters."""
    user: Any = request.user
    identifier = identifier_get_for(user, public_id)
    request.dataset = identifier.dataset  # type: ignore[attr-defined]
    shows = Capability.PLATFORM_IDS in user.capabilities
    detail = identifier_detail(identifier)
    found = identifier_holders(identifier, page=page_number(request.GET), shows_platform_ids=shows)
    context = {
        "detail": detail,
        "public_id": public_id,
        "facts": _facts(detail),
        "hub": _hub(detail),
        "panel": value_panel(identifier, user.capabilities),
        "clusters_shown": CLUSTERS_SHOWN,
        "rows": found.items,
        "paging": paging_for(request.GET, page=found.number, total=found.n_matching),
        "shows_platform_ids": shows,
        "crumbs": (Link("Clusters", address("cluster-list")), Link(str(identifier.public_id))),
    }
    return render(request, "pages/identifier.html", context)


def _facts(detail: IdentifierDetail) -> tuple[Fact, ...]:
    return (
        Fact("Kind", detail.value.kind_label, detail.value.family),
        Fact("Holders", number(detail.n_holders)),
        Fact("In no cluster", number(detail.n_unclustered)),
        Fact("First used", day_utc(detail.first_at) or "unknown"),
        Fact("Last used", day_utc(detail.last_at) or "unknown"),
        Fact("Points at a person", "yes" if detail.value.is_personal else "no", "sealed, shown masked"),
    )


def _hub(detail: IdentifierDetail) -> str:
    """Whether the newest run takes it for a hub, and why."""
    if detail.run is None:
        return "No run has looked at it yet."
    if detail.is_marked:
        return "People marked it as shared by strangers: it is a hub, weighs nothing and joins no cluster by itself."
    if detail.is_hub:
        return (
            f"Run {detail.run.number} takes it for a hub: {percent(detail.independence)} of its holders have nothing "
            "else in common. It weighs nothing and joins no cluster by itself."
        )
    return (
        f"Run {detail.run.number} does not take it for a hub: it weighs by how few accounts hold it. "
        "A value becomes a hub when its holders are independent of each other given everything else."
    )
