from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Identifier
from core.errors import AppError, Conflict, Forbidden, InvalidInput, NotFound
from core.models import AuditEntry
from investigations.access import verdict_get_for
from investigations.models import Link, Member, Verdict, VerdictStanding
from investigations.models.choices import Hypothesis
from investigations.selectors.cases import case_detail
from investigations.selectors.frozen import digest_of, frozen_read
from investigations.selectors.shapes.cases import VerdictFilters
from investigations.selectors.verdicts import (
    verdict_detail,
    verdict_drift,
    verdict_drift_of_cluster,
    verdict_filters_from,
    verdict_list,
)
from investigations.services import frozen as freezing
from investigations.services.cases import case_cluster_add, case_cluster_remove, case_transition
from investigations.services.verdicts import HypothesisInput, StandingInput, frozen_verify, verdict_record
from tests.cast import Cast
from tests.factories import accounts_make, network_make, run_make
from tests.investigations.decisions import answers, case_make, decision


def fields_of(error: pytest.ExceptionInfo[AppError]) -> set[str]:
    return set(error.value.extra["fields"])


def record(cast: Cast, **changed: Any) -> Verdict:
    by = changed.pop("by", cast.people.investigator)
    case = changed.pop("case", None) or case_make(cast)
    return verdict_record(case, cast.cards, by=by, decision=decision(**changed), expected_run=cast.run.public_id)


def grown(cast: Cast) -> Any:
    """A second run in which `cards` lost its last account, won two, and has stronger links."""
    card = Identifier.objects.get(mask="•••• 4417")
    members = [*cast.cards_accounts[:5], *accounts_make(cast.dataset, 2, prefix="new")]
    return network_make(run_make(cast.dataset), members, [(card, "payment")], cluster=cast.cards, bits=30_000)


def test_it_records_a_verdict_with_what_was_seen(cast: Cast) -> None:
    verdict = record(cast)
    case = verdict.case
    case.refresh_from_db()
    assert (case.state, verdict.supersedes, verdict.author) == ("decided", None, cast.people.investigator)
    frozen = verdict_detail(Verdict.objects.get(pk=verdict.pk)).frozen
    assert (frozen.cluster, frozen.dataset) == (cast.cards.public_id, "main")
    assert (frozen.run.number, frozen.run.model_digest) == (cast.run.number, cast.run.model_digest)
    assert "6 accounts look like one operator" in frozen.sentence
    assert [(f.family, f.n_links) for f in frozen.families] == [("payment", 5), ("device", 5)]
    assert {m.account for m in frozen.members} == {a.public_id for a in cast.cards_accounts}
    assert [m.position for m in frozen.members].count("periphery") == 1
    assert (frozen.n_links_shown, frozen.n_links_total, len(frozen.links)) == (5, 5, 5)
    signal = frozen.links[0].evidence[0]
    assert (signal.kind, signal.mask, signal.holders) == ("payment_fingerprint", "•••• 4417", 6)
    assert signal.ref.startswith("idf_")
    assert AuditEntry.objects.filter(target=case.public_id, action="verdict.recorded").count() == 1


def test_frozen_evidence_holds_no_clear_value_and_no_platform_id(cast: Cast) -> None:
    text = json.dumps(record(cast).frozen)
    assert "card-fingerprint" not in text
    assert "device-93af" not in text
    assert not [a for a in cast.cards_accounts if a.platform_id in text]


def test_a_frozen_digest_verifies_and_notices_every_change(cast: Cast) -> None:
    verdict = Verdict.objects.get(pk=record(cast).pk)
    assert frozen_verify(verdict)
    assert (
        hashlib.sha256(
            json.dumps(verdict.frozen, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        ).hexdigest()
        == verdict.frozen_digest
    )
    for path in (("sentence",), ("members", 0, 3), ("run", "model_digest"), ("links", 0, 2), ("n_links_total",)):
        tampered = copy.deepcopy(verdict.frozen)
        place = tampered
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = "something else"
        assert digest_of(tampered) != verdict.frozen_digest
    verdict.frozen["figures"]["n_accounts"] = 7
    assert not frozen_verify(verdict)
    assert not verdict_detail(verdict).is_intact


def test_frozen_evidence_survives_the_database_whatever_the_numbers(cast: Cast) -> None:
    cast.run.settings = {"a": 1.0, "b": 0.1, "c": 1e-9, "d": -0.0, "e": [2.5e16, 3.0], "ü": {"f": True, "g": None}}
    cast.run.save()
    assert frozen_verify(Verdict.objects.get(pk=record(cast).pk))


def test_it_keeps_the_strongest_links_and_counts_all(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = record(cast).frozen
    monkeypatch.setattr(freezing, "LINKS_KEPT", 2)
    monkeypatch.setattr(freezing, "CHUNK", 2)
    Link.objects.filter(run=cast.run, a=cast.cards_accounts[2]).update(bits=99_000)
    cut = freezing.frozen_make(cast.cards, cast.cards.current)
    assert (cut["n_links_shown"], cut["n_links_total"], len(cut["links"])) == (2, 5, 2)
    assert cut["links"][0][2] == 99_000
    assert cut["links_digest"] != whole["links_digest"]
    Link.objects.filter(run=cast.run, a=cast.cards_accounts[2]).update(bits=24_000)
    assert freezing.frozen_make(cast.cards, cast.cards.current)["links_digest"] == whole["links_digest"]


def test_it_writes_a_standing_for_each_member(cast: Cast) -> None:
    odd = cast.cards_accounts[1].public_id
    verdict = record(cast, overrides={odd: StandingInput("compromised_owner", "Lost the account on 3 June")})
    detail = verdict_detail(verdict)
    assert detail.standing_counts == {"core": 4, "peripheral": 1, "compromised_owner": 1}
    said = next(s for s in detail.standings if s.account == odd)
    assert said.reason == "Lost the account on 3 June"


def test_other_answers_speak_only_of_whom_they_should(cast: Cast) -> None:
    benign = record(
        cast,
        same_operator="benign_shared",
        likelihood="unlikely",
        hypotheses=answers(team=HypothesisInput("for", "One company's staff")),
    )
    assert verdict_detail(benign).standing_counts == {"excluded": 6}
    named = cast.cards_accounts[0].public_id
    open_one = record(
        cast,
        same_operator="inconclusive",
        likelihood="roughly_even",
        abusive="undetermined",
        overrides={named: StandingInput("pool_account", "Carries strangers' traffic")},
    )
    assert verdict_detail(open_one).standing_counts == {"pool_account": 1}


def test_what_can_lead_to_a_ban_waits_for_a_second_person(cast: Cast) -> None:
    verdict = record(cast, abusive="yes")
    case = verdict.case
    case.refresh_from_db()
    assert case.state == "awaiting_second"
    with pytest.raises(Conflict) as error:
        case_transition(case, by=cast.people.investigator, to="decided")
    assert error.value.code == "second_person"
    assert case_transition(case, by=cast.people.lead, to="decided").state == "decided"


def test_a_case_is_decided_when_every_cluster_has_a_verdict(cast: Cast) -> None:
    case, by = case_make(cast, clusters=[cast.cards, cast.pair]), cast.people.investigator
    record(cast, case=case)
    case.refresh_from_db()
    assert case.state == "in_review"
    verdict_record(case, cast.pair, by=by, decision=decision())
    case.refresh_from_db()
    assert case.state == "decided"


def test_a_later_verdict_supersedes(cast: Cast) -> None:
    first = record(cast, abusive="yes")
    case = first.case
    second = record(cast, case=case, by=cast.people.lead, abusive="no")
    assert second.supersedes == first
    rows = {v.public_id: v for v in case_detail(case, user=cast.people.viewer).verdicts}
    assert rows[first.public_id].superseded_by == second.public_id
    assert rows[second.public_id].supersedes == first.public_id
    case.refresh_from_db()
    assert case.state == "decided"
    standing = verdict_list(cast.dataset, filters=VerdictFilters(standing_only=True)).page
    assert ([v.public_id for v in standing.items], standing.n_total) == ([second.public_id], 2)
    with pytest.raises(Conflict) as error:
        record(cast, case=case)
    assert error.value.code == "case_settled"


def test_only_people_who_judge_may_record(cast: Cast) -> None:
    case = case_make(cast)
    for role, person in cast.people.by_role().items():
        if role in ("investigator", "lead"):
            continue
        with pytest.raises(Forbidden):
            record(cast, case=case, by=person)
    assert not Verdict.objects.exists()
    made = record(cast, case=case)
    assert verdict_get_for(cast.people.viewer, made.public_id) == made
    with pytest.raises((NotFound, Forbidden)):
        verdict_get_for(cast.people.outsider, made.public_id)
    with pytest.raises(NotFound):
        verdict_get_for(cast.people.viewer, "ver_000000000000")


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"same_operator": "guilty"}, {"same_operator"}),
        ({"abusive": ""}, {"abusive"}),
        ({"likelihood": None}, {"likelihood"}),
        ({"confidence": "very"}, {"confidence"}),
        ({"policy": " "}, {"policy"}),
        ({"policy": "x" * 121}, {"policy"}),
        ({"rationale": ""}, {"rationale"}),
        ({"rationale": "a\x00"}, {"rationale"}),
        ({"rationale": "\ud800"}, {"rationale"}),
        ({"rationale": "x" * 18_001}, {"rationale"}),
        ({"likelihood": "unlikely"}, {"likelihood"}),
        ({"same_operator": "inconclusive", "likelihood": "almost_certain"}, {"likelihood"}),
        ({"same_operator": "benign_shared", "likelihood": "roughly_even"}, {"hypotheses"}),
        ({"same_operator": "benign_shared", "likelihood": "likely"}, {"hypotheses", "likelihood"}),
        ({"same_operator": "more_information"}, {"confidence"}),
        ({"hypotheses": {}}, {f"hypotheses.{h.value}" for h in Hypothesis}),
        ({"hypotheses": answers(team=HypothesisInput("for"))}, {"hypotheses.team"}),
        ({"hypotheses": answers(team=HypothesisInput("maybe"))}, {"hypotheses.team"}),
        ({"hypotheses": answers(aliens=HypothesisInput("for", "x"))}, {"hypotheses.aliens"}),
        ({"abusive": "yes", "hypotheses": answers(household=HypothesisInput("for", "One roof"))}, {"explanation"}),
        (
            {
                "same_operator": "benign_shared",
                "likelihood": "unlikely",
                "abusive": "yes",
                "hypotheses": answers(team=HypothesisInput("for", "Staff")),
            },
            {"explanation"},
        ),
        ({"defaults": {"core": StandingInput("excluded")}}, {"defaults.core"}),
        ({"defaults": {"bridge": StandingInput("bad")}}, {"defaults.bridge"}),
        ({"defaults": {"chief": StandingInput("core")}}, {"defaults.chief"}),
        (
            {"defaults": {p: StandingInput("excluded", "no") for p in ("core", "periphery", "bridge")}},
            {"defaults.core"},
        ),
        ({"overrides": {"acc_000000000000": StandingInput("core", "x")}}, {"overrides.acc_000000000000"}),
    ],
)
def test_it_names_what_does_not_fit(cast: Cast, changed: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as error:
        record(cast, **changed)
    assert fields_of(error) == fields
    assert error.value.what_to_do
    assert not Verdict.objects.exists()


def test_an_override_needs_a_reason(cast: Cast) -> None:
    account = cast.cards_accounts[0].public_id
    with pytest.raises(InvalidInput) as error:
        record(cast, overrides={account: StandingInput("excluded")})
    assert fields_of(error) == {f"overrides.{account}"}
    with pytest.raises(InvalidInput):
        record(cast, overrides={account: StandingInput("excluded", "x" * 301)})


def test_an_explanation_makes_room_for_both_axes(cast: Cast) -> None:
    verdict = record(
        cast,
        same_operator="benign_shared",
        likelihood="unlikely",
        abusive="yes",
        explanation="The exit is shared, and some behind it abuse it.",
        hypotheses=answers(shared_exit=HypothesisInput("for", "A VPN exit")),
    )
    assert verdict.rationale.endswith("On the two axes: The exit is shared, and some behind it abuse it.")


def test_it_says_what_changed_since_the_form_was_opened(cast: Cast) -> None:
    case = case_make(cast)
    now = grown(cast)
    with pytest.raises(Conflict) as error:
        record(cast, case=case)
    assert (error.value.code, error.value.extra["run"]) == ("cluster_changed", now.run.public_id)
    assert error.value.extra["changed"]["n_accounts"] == [6, 7]
    assert "accounts 6 → 7" in error.value.detail
    assert "bits 24.0 → 30.0" in error.value.detail
    assert not Verdict.objects.exists()
    fresh = verdict_record(case, cast.cards, by=cast.people.lead, decision=decision(), expected_run=now.run.public_id)
    assert fresh.version == now


def test_it_judges_only_clusters_of_the_case_that_are_there(cast: Cast) -> None:
    case, by = case_make(cast), cast.people.investigator
    with pytest.raises(NotFound) as error:
        verdict_record(case, cast.pair, by=by, decision=decision())
    assert error.value.code == "not_in_case"
    case_cluster_add(case, cast.pair, by=by)
    cast.pair.ended_in = run_make(cast.dataset)
    cast.pair.save()
    with pytest.raises(Conflict) as ended:
        verdict_record(case, cast.pair, by=by, decision=decision())
    assert ended.value.code == "cluster_ended"
    cast.run.has_rows = False
    cast.run.save()
    with pytest.raises(Conflict):
        verdict_record(case, cast.cards, by=by, decision=decision())


def test_a_judged_cluster_stays_in_its_case(cast: Cast) -> None:
    case = case_make(cast, clusters=[cast.cards, cast.pair])
    record(cast, case=case)
    with pytest.raises(Conflict) as error:
        case_cluster_remove(case, cast.cards, by=cast.people.lead)
    assert error.value.code == "has_verdict"
    assert not [row for row in case_detail(case, user=cast.people.lead).activity if row.can_undo]


def test_the_database_refuses_to_change_a_verdict(cast: Cast) -> None:
    verdict = record(cast)
    for attempt in (
        lambda: Verdict.objects.update(abusive="yes"),
        lambda: VerdictStanding.objects.update(standing="excluded"),
        lambda: VerdictStanding.objects.all()._raw_delete("default"),
        verdict.delete,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    verdict.refresh_from_db()
    assert verdict.abusive == "no"


def test_it_shows_the_drift_since(cast: Cast) -> None:
    verdict = record(cast)
    assert not verdict_drift(verdict).has_changed
    now = grown(cast)
    drift = verdict_drift(verdict)
    assert drift.has_changed
    assert drift.left == (cast.cards_accounts[5].public_id,)
    joined = Member.objects.filter(version=now).exclude(account__in=cast.cards_accounts)
    assert set(drift.joined) == {m.account.public_id for m in joined}
    assert (drift.run_then, drift.run_now, drift.n_then, drift.n_now) == (1, 2, 6, 7)
    assert (drift.bits_then, drift.bits_now) == (24_000, 30_000)
    assert (drift.families_gained, drift.families_lost) == ((), ("device",))
    cast.cards.refresh_from_db()
    cast.cards.ended_in = now.run
    cast.cards.save()
    ended = verdict_drift(verdict)
    assert (ended.is_ended, ended.run_now, ended.n_now, ended.joined) == (True, None, 0, ())


def test_it_shows_the_drift_of_every_verdict_on_a_cluster(cast: Cast) -> None:
    first = record(cast)
    now = grown(cast)
    second = verdict_record(case_make(cast), cast.cards, by=cast.people.lead, decision=decision())
    with CaptureQueriesContext(connection) as queries:
        found = verdict_drift_of_cluster(cast.cards)
    assert len(queries) == 3
    assert [(row.public_id, drift) for row, drift in found] == [
        (second.public_id, verdict_drift(second)),
        (first.public_id, verdict_drift(first)),
    ]
    assert [drift.has_changed for _, drift in found] == [False, True]
    assert found[0][1].run_then == now.run.number
    assert verdict_drift_of_cluster(cast.pair) == []


def test_it_lists_and_filters(cast: Cast) -> None:
    first = record(cast, policy="AUP 9")
    record(cast, by=cast.people.lead, same_operator="inconclusive", abusive="undetermined", likelihood="likely")

    def found(**kwargs: Any) -> list[str]:
        page = verdict_list(cast.dataset, filters=VerdictFilters(**kwargs)).page
        return [row.author.username for row in page.items]

    assert found() == ["lead", "investigator"]
    assert found(sort="created_at") == ["investigator", "lead"]
    assert found(same_operator=("confirmed",)) == ["investigator"]
    assert found(abusive=("undetermined", "yes")) == ["lead"]
    assert found(text="aup 9") == ["investigator"]
    assert found(author=cast.people.lead.public_id) == ["lead"]
    assert found(case=first.case.public_id) == ["investigator"]
    assert found(cluster=cast.pair.public_id) == []
    assert verdict_filters_from({"abusive": "yes,no", "standing_only": "1"}).abusive == ("no", "yes")
    for params in ({"abusive": "very"}, {"sort": "frozen"}, {"verdict": "x"}):
        with pytest.raises(InvalidInput):
            verdict_filters_from(params)


def test_it_reads_in_a_fixed_number_of_queries(cast: Cast) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            verdict = record(cast)
        with CaptureQueriesContext(connection) as listing:
            verdict_list(cast.dataset)
        with CaptureQueriesContext(connection) as reading:
            verdict_detail(verdict)
        assert 'frozen"' not in listing.captured_queries[-1]["sql"].split("FROM")[0].replace("frozen_digest", "")
        counts.append((len(listing), len(reading)))
    assert counts[0] == counts[1] == (3, 3)


def test_frozen_evidence_reads_back_what_a_signal_without_a_value_says(cast: Cast) -> None:
    link = Link.objects.filter(run=cast.run).first()
    link.evidence = [
        ["timing", "limit_handoff", None, 4000, 4000, 2, False, 3, 120_000],
        ["content", "content_fingerprint", -5, 1, 1, 2, False, None, None],
        ["timing", "common_stops", None, 1, 1, 0, False],
    ]
    link.bits = 90_000
    link.save()
    frozen = frozen_read(record(cast).frozen)
    handoff, content, of_an_earlier_run = frozen.links[0].evidence
    assert (handoff.kind, handoff.ref, handoff.mask) == ("limit_handoff", "", "")
    assert (handoff.seen, handoff.expected) == (3, 120_000)
    assert (content.ref, content.mask, content.seen) == ("", "fffffffffffffffb", None)
    assert (of_an_earlier_run.kind, of_an_earlier_run.seen) == ("common_stops", None)
