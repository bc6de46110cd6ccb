"""The pane beside a list: one cluster in a few lines."""

from __future__ import annotations

from dataclasses import dataclass

from investigations import charts
from investigations.selectors.shapes.clusters import ClusterDetail, WorthPart, WorthReason
from investigations.ui.figures import family_evidence


@dataclass(frozen=True)
class Preview:
    """What the pane shows of a cluster."""

    public_id: str
    href: str
    headline: str
    strongest: str
    behaviour: str
    bars: charts.EvidenceBars
    n_untested: int
    fragility: str
    worth_parts: tuple[WorthPart, ...]
    reasons: tuple[WorthReason, ...]


def preview_of(detail: ClusterDetail, *, query: str) -> Preview:
    """The pane for this cluster; its links carry the list's address along."""
    row = detail.row
    return Preview(
        public_id=row.public_id,
        href=f"/clusters/{row.public_id}/" + (f"?{query}" if query else ""),
        headline=detail.headline,
        strongest=", ".join(detail.strongest),
        behaviour=_behaviour(detail),
        bars=charts.evidence_bars(family_evidence(detail)),
        n_untested=detail.n_untested,
        fragility=detail.fragility,
        reasons=row.reasons,
        worth_parts=row.worth_parts,
    )


def _behaviour(detail: ClusterDetail) -> str:
    row = detail.row
    if not row.n_accounts or not row.n_exchanges:
        return f"{row.n_sessions:,} sessions."
    each = row.n_exchanges / row.n_accounts
    use = f"{row.n_sessions:,} sessions, {row.n_exchanges:,} exchanges ({each:,.0f} an account)"
    return f"{use}, {row.n_output_tokens:,} output tokens."
