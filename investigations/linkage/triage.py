"""The order in which clusters are worth a look, and why: parts from 0 to 1 whose product it is, and reasons in words.

It orders work. It is no probability, and says nothing of anybody's intent. See docs/theory/behaviour.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from investigations.linkage.units import MILLION

PART_MEANS = {
    "linkage": "How far the evidence is over the line: half at 16 bits.",
    "behaviour": "How unusual the use is: the mean of its three most unusual measures.",
    "size": "Accounts, on a doubling scale: all of it at 1,024.",
    "novelty": "What is new since the last look: all of it for a cluster that nobody has judged.",
    "unexplained": "Less where a benign explanation fits: 0.5 for one, a third for two.",
}
PARTS = tuple(PART_MEANS)
PART_FLOOR = 0.1
"""No part takes more than nine tenths away: a small or quiet cluster sinks, it does not vanish."""
LINKAGE_HALF_BITS = 16.0
SIZE_FULL = 1024
SEEN_NOVELTY = 0.3
NO_BEHAVIOUR = 0.5
"""Behaviour of a dataset that knows of no use: neither quiet nor loud."""
MEASURES_COUNTED = 3
TOLD_FROM = 0.25
"""A measure of behaviour is a reason when it is this unusual."""
BEHAVIOURS_TOLD = 2


@dataclass(frozen=True)
class Looked:
    """What triage looks at of one cluster; rows are those of linkage.types BEHAVIOUR and HYPOTHESES."""

    bits: int
    """Millibits over the line."""
    n_accounts: int
    n_actionable: int
    n_new: int
    is_judged: bool
    behaviour: Sequence[Mapping[str, Any]]
    hypotheses: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Reason:
    """Why a cluster stands where it does."""

    part: str
    """One of PARTS."""
    name: str
    """The measure or hypothesis, or the part again."""
    speaks: str
    """`for` a look soon, or `against`."""
    text: str
    """A sentence."""


@dataclass(frozen=True)
class Worth:
    """Where a cluster stands, of which parts that is made, and why."""

    worth: float
    parts: dict[str, float]
    reasons: tuple[Reason, ...]
    """What speaks for a look, the part that is fullest first, then what speaks against one."""

    def reason_rows(self) -> list[dict[str, str]]:
        """The reasons as JSON-able rows."""
        return [asdict(reason) for reason in self.reasons]


def triage(looked: Looked) -> Worth:
    """The worth of a look at one cluster. Ties are for the caller to break, by the cluster's id."""
    parts = {
        "linkage": _linkage(looked.bits),
        "behaviour": _behaviour(looked.behaviour),
        "size": min(math.log2(max(looked.n_accounts, 1)) / math.log2(SIZE_FULL), 1.0),
        "novelty": _novelty(looked),
        "unexplained": 1 / (1 + sum(row["answer"] == "for" for row in looked.hypotheses)),
    }
    parts = {name: round(value, 3) for name, value in parts.items()}
    return Worth(worth_of(parts), parts, _reasons(looked, parts))


def worth_of(parts: Mapping[str, float]) -> float:
    """The expected value of a look: the product of the parts, none below a tenth."""
    return round(math.prod(PART_FLOOR + (1 - PART_FLOOR) * parts[name] for name in PARTS), 6)


def _linkage(bits: int) -> float:
    over = max(bits, 0) / 1000
    return over / (over + LINKAGE_HALF_BITS)


def _behaviour(rows: Sequence[Mapping[str, Any]]) -> float:
    """The mean of the most unusual measures that are known."""
    known = sorted((row["unusual"] / MILLION for row in rows if row["unusual"] is not None), reverse=True)
    counted = known[:MEASURES_COUNTED]
    return sum(counted) / len(counted) if counted else NO_BEHAVIOUR


def _novelty(looked: Looked) -> float:
    fresh = min(max(looked.n_new / looked.n_accounts, 0.0), 1.0) if looked.n_accounts else 0.0
    return max(fresh, SEEN_NOVELTY) if looked.is_judged else 1.0


def _reasons(looked: Looked, parts: Mapping[str, float]) -> tuple[Reason, ...]:
    core = f"{looked.n_actionable:,} of {looked.n_accounts:,} accounts are in the actionable core"
    over = f"A typical link is {max(looked.bits, 0) / 1000:.0f} bits over the line"
    told = [
        Reason("linkage", "linkage", "for", f"{over}, and {core}."),
        Reason("size", "size", "for", f"The cluster has {looked.n_accounts:,} accounts."),
        *_behaviour_reasons(looked.behaviour),
    ]
    if looked.is_judged and looked.n_new > 0:
        told.append(
            Reason(
                "novelty", "novelty", "for", f"It is judged, and has grown by {looked.n_new:,} since the run before."
            )
        )
    told.sort(key=lambda reason: -parts[reason.part])
    against = [
        Reason("unexplained", row["hypothesis"], "against", row["text"])
        for row in looked.hypotheses
        if row["answer"] == "for"
    ]
    if looked.is_judged and looked.n_new <= 0:
        against.append(Reason("novelty", "novelty", "against", "It is judged, and nothing is new since."))
    return (*told, *against)


def _behaviour_reasons(rows: Sequence[Mapping[str, Any]]) -> list[Reason]:
    """The most unusual measures; of equals the first."""
    unusual = [row for row in rows if (row["unusual"] or 0) >= TOLD_FROM * MILLION]
    unusual.sort(key=lambda row: -row["unusual"])
    return [Reason("behaviour", row["measure"], "for", row["text"]) for row in unusual[:BEHAVIOURS_TOLD]]
