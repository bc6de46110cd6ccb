"""Verdicts for tests: a sound one, to be changed where a test needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from investigations.models import Case
from investigations.models.choices import Hypothesis
from investigations.services.cases import case_open
from investigations.services.verdicts import HypothesisInput, VerdictInput
from tests.cast import Cast


def answers(**changed: HypothesisInput) -> dict[str, HypothesisInput]:
    """Every benign explanation answered with “against”, but for those given."""
    return {h.value: HypothesisInput("against") for h in Hypothesis} | changed


def decision(**changed: Any) -> VerdictInput:
    """Confirmed and not abusive, with every field filled in."""
    sound = VerdictInput(
        same_operator="confirmed",
        abusive="no",
        likelihood="very_likely",
        confidence="high",
        policy="AUP 4.2",
        rationale="One card and one device over six accounts.",
        hypotheses=answers(),
    )
    return replace(sound, **changed)


def case_make(cast: Cast, **changed: Any) -> Case:
    """A case over the cast's `cards`, opened by the investigator."""
    given: dict[str, Any] = {"by": cast.people.investigator, "title": "Shared cards", "clusters": [cast.cards]}
    return case_open(cast.dataset, **given | changed)
