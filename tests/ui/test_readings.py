"""A cluster in plain words: how sure, what honest use fits, what to do next; nothing for those who may do nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client

from investigations.models.choices import HypothesisAnswer
from investigations.selectors.cluster import cluster_detail
from investigations.selectors.shapes.clusters import ClusterDetail, Explanation
from investigations.services.cases import case_open
from investigations.ui.readings import reading_of
from tests.cast import Cast

FOR, AGAINST, UNTESTED = HypothesisAnswer.FOR, HypothesisAnswer.AGAINST, HypothesisAnswer.UNTESTED


@pytest.fixture
def detail(cast: Cast) -> ClusterDetail:
    return cluster_detail(cast.cards)


def answered(detail: ClusterDetail, *answers: tuple[str, str]) -> ClusterDetail:
    """The same cluster with these benign explanations: (name, answer)."""
    made = tuple(Explanation(label, label, answer, answer, "") for label, answer in answers)
    return replace(detail, explanations=made, n_untested=sum(a == UNTESTED for _, a in answers))


def words(detail: ClusterDetail, *, can_judge: bool = False, can_open: bool = False) -> str:
    return reading_of(detail, can_judge=can_judge, can_open=can_open)


def test_it_says_how_sure_it_is(detail: ClusterDetail) -> None:
    assert words(detail).startswith("A typical link is 24 bits over the line: each bit doubles the odds")


def test_honest_use_that_fits_comes_first(detail: ClusterDetail) -> None:
    said = words(answered(detail, ("Carrier NAT", FOR), ("Household", AGAINST), ("Team", UNTESTED)))
    assert said.endswith("Honest use that fits: carrier NAT; untested: team.")


def test_names_with_commas_are_told_apart(detail: ClusterDetail) -> None:
    said = words(answered(detail, ("Campus, office or VPN exit", FOR), ("Team", FOR)))
    assert said.endswith("Honest use that fits: campus, office or VPN exit; team.")


def test_what_does_not_fit_is_counted(detail: ClusterDetail) -> None:
    said = words(answered(detail, ("Team", AGAINST), ("Household", AGAINST)))
    assert said.endswith("None of the 2 benign explanations tested fits.")


def test_nothing_tested_is_said_so(detail: ClusterDetail) -> None:
    assert words(answered(detail, ("Team", UNTESTED))).endswith("No benign explanation is tested yet.")
    assert "benign" not in words(answered(detail))


def test_the_next_step_is_one_that_the_reader_may_take(detail: ClusterDetail) -> None:
    tested, untested = answered(detail, ("Team", AGAINST)), answered(detail, ("Team", UNTESTED))
    assert words(tested, can_open=True).endswith("Next: open a case; linked is not abusive.")
    assert words(tested, can_judge=True, can_open=True).endswith("Next: record a verdict; linked is not abusive.")
    assert "Next: look into the untested, then open a case" in words(untested, can_open=True)
    assert "Next" not in words(untested)


def test_the_page_shows_it_by_role(cast: Cast, client: Client) -> None:
    address = f"/clusters/{cast.cards.public_id}/"
    client.force_login(cast.people.viewer)
    assert "Next:" not in client.get(address).content.decode()
    client.force_login(cast.people.lead)
    assert "then open a case" in client.get(address).content.decode()
    case_open(cast.dataset, by=cast.people.lead, title="One", clusters=[cast.cards])
    assert "then record a verdict" in client.get(address).content.decode()
