"""One explanation of a link for page, list, API and export: prior, evidence row by row, sum, and a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from investigations.linkage.types import FAMILIES

FAMILY_WORDS = {
    "payment": "a payment instrument",
    "contact": "a contact",
    "device": "a device",
    "network": "an address",
    "client": "a client",
    "content": "content",
    "timing": "timing",
    "relation": "a relation",
    "other": "another value",
}
"""What accounts share when they share a value of a family; each makes sense after "share"."""


@dataclass(frozen=True)
class EvidenceRow:
    """One value that both accounts have, and what it counts."""

    family: str
    kind: str
    value: int | None
    bits: int
    """Millibits after damping and caps; negative counts against."""
    raw_bits: int
    holders: int
    hub: bool
    note: str
    """Why the bits are not the raw bits; empty when they are."""
    running: int
    """Millibits over the line with this row and all before it: the top of a waterfall's bar."""
    seen: int | None = None
    """Of evidence without a value: how often what the kind names was seen."""
    expected: int | None = None
    """And how often chance brings it about, in millionths."""


@dataclass(frozen=True)
class Explanation:
    """Why two accounts are linked, or are not: start (prior less threshold) plus the rows' bits is the sum."""

    a: int
    b: int
    prior: int
    threshold: int
    start: int
    rows: tuple[EvidenceRow, ...]
    """Evidence that counts, for and against, by descending bits."""
    weightless: tuple[EvidenceRow, ...]
    """What is shared but counts nothing: hubs, values that follow from others, what damping left nothing of."""
    bits: int
    """Millibits over the line."""
    families: tuple[str, ...]
    """Families with evidence for, in their fixed order."""
    is_linked: bool
    sentence: str
    calibrated: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, with lists for tuples."""
        plain = asdict(self)
        for name in ("rows", "weightless", "families"):
            plain[name] = list(plain[name])
        return plain


def explain(a: int, b: int, evidence: Iterable[Mapping[str, Any]], model: Mapping[str, Any]) -> Explanation:
    """The explanation of the pair from its rows of EVIDENCE (mappings with its columns) and the run's model."""
    first, second = min(a, b), max(a, b)
    given = sorted(evidence, key=_order)
    start = model["prior_millibits"] - model["threshold_millibits"]
    running = start
    rows: list[EvidenceRow] = []
    weightless: list[EvidenceRow] = []
    for item in given:
        running += item["bits"]
        (rows if item["bits"] else weightless).append(_row(item, running))
    families = tuple(name for name in FAMILIES if any(row.family == name and row.bits > 0 for row in rows))
    return Explanation(
        a=first,
        b=second,
        prior=model["prior_millibits"],
        threshold=model["threshold_millibits"],
        start=start,
        rows=tuple(rows),
        weightless=tuple(weightless),
        bits=running,
        families=families,
        is_linked=running >= 0,
        sentence=sentence(rows, weightless, families, running),
        calibrated=bool(model.get("calibrated", False)),
    )


def sentence(
    rows: list[EvidenceRow], weightless: list[EvidenceRow], families: tuple[str, ...], over_the_line: int
) -> str:
    """The explanation in plain words."""
    if not rows:
        what = "Nothing that weighs is shared"
    else:
        shared = [f"{_words(family)} ({bits_text(_of_family(rows, family))})" for family in families]
        what = "The accounts share " + _joined(shared) if shared else "Nothing speaks for a link"
    against = -sum(row.bits for row in rows if row.bits < 0)
    if against:
        what += f"; {bits_text(against)} count against"
    side = "over" if over_the_line >= 0 else "under"
    ending = f"; together {bits_text(abs(over_the_line))} {side} the line."
    hubs = sum(row.hub for row in weightless)
    if hubs:
        what_counts = "1 shared value counts" if hubs == 1 else f"{hubs} shared values count"
        whose = "its" if hubs == 1 else "their"
        ending += f" {what_counts} nothing, because {whose} users are independent of each other."
    return what + ending


def bits_text(millibits: int) -> str:
    """Bits with one decimal, as pages show them: `7.4 bits`."""
    return f"{millibits / 1000:.1f} bits"


def seen_text(kind: str, seen: int, expected: int) -> str:
    """What was seen of evidence on a pair, and what chance would bring (in millionths): `3 times, 0.002 by chance`."""
    by_chance = "under 0.001" if expected < 1000 else f"{expected / 1_000_000:,.3g}"
    if kind == "signup_gap":
        return f"{seen:,} sign-ups apart, strangers {expected // 1_000_000:,}"
    if kind == "membership":
        return f"held by {seen:,} of the cluster, {by_chance} by chance"
    times = "once" if seen == 1 else f"{seen:,} times"
    return f"{times}, {by_chance} by chance"


def _order(item: Mapping[str, Any]) -> tuple[Any, ...]:
    value = item["value"]
    return (-item["bits"], FAMILIES.index(item["family"]), item["kind"], value is None, value or 0)


def _row(item: Mapping[str, Any], running: int) -> EvidenceRow:
    return EvidenceRow(
        family=item["family"],
        kind=item["kind"],
        value=item["value"],
        bits=item["bits"],
        raw_bits=item["raw_bits"],
        holders=item["holders"],
        hub=item["hub"],
        note=_note(item),
        running=running,
        seen=item.get("seen"),
        expected=item.get("expected"),
    )


def _note(item: Mapping[str, Any]) -> str:
    if item["hub"]:
        return "Its users are independent of each other, so it weighs nothing."
    if item["bits"] == item["raw_bits"]:
        return ""
    if item["bits"] == 0 and item["raw_bits"] == 0:
        return "Too common to tell accounts apart."
    if item["bits"] == 0:
        return "Adds nothing to stronger evidence of the same family."
    return (
        "Counts in part: after stronger evidence of the same family, up to what the family can carry, for the time "
        "between the two uses, or because one of the accounts meets many strangers in this way."
    )


def _of_family(rows: list[EvidenceRow], family: str) -> int:
    return sum(row.bits for row in rows if row.family == family and row.bits > 0)


def _words(family: str) -> str:
    return FAMILY_WORDS[family]


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
