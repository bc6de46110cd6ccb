"""What selectors found, as charts and marks take it: millibits, masks over the families, bands of activity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from investigations import charts
from investigations.linkage.types import FAMILIES
from investigations.selectors.shapes.activity import Activity, ActivityRow, CalendarDay
from investigations.selectors.shapes.clusters import ClusterDetail, ClusterRow
from investigations.selectors.shapes.links import LinkExplanation
from investigations.ui.templatetags.console import lower_first

MILLIBITS = 1000


def millibits(bits: float) -> int:
    """Bits as the whole millibits that components take."""
    return round(bits * MILLIBITS)


def families_mask(families: Sequence[str]) -> int:
    """Names of families as a bit mask in their fixed order."""
    return sum(1 << FAMILIES.index(name) for name in families)


def worth_meter(row: ClusterRow) -> charts.LookMeter:
    """A bar that grows with the worth of a look; its parts are as wide as they add to it, its words say each part."""
    total = sum(part.value for part in row.worth_parts)
    whole = max(row.worth, 0.0) ** (1 / max(len(row.worth_parts), 1))
    meter = charts.look_meter([(p.label, whole * p.value / total if total else 0.0) for p in row.worth_parts])
    words = ", ".join(f"{p.label.lower()} {p.value:.0%}" for p in row.worth_parts)
    return replace(meter, words=f"worth {row.worth:.2f} of 1: {words}")


def family_evidence(detail: ClusterDetail) -> list[charts.FamilyEvidence]:
    """The cluster's evidence by family for bars and chart."""
    return [
        charts.FamilyEvidence(
            family=row.family,
            bits_for=millibits(row.bits_for),
            bits_against=millibits(row.bits_against),
            n_links=row.n_links,
            parts_without=row.parts_without,
        )
        for row in detail.evidence
    ]


def pair_waterfall(told: LinkExplanation) -> charts.Waterfall | None:
    """The bits of one link from the line to the sum, a step a family; None where nothing was weighed."""
    if not told.waterfall:
        return None
    first, *steps = told.waterfall
    return charts.waterfall(
        millibits(first.bits),
        [
            charts.WaterfallStep(lower_first(step.label), millibits(step.bits), step.name, step.note)
            for step in steps
            if step.kind != "sum"
        ],
        prior_why=first.note,
    )


def activity_bands(found: Activity) -> charts.Activity:
    """Members and matched others as two bands over the same intervals."""
    members = [row for row in found.rows if row.is_member]
    others = [row for row in found.rows if not row.is_member]
    shown = f"{found.n_shown:,} of {found.n_total:,}"
    bands = [_band("members", members, found.n_total, shown)]
    if others:
        bands.append(_band("matched others", others, len(others), "in no cluster"))
    return charts.Activity(
        start=found.buckets[0] if found.buckets else datetime(1970, 1, 1, tzinfo=UTC),
        bucket=timedelta(seconds=found.bucket_seconds),
        bands=tuple(bands),
        how=f"{found.chosen}; matched: {found.matched_by}" if others else found.chosen,
    )


def calendar_days(days: Sequence[CalendarDay]) -> list[charts.Day]:
    """Days with how many requests, or sessions where requests aren't counted."""
    has_requests = any(day.n_requests for day in days)
    return [charts.Day(d.day.date(), d.n_requests if has_requests else d.n_sessions) for d in days]


def _band(name: str, rows: Sequence[ActivityRow], total: int, note: str) -> charts.ActivityBand:
    return charts.ActivityBand(
        name=name,
        accounts=tuple(row.account.public_id for row in rows),
        counts=tuple(row.counts for row in rows),
        total=total,
        note=note,
    )
