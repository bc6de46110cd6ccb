"""What a pair that a run did not link is told: what they share, and what kept it from being a link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from investigations.linkage.explain import Explanation, bits_text
from investigations.models import Run
from investigations.selectors.shapes.links import PathStep


def headline_unlinked(run: Run, listed: list[dict[str, Any]], path: Sequence[PathStep]) -> str:
    """One sentence or two on top of the comparison."""
    noun = "value" if len(listed) == 1 else "values"
    said = f"Run {run.number} did not link these two: they share {len(listed) or 'no'} {noun} that it knows of."
    if path:
        said += f" They are linked over {len(path) - 1} other{'s' if len(path) > 2 else ''}."
    return said


def why_not(run: Run, told: Explanation | None, listed: list[dict[str, Any]]) -> str:
    """What kept a pair from being a link: by the run's own weights, or, without them, by what they share now."""
    if told is None:
        return _by_values(run, listed)
    if told.a == told.b:
        return "They are declared to have one owner, so the run weighs nothing between them."
    if not listed:
        return "They have no value in common, so there is nothing to weigh."
    if told.bits >= 0:
        settings = run.model["settings"]
        return (
            f"Together {bits_text(told.bits)} over the line, and yet no link: a run keeps the "
            f"{settings['links_per_account']} strongest links of each account, and of a value with many holders "
            f"weighs only {settings['budget']} pairs for each holder."
        )
    return f"{_reach(len(listed))}: {bits_text(-told.bits)} under it{_hubs(listed)}. {_rarest(listed)}"


def _by_values(run: Run, listed: list[dict[str, Any]]) -> str:
    if not run.has_rows:
        return f"The links of run {run.number} are no longer kept here."
    gone = "What the run weighed is no longer kept, so values stand without bits and shared content is not shown"
    if not listed:
        return f"They have no value in common that is kept here, so there is nothing to weigh. {gone}."
    return f"{_reach(len(listed))}{_hubs(listed)}. {_rarest(listed)} {gone}."


def _reach(n: int) -> str:
    return "One shared value doesn't reach the line" if n == 1 else f"{n} shared values don't reach the line"


def _hubs(listed: list[dict[str, Any]]) -> str:
    n = sum(row["hub"] for row in listed)
    if not n:
        return ""
    who = "it" if len(listed) == 1 else f"{n} of them"
    weighs = "weighs" if n == 1 else "weigh"
    return f"; {who} {weighs} nothing, because the holders are independent of each other"


def _rarest(listed: list[dict[str, Any]]) -> str:
    return f"The rarest has {min(row['holders'] for row in listed):,} holders."
