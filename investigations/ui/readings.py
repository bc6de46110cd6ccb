"""A cluster in plain words: how sure it is, what honest use could explain it, and what to do next."""

from __future__ import annotations

from investigations.models.choices import HypothesisAnswer
from investigations.selectors.shapes.clusters import ClusterDetail, Explanation
from investigations.ui.figures import millibits
from investigations.ui.templatetags.console import lower_first, whole_bits


def reading_of(detail: ClusterDetail, *, can_judge: bool, can_open: bool) -> str:
    """What the figures mean to somebody who sees them for the first time, in at most four short sentences."""
    parts = [_how_sure(detail), _honest_use(detail.explanations), _next(detail, can_judge=can_judge, can_open=can_open)]
    return " ".join(part for part in parts if part)


def _how_sure(detail: ClusterDetail) -> str:
    bits = whole_bits(millibits(detail.row.bits))
    return f"A typical link is {bits} bits over the line: each bit doubles the odds, and 0 just links two accounts."


def _honest_use(explanations: tuple[Explanation, ...]) -> str:
    """What speaks for honest use comes first, then what nobody has looked into."""
    fits = [e for e in explanations if e.answer == HypothesisAnswer.FOR]
    untested = [e for e in explanations if e.answer == HypothesisAnswer.UNTESTED]
    n_tested = len(explanations) - len(untested)
    if not n_tested:
        return "No benign explanation is tested yet." if explanations else ""
    said = (
        f"Honest use that fits: {_listed(fits)}" if fits else f"None of the {n_tested} benign explanations tested fits"
    )
    return f"{said}; untested: {_listed(untested)}." if untested else f"{said}."


def _next(detail: ClusterDetail, *, can_judge: bool, can_open: bool) -> str:
    """The step that is open to this reader; none once it is decided, or where only others may."""
    if detail.row.verdict or detail.is_ended or not (can_judge or can_open):
        return ""
    first = "look into the untested, then " if detail.n_untested else ""
    return f"Next: {first}{'record a verdict' if can_judge else 'open a case'}; linked is not abusive."


def _listed(explanations: list[Explanation]) -> str:
    """Their names in a row; semicolons where a name has a comma of its own."""
    names = [lower_first(e.label) for e in explanations]
    return ("; " if any("," in name for name in names) else ", ").join(names)
