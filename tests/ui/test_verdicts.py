"""Pages of verdicts: the form that records one, the list, and one verdict as decided against as now."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Identifier
from core.models import Dataset
from investigations.models import Case, Cluster, Verdict
from investigations.models.choices import Hypothesis, HypothesisAnswer
from investigations.services.cases import case_transition
from investigations.services.verdicts import HypothesisInput, StandingInput, verdict_record
from tests.cast import Cast, cast_make
from tests.factories import accounts_make, dataset_make, network_make, run_make
from tests.investigations.decisions import case_make, decision
from tests.query_counts import assert_recorded
from tests.ui.pages import malformed_ids

HOSTILE = '"><script>alert(1)</script>{{ 7|add:7 }}\u202e'
LONG = "Nothing typed is lost. " * 20


@pytest.fixture
def investigator(cast: Cast, client: Client) -> Client:
    client.force_login(cast.people.investigator)
    return client


def form(case: Case, cluster: Any) -> str:
    return reverse("verdict-create", args=[case.public_id, cluster.public_id])


def page(verdict: Verdict) -> str:
    return reverse("verdict-detail", args=[verdict.public_id])


def sent(cast: Cast, **changed: str) -> dict[str, str]:
    """A sound form, to be changed where a test needs it."""
    return {
        "expected_run": cast.run.public_id,
        "same_operator": "confirmed",
        "abusive": "no",
        "likelihood": "very_likely",
        "confidence": "high",
        "policy": "AUP 4.2",
        "rationale": LONG,
        **{f"answer-{h.value}": "against" for h in Hypothesis},
    } | changed


def record(cast: Cast, case: Case | None = None, **changed: Any) -> Verdict:
    return verdict_record(
        case or case_make(cast), cast.cards, by=cast.people.investigator, decision=decision(**changed)
    )


def grow(cast: Cast) -> Any:
    """A run in which `cards` lost its last account and won two, so that a form opened before is out of date."""
    card = Identifier.objects.get(mask="•••• 4417")
    members = [*cast.cards_accounts[:5], *accounts_make(cast.dataset, 2, prefix="new")]
    run = run_make(cast.dataset)
    network_make(run, members, [(card, "payment")], cluster=cast.cards, bits=30_000)
    return run


def text_of(response: Any) -> str:
    return str(response.content.decode())


# --- the form ---------------------------------------------------------------------------------------------------------


def test_the_form_asks_both_questions_beside_the_evidence(cast: Cast, investigator: Client) -> None:
    found = text_of(investigator.get(form(case_make(cast), cast.cards)))
    for shown in ("Same operator?", "Abusive?", "Almost no chance", "95–99 %", "6 accounts look like one operator"):
        assert shown in found
    assert found.count("The engine's test, ") + found.count("The engine&#x27;s test, ") == len(Hypothesis)
    assert f'name="expected_run" value="{cast.run.public_id}"' in found
    assert all(f'name="standing-{a.public_id}"' in found for a in cast.cards_accounts)
    assert not [a for a in cast.cards_accounts if a.platform_id in found]


def test_no_answer_is_chosen_beforehand(cast: Cast, investigator: Client) -> None:
    main = text_of(investigator.get(form(case_make(cast), cast.cards))).split("<main")[1]
    assert " checked" not in main


def test_it_records_a_verdict(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    found = investigator.post(form(case, cast.cards), sent(cast), follow=True)
    verdict = Verdict.objects.get()
    assert found.redirect_chain[-1][0] == page(verdict)
    assert "Case 1 is now decided." in text_of(found)
    assert (verdict.author, verdict.same_operator, verdict.abusive) == (cast.people.investigator, "confirmed", "no")
    assert {s.standing for s in verdict.standings.all()} == {"core", "peripheral"}


def test_abusive_and_confirmed_waits_for_a_second_person(cast: Cast, investigator: Client) -> None:
    found = investigator.post(form(case_make(cast), cast.cards), sent(cast, abusive="yes"), follow=True)
    assert "Case 1 is now awaiting second review." in text_of(found)


def test_single_accounts_are_told_apart(cast: Cast, investigator: Client) -> None:
    first, second, third = (a.public_id for a in cast.cards_accounts[:3])
    changed = {
        "default-core": "pool_account",
        "default-reason-core": "All rented.",
        f"standing-{first}": "compromised_owner",
        f"reason-{first}": "Its owner wrote to support.",
        "other-account-0": f" {second} ",
        "other-standing-0": "excluded",
        "other-reason-0": "A bystander.",
        "other-account-1": "",
        "other-standing-1": "",
        "other-reason-1": "",
    }
    investigator.post(form(case_make(cast), cast.cards), sent(cast, **changed))
    said = {
        s.account.public_id: (s.standing, s.reason) for s in Verdict.objects.get().standings.select_related("account")
    }
    assert said[first] == ("compromised_owner", "Its owner wrote to support.")
    assert said[second] == ("excluded", "A bystander.")
    assert said[third] == ("pool_account", "All rented.")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"same_operator": ""}, "Choose"),
        ({"abusive": "very"}, "Choose"),
        ({"likelihood": "unlikely"}, "“Confirmed” needs at least “likely”."),
        ({"policy": ""}, "This is needed."),
        ({"policy": "x" * 121}, "At most 120 characters"),
        ({"same_operator": "more_information"}, "change what is marked"),
        ({"answer-team": "for"}, "change what is marked"),
        ({"answer-household": "perhaps"}, "change what is marked"),
        ({"default-core": "chief"}, "change what is marked"),
        (
            {"other-account-0": "acc_000000000000", "other-standing-0": "core", "other-reason-0": "x"},
            "acc_000000000000",
        ),
        ({"other-account-0": "\x00", "other-standing-0": "core", "other-reason-0": "x"}, "change what is marked"),
        ({"rationale": HOSTILE * 500}, "At most 18,000 characters"),
    ],
)
def test_a_refused_form_comes_back_with_everything_in_it(
    changed: dict[str, str], says: str, cast: Cast, investigator: Client
) -> None:
    kept = {"note-benchmark": "kept note", f"standing-{cast.cards_accounts[0].public_id}": "excluded"}
    kept[f"reason-{cast.cards_accounts[0].public_id}"] = "kept reason"
    found = investigator.post(form(case_make(cast), cast.cards), sent(cast, **kept, **changed))
    assert found.status_code == 400
    text = text_of(found)
    assert says in text
    assert "kept note" in text
    assert "kept reason" in text
    assert "<script>alert" not in text
    assert "rationale" in changed or LONG in text
    assert '<option value="excluded" selected>' in text
    assert not Verdict.objects.exists()


def test_an_empty_form_marks_each_field(cast: Cast, investigator: Client) -> None:
    found = investigator.post(form(case_make(cast), cast.cards), {"expected_run": cast.run.public_id})
    assert found.status_code == 400
    assert text_of(found).count('class="segmented invalid"') == 4 + len(Hypothesis)


def test_a_newer_run_is_shown_and_nothing_is_lost(cast: Cast, investigator: Client) -> None:
    case, before = case_make(cast), sent(cast)
    gone = cast.cards_accounts[5].public_id
    before |= {f"standing-{gone}": "excluded", f"reason-{gone}": "A bystander."}
    run = grow(cast)
    found = investigator.post(form(case, cast.cards), before)
    assert found.status_code == 409
    text = text_of(found)
    assert "A newer run changed what you judge" in text
    assert "accounts 6 → 7" in text
    assert LONG in text
    assert f'value="{gone}"' in text  # no member any more: its row moved to the ones by id
    assert f'name="expected_run" value="{run.public_id}"' in text
    assert not Verdict.objects.exists()


@pytest.mark.parametrize("run", ["", "x", "run_000000000000", "\x00"])
def test_a_form_without_its_run_is_refused(run: str, cast: Cast, investigator: Client) -> None:
    found = investigator.post(form(case_make(cast), cast.cards), sent(cast, expected_run=run))
    assert found.status_code in (400, 409) or (run == "" and found.status_code == 302)


def test_a_second_verdict_supersedes_the_first(cast: Cast, investigator: Client) -> None:
    case = case_make(cast, clusters=[cast.cards, cast.pair])
    first = record(cast, case)
    assert "yours supersedes it" in text_of(investigator.get(form(case, cast.cards)))
    investigator.post(form(case, cast.cards), sent(cast, abusive="undetermined"))
    second = Verdict.objects.exclude(pk=first.pk).get()
    assert page(second) in text_of(investigator.get(page(first)))
    assert "It supersedes an earlier verdict." in text_of(investigator.get(page(second)))


def test_a_settled_case_takes_no_verdict(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    case_transition(case, by=cast.people.lead, to="closed", reason="Nothing here.")
    assert investigator.get(form(case, cast.cards)).status_code == 409
    assert investigator.post(form(case, cast.cards), sent(cast)).status_code == 409


def test_a_cluster_outside_the_case_is_not_found(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    other = cast_make(cast.people, dataset_make("other"))
    for cluster in (cast.pair, other.cards):
        assert investigator.get(form(case, cluster)).status_code == 404
        assert investigator.post(form(case, cluster), sent(cast)).status_code == 404


def test_an_ended_cluster_can_not_be_judged(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    Cluster.objects.filter(pk=cast.cards.pk).update(ended_in=run_make(cast.dataset))
    found = investigator.get(form(case, cast.cards))
    assert found.status_code == 409
    assert "The cluster has ended" in text_of(found)


# --- who may ----------------------------------------------------------------------------------------------------------


def test_strangers_sign_in_and_outsiders_are_refused(cast: Cast, client: Client) -> None:
    case = case_make(cast)
    addresses = [reverse("verdict-list"), form(case, cast.cards), page(record(cast, case))]
    assert {client.get(address).status_code for address in addresses} == {302}
    client.force_login(cast.people.outsider)
    assert {client.get(address).status_code for address in addresses} == {403}


@pytest.mark.parametrize("role", ["viewer", "manager"])
def test_only_casework_gives_verdicts(role: str, cast: Cast, client: Client) -> None:
    case = case_make(cast)
    client.force_login(getattr(cast.people, role))
    assert client.get(form(case, cast.cards)).status_code == 403
    assert client.post(form(case, cast.cards), sent(cast)).status_code == 403
    assert not Verdict.objects.exists()


def test_methods_and_token(cast: Cast, investigator: Client) -> None:
    case = case_make(cast)
    verdict = record(cast, case)
    assert investigator.put(form(case, cast.cards)).status_code == 405
    assert investigator.post(page(verdict)).status_code == 405
    assert investigator.post(reverse("verdict-list")).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.people.investigator)
    assert strict.post(form(case_make(cast), cast.cards), sent(cast)).status_code == 403


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_verdict_shows_what_was_decided_on_what(cast: Cast, client: Client) -> None:
    first = cast.cards_accounts[0].public_id
    verdict = record(cast, overrides={first: StandingInput("excluded", "A bystander.")})
    client.force_login(cast.people.viewer)
    text = text_of(client.get(page(verdict)))
    for shown in (
        "One operator, not abusive: 6 accounts of run 1",
        "Very likely",
        "80–95 %",
        "Payment card",
        "•••• 4417",
        "A bystander.",
        "Every benign explanation was answered",
        "The cluster is as it was decided upon",
        "The frozen evidence is intact",
        verdict.frozen_digest,
    ):
        assert shown in text
    assert "Judge again" not in text
    assert "payment_fingerprint" not in text
    assert not [a for a in cast.cards_accounts if a.platform_id in text]


def test_it_counts_what_nobody_looked_into(cast: Cast, investigator: Client) -> None:
    some = {h.value: HypothesisInput(HypothesisAnswer.AGAINST) for h in Hypothesis}
    some |= {h.value: HypothesisInput(HypothesisAnswer.UNTESTED) for h in list(Hypothesis)[:2]}
    found = investigator.get(page(record(cast, hypotheses=some))).content.decode()
    assert '<h2 id="benign">2 benign explanations untested</h2>' in found


def test_it_shows_who_joined_and_left_since(cast: Cast, investigator: Client) -> None:
    verdict = record(cast)
    grow(cast)
    text = text_of(investigator.get(page(verdict)))
    assert "Since then 2 joined and 1 left" in text
    assert "6 → 7" in text
    assert cast.cards_accounts[5].public_id in text


def test_altered_evidence_is_said_so(cast: Cast, investigator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:  # a row that somebody wrote past the console
        patched.setattr("investigations.services.verdicts.digest_of", lambda _: "0" * 64)
        verdict = record(cast)
    assert "Do not act on this verdict." in text_of(investigator.get(page(verdict)))


@pytest.mark.parametrize("query", ["page=2", "page=x", "page=-1", "page=999999999999"])
def test_pages_of_members_that_are_none(query: str, cast: Cast, investigator: Client) -> None:
    assert investigator.get(f"{page(record(cast))}?{query}").status_code == 200


@pytest.mark.parametrize("public_id", malformed_ids("ver"))
def test_an_id_that_is_none_is_not_found(public_id: str, cast: Cast, investigator: Client) -> None:
    assert investigator.get(f"/verdicts/{public_id}/").status_code == 404


def test_texts_are_escaped(cast: Cast, investigator: Client) -> None:
    verdict = record(cast, case_make(cast, title=HOSTILE), rationale=HOSTILE, policy=HOSTILE)
    for address in (page(verdict), reverse("verdict-list")):
        text = text_of(investigator.get(address))
        assert "<script>alert" not in text
        assert "{{ 7|add:7 }}" in text


def test_an_empty_list_says_what_to_do(cast: Cast, investigator: Client) -> None:
    found = text_of(investigator.get(reverse("verdict-list")))
    assert "Nothing has been decided in this dataset" in found
    assert '<a class="button main" href="/cases/">Go to the cases</a>' in found


def test_without_any_dataset_the_list_is_empty(people: Any, client: Client) -> None:
    Dataset.objects.all().delete()
    client.force_login(people.viewer)
    assert client.get(reverse("verdict-list")).status_code == 200


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("same_operator=confirmed", True),
        ("same_operator=benign_shared,duplicate", False),
        ("abusive=no", True),
        ("abusive=yes", False),
        ("standing_only=1", True),
        ("text=AUP", True),
        ("text=nothing+like+it", False),
        ("sort=-policy", True),
        ("page=9", False),
    ],
)
def test_the_list_filters_and_sorts(query: str, is_there: bool, cast: Cast, investigator: Client) -> None:
    verdict = record(cast)
    text = text_of(investigator.get(f"{reverse('verdict-list')}?{query}"))
    assert (page(verdict) in text) is is_there
    assert is_there or "No verdict matches" in text


@pytest.mark.parametrize("query", ["same_operator=x", "abusive=x", "sort=x", "case=x", "cluster=x", "text=%00"])
def test_the_list_refuses_filters_that_are_none(query: str, cast: Cast, investigator: Client) -> None:
    assert investigator.get(f"{reverse('verdict-list')}?{query}").status_code == 400


def test_datasets_stay_apart(cast: Cast, investigator: Client) -> None:
    verdict = record(cast)
    dataset_make("other")
    assert page(verdict) not in text_of(investigator.get(f"{reverse('verdict-list')}?dataset=other"))
    assert investigator.get(f"{page(verdict)}?dataset=other").status_code == 404


def test_pages_ask_the_database_as_often_for_much_as_for_little(cast: Cast, investigator: Client) -> None:
    case = case_make(cast, clusters=[cast.cards, cast.pair])
    verdict = record(cast, case)
    pages = {
        "case": reverse("case-detail", args=[case.public_id]),
        "cases": reverse("case-list"),
        "verdict": page(verdict),
        "verdict form": form(case, cast.pair),
        "verdicts": reverse("verdict-list"),
    }

    def count() -> dict[str, int]:
        counts = {}
        for name, address in pages.items():
            investigator.get(address)
            with CaptureQueriesContext(connection) as seen:
                assert investigator.get(address).status_code == 200, name
            counts[name] = len(seen)
        return counts

    few = count()
    for _ in range(3):
        record(cast, case, policy="Another")
        record(cast)
    assert count() == few
    assert_recorded("casework pages", few)
