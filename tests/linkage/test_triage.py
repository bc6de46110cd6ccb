"""The order of triage: its parts, and the reasons that it gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from investigations.linkage.triage import NO_BEHAVIOUR, PARTS, Looked, triage, worth_of


def measure(name: str, unusual: float | None) -> dict[str, object]:
    return {
        "measure": name,
        "unusual": None if unusual is None else round(unusual * 1e6),
        "text": f"{name.capitalize()}.",
    }


def benign(name: str, answer: str) -> dict[str, object]:
    return {"hypothesis": name, "answer": answer, "text": f"{name.capitalize()} fits."}


LOOKED = Looked(16_000, 32, 20, 32, False, [measure("volume", 0.6), measure("hours", 0.1), measure("quota", None)], [])


def test_the_parts_are_what_they_say() -> None:
    found = triage(LOOKED)
    assert found.parts == {"linkage": 0.5, "behaviour": 0.35, "size": 0.5, "novelty": 1.0, "unexplained": 1.0}
    assert found.worth == worth_of(found.parts) == pytest.approx(0.55 * 0.415 * 0.55, abs=1e-5)


@pytest.mark.parametrize(
    "better",
    [
        {"bits": 30_000},
        {"n_accounts": 64},
        {"behaviour": [measure("volume", 0.9), measure("hours", 0.1)]},
    ],
)
def test_more_of_anything_is_worth_more(better: dict[str, object]) -> None:
    assert triage(replace(LOOKED, **better)).worth > triage(LOOKED).worth  # type: ignore[arg-type]


def test_a_benign_explanation_that_fits_is_worth_less_and_said_as_a_reason_against() -> None:
    found = triage(replace(LOOKED, hypotheses=[benign("team", "for"), benign("household", "untested")]))
    assert found.parts["unexplained"] == 0.5
    assert found.worth < triage(LOOKED).worth
    assert [(r.speaks, r.name, r.text) for r in found.reasons][-1] == ("against", "team", "Team fits.")


def test_what_was_judged_is_worth_less_until_it_grows() -> None:
    quiet = triage(replace(LOOKED, is_judged=True, n_new=0))
    grown = triage(replace(LOOKED, is_judged=True, n_new=16))
    assert quiet.parts["novelty"] == 0.3
    assert grown.parts["novelty"] == 0.5
    assert quiet.reasons[-1].text == "It is judged, and nothing is new since."
    assert any(r.text == "It is judged, and has grown by 16 since the run before." for r in grown.reasons)


def test_the_fullest_part_is_the_first_reason_and_dull_measures_are_none() -> None:
    loud = replace(LOOKED, behaviour=[measure("volume", 0.5), measure("hours", 0.9), measure("quota", 0.24)])
    found = triage(loud)
    assert [r.name for r in found.reasons] == ["hours", "volume", "linkage", "size"]
    assert (
        found.reasons[2].text
        == "A typical link is 16 bits over the line, and 20 of 32 accounts are in the actionable core."
    )
    assert [set(row) for row in found.reason_rows()] == [{"part", "name", "speaks", "text"}] * 4


@pytest.mark.parametrize("judged", [{}, {"is_judged": True, "n_new": 3}, {"is_judged": True, "n_new": 0}])
def test_every_reason_is_a_sentence(judged: dict[str, object]) -> None:
    found = triage(replace(LOOKED, hypotheses=[benign("team", "for")], **judged))  # type: ignore[arg-type]
    assert {"linkage", "size", "volume", "team"} <= {r.name for r in found.reasons}
    assert all(r.text[0].isupper() and r.text.endswith(".") for r in found.reasons)


def test_unknown_behaviour_is_neither_quiet_nor_loud() -> None:
    assert triage(replace(LOOKED, behaviour=[measure("quota", None)])).parts["behaviour"] == NO_BEHAVIOUR


def test_nothing_vanishes() -> None:
    nothing = triage(Looked(0, 1, 0, 0, True, [measure("volume", 0.0)], [benign("team", "for")] * 5))
    assert set(nothing.parts) == set(PARTS)
    assert nothing.worth > 0
