"""Who may call what: every endpoint with every role and every set of scopes, against a list that people review."""

from __future__ import annotations

import pytest

from core.access import Capability as C
from staff.authentication import scopes_to_capabilities
from staff.models import User
from staff.roles import Scope
from tests.api.client import Api, Endpoint, endpoints, problem_of
from tests.cast import People

READS, CASES, VERDICTS, RUNS = {C.VIEW}, {C.VIEW, C.CASEWORK}, {C.VIEW, C.VERDICT}, {C.VIEW, C.RUN}
RIGHTS = {
    "dataset_list": READS,
    "account_list": READS,
    "account_lookup": {C.PLATFORM_IDS},
    "account_get": READS,
    "account_identifier_list": READS,
    "account_link_list": READS,
    "cluster_list": READS,
    "cluster_get": READS,
    "cluster_member_list": READS,
    "cluster_link_list": READS,
    "link_explain": READS,
    "run_list": READS,
    "run_get": READS,
    "run_start": RUNS,
    "run_cancel": RUNS,
    "case_list": READS,
    "case_get": READS,
    "case_open": CASES,
    "case_change": CASES,
    "case_transition": CASES,
    "case_cluster_add": CASES,
    "case_cluster_remove": CASES,
    "case_account_add": CASES,
    "case_account_remove": CASES,
    "case_note_list": READS,
    "case_note_add": CASES,
    "verdict_list": READS,
    "verdict_get": READS,
    "verdict_evidence": READS,
    "verdict_standing_list": READS,
    "verdict_record": VERDICTS,
}
ENDPOINTS = endpoints()
SCOPE_SETS: list[tuple[str, ...]] = [
    (),
    (Scope.READ,),
    (Scope.READ, Scope.CASES),
    (Scope.READ, Scope.VERDICTS),
    (Scope.READ, Scope.RUNS),
    (Scope.CASES, Scope.VERDICTS, Scope.RUNS),
    tuple(Scope.values),
]


def test_the_list_is_whole() -> None:
    assert {e.id for e in ENDPOINTS} == set(RIGHTS)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.id)
def test_it_lets_in_exactly_who_has_the_rights(endpoint: Endpoint, people: People) -> None:
    for role, person in people.by_role().items():
        of_roles = User.objects.get(pk=person.pk).capabilities
        for scopes in SCOPE_SETS:
            api = Api(person, scopes)
            answer = api.call(endpoint.method, endpoint.address(), {} if endpoint.has_body else None, If_Match='"1"')
            may = RIGHTS[endpoint.id] <= of_roles & scopes_to_capabilities(list(scopes))
            assert (answer.status_code != 403) == may, (role, scopes, answer.content)
            assert answer.status_code != 401 and answer.status_code < 500


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.id)
def test_it_asks_for_a_token(endpoint: Endpoint, people: People) -> None:
    api = Api(people.lead)
    address = endpoint.address()
    nobody = api.client.generic(endpoint.method, f"/api/v1/{address}")
    problem_of(nobody, 401, "unauthenticated")
    assert nobody["WWW-Authenticate"] == 'Bearer realm="api"'
    wrong = api.call(endpoint.method, address, Authorization="Bearer hys_wrong")
    problem_of(wrong, 401, "invalid_token")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.id)
def test_a_signed_in_browser_is_no_token(endpoint: Endpoint, people: People) -> None:
    api = Api(people.lead)
    api.client.force_login(people.lead)
    problem_of(api.client.generic(endpoint.method, f"/api/v1/{endpoint.address()}"), 401, "unauthenticated")
