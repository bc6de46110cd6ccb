"""What a verdict may say: pure rules over the form's values, each with a message for its field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from django.db.models import TextChoices

from investigations.models.choices import (
    Abusive,
    Confidence,
    Hypothesis,
    HypothesisAnswer,
    Likelihood,
    Position,
    SameOperator,
    Standing,
)
from investigations.services.text import Faults, text_clean

RATIONALE_LENGTH, POLICY_LENGTH, NOTE_LENGTH, REASON_LENGTH = 18_000, 120, 1_000, 300
EXPLANATION_LENGTH = 1_900  # kept under the rationale, which holds 20,000
ORDER = list(Likelihood)
FITS: Mapping[str, tuple[Likelihood, Likelihood, str]] = MappingProxyType(
    {
        SameOperator.CONFIRMED: (
            Likelihood.LIKELY,
            Likelihood.ALMOST_CERTAIN,
            "“Confirmed” needs at least “likely”.",
        ),
        SameOperator.BENIGN_SHARED: (
            Likelihood.ALMOST_NO_CHANCE,
            Likelihood.ROUGHLY_EVEN,
            "A benign shared resource means that one operator is at most “roughly even”.",
        ),
        SameOperator.INCONCLUSIVE: (
            Likelihood.VERY_UNLIKELY,
            Likelihood.VERY_LIKELY,
            "“Inconclusive” does not go together with near certainty, either way.",
        ),
    }
)


@dataclass(frozen=True)
class StandingInput:
    """What is said of an account or of a position, and why."""

    standing: str
    reason: str = ""


@dataclass(frozen=True)
class HypothesisInput:
    """The answer to a benign explanation: for, against or untested, with what was looked at."""

    answer: str
    note: str = ""


STANDING_DEFAULTS: Mapping[str, StandingInput] = MappingProxyType(
    {
        Position.CORE: StandingInput(Standing.CORE),
        Position.PERIPHERY: StandingInput(Standing.PERIPHERAL),
        Position.BRIDGE: StandingInput(Standing.PERIPHERAL),
    }
)


@dataclass(frozen=True)
class VerdictInput:
    """A verdict as somebody filled it in. `explanation` is needed where the two axes seem to contradict each other."""

    same_operator: str
    abusive: str
    likelihood: str
    confidence: str
    policy: str
    rationale: str
    explanation: str = ""
    hypotheses: Mapping[str, HypothesisInput] = field(default_factory=dict)
    defaults: Mapping[str, StandingInput] = field(default_factory=lambda: STANDING_DEFAULTS)
    overrides: Mapping[str, StandingInput] = field(default_factory=dict)


@dataclass(frozen=True)
class CleanVerdict:
    """A verdict that keeps every rule, its texts cleaned."""

    same_operator: str
    abusive: str
    likelihood: str
    confidence: str
    policy: str
    rationale: str
    hypotheses: dict[str, dict[str, str]]
    defaults: dict[str, StandingInput]
    overrides: dict[str, StandingInput]


def verdict_clean(given: VerdictInput, *, members: frozenset[str]) -> CleanVerdict:
    """The verdict with clean texts; InvalidInput with a message per field. `members` are the accounts it may name."""
    faults = Faults()
    for name, choices in (
        ("same_operator", SameOperator),
        ("abusive", Abusive),
        ("likelihood", Likelihood),
        ("confidence", Confidence),
    ):
        _choice_check(getattr(given, name), choices, name, faults)
    policy = text_clean(given.policy, field="policy", faults=faults, max_length=POLICY_LENGTH, is_required=True)
    rationale = text_clean(
        given.rationale,
        field="rationale",
        faults=faults,
        max_length=RATIONALE_LENGTH,
        is_required=True,
        has_lines=True,
    )
    explanation = text_clean(
        given.explanation, field="explanation", faults=faults, max_length=EXPLANATION_LENGTH, has_lines=True
    )
    hypotheses = _hypotheses_clean(given.hypotheses, faults)
    defaults = _defaults_clean(given.defaults, faults)
    overrides = _overrides_clean(given.overrides, members, faults)
    _axes_check(given, hypotheses, explanation, faults)
    _standings_check(given.same_operator, defaults, overrides, faults)
    faults.raise_if_any()
    return CleanVerdict(
        given.same_operator,
        given.abusive,
        given.likelihood,
        given.confidence,
        policy,
        f"{rationale}\n\nOn the two axes: {explanation}" if explanation else rationale,
        hypotheses,
        defaults,
        overrides,
    )


def _choice_check(value: object, choices: type[TextChoices], name: str, faults: Faults) -> bool:
    if value not in choices.values:
        faults.add(name, f"Choose one of: {', '.join(choices.values)}.")
        return False
    return True


def _hypotheses_clean(given: Mapping[str, HypothesisInput], faults: Faults) -> dict[str, dict[str, str]]:
    for unknown in sorted(set(given) - set(Hypothesis.values)):
        faults.add(f"hypotheses.{unknown[:40]}", f"Not one of: {', '.join(Hypothesis.values)}.")
    clean = {}
    for hypothesis in Hypothesis:
        name = f"hypotheses.{hypothesis.value}"
        said = given.get(hypothesis.value)
        if said is None:
            faults.add(name, f"{hypothesis.label}: answer for, against or untested.")
            continue
        if not _choice_check(said.answer, HypothesisAnswer, name, faults):
            continue
        note = text_clean(
            said.note,
            field=name,
            faults=faults,
            max_length=NOTE_LENGTH,
            is_required=said.answer == HypothesisAnswer.FOR,
            has_lines=True,
        )
        clean[hypothesis.value] = {"answer": str(said.answer), "note": note}
    return clean


def _defaults_clean(given: Mapping[str, StandingInput], faults: Faults) -> dict[str, StandingInput]:
    for unknown in sorted(set(given) - set(Position.values)):
        faults.add(f"defaults.{unknown[:40]}", f"Not one of: {', '.join(Position.values)}.")
    clean = {}
    for position in Position:
        said = given.get(position.value, STANDING_DEFAULTS[position])
        name = f"defaults.{position.value}"
        if _choice_check(said.standing, Standing, name, faults):
            needed = said.standing == Standing.EXCLUDED
            clean[position.value] = _standing_clean(said, name, faults, needs_reason=needed)
    return clean


def _overrides_clean(
    given: Mapping[str, StandingInput], members: frozenset[str], faults: Faults
) -> dict[str, StandingInput]:
    clean = {}
    for account, said in given.items():
        name = f"overrides.{account[:40]}"
        if account not in members:
            faults.add(name, "This account is not a member of the cluster.")
        elif _choice_check(said.standing, Standing, name, faults):
            clean[account] = _standing_clean(said, name, faults, needs_reason=True)
    return clean


def _standing_clean(said: StandingInput, name: str, faults: Faults, *, needs_reason: bool) -> StandingInput:
    reason = text_clean(said.reason, field=name, faults=faults, max_length=REASON_LENGTH, is_required=needs_reason)
    return StandingInput(str(said.standing), reason)


def _axes_check(given: VerdictInput, hypotheses: dict[str, dict[str, str]], explanation: str, faults: Faults) -> None:
    held = [name for name, said in hypotheses.items() if said["answer"] == HypothesisAnswer.FOR]
    if given.same_operator in FITS and given.likelihood in Likelihood.values:
        low, high, message = FITS[given.same_operator]
        if not ORDER.index(low) <= ORDER.index(Likelihood(given.likelihood)) <= ORDER.index(high):
            faults.add("likelihood", message)
    if given.same_operator == SameOperator.BENIGN_SHARED and not held:
        faults.add("hypotheses", "Say which benign explanation holds: answer at least one with “for”.")
    if given.same_operator == SameOperator.MORE_INFORMATION and given.confidence == Confidence.HIGH:
        faults.add("confidence", "When more information is needed, confidence can't be high.")
    if given.abusive == Abusive.YES and not explanation:
        if given.same_operator == SameOperator.BENIGN_SHARED:
            faults.add("explanation", "A benign shared resource that is abused: explain how both can be true.")
        elif held:
            names = ", ".join(Hypothesis(name).label for name in held)
            faults.add("explanation", f"You answered “for” to {names}: explain why it is abusive all the same.")


def _standings_check(
    same_operator: str,
    defaults: dict[str, StandingInput],
    overrides: dict[str, StandingInput],
    faults: Faults,
) -> None:
    given = [*defaults.values(), *overrides.values()]
    if same_operator == SameOperator.CONFIRMED and all(s.standing == Standing.EXCLUDED for s in given):
        faults.add("defaults.core", "Every account is excluded: then there is no operator to confirm.")
    if same_operator == SameOperator.BENIGN_SHARED:
        for account, said in overrides.items():
            if said.standing == Standing.CORE:
                faults.add(f"overrides.{account}", "With a benign shared resource no account is core of an operator.")
