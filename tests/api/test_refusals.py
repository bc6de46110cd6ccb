"""What every endpoint refuses in the same way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.api.client import Api, Endpoint, endpoints, pointers, problem_of

ENDPOINTS = endpoints()
LISTS = [e for e in ENDPOINTS if e.is_list and "{" not in e.path]
BODIES = [e for e in ENDPOINTS if e.has_body and "{" not in e.path]
WITH_IDS = [e for e in ENDPOINTS if "{" in e.path]
UNUSED = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
names = {"ids": lambda e: e.id}


@pytest.mark.parametrize("path", sorted({e.path for e in ENDPOINTS}))
def test_methods_that_it_does_not_have(path: str, lead: Api) -> None:
    has = {e.method for e in ENDPOINTS if e.path == path}
    example = next(e for e in ENDPOINTS if e.path == path)
    for method in set(UNUSED) - has:
        answer = lead.call(method, example.address())
        problem_of(answer, 405, "method_not_allowed")
        assert has <= set(answer["Allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("endpoint", WITH_IDS, **names)
@pytest.mark.parametrize(
    "bad", ["nonsense", "acc_", "clu_" + "U" * 12, "run_%00", "cas_" + "9" * 500, "ver_é", "%F0%9F"]
)
def test_ids_that_are_none(endpoint: Endpoint, bad: str, lead: Api) -> None:
    ids = dict.fromkeys(("account_id", "cluster_id", "run_id", "case_id", "verdict_id"), bad)
    body = {} if endpoint.has_body else None
    problem_of(lead.call(endpoint.method, endpoint.address(**ids), body, If_Match='"1"'), 404)


@pytest.mark.parametrize("endpoint", WITH_IDS, **names)
def test_ids_of_nothing(endpoint: Endpoint, lead: Api) -> None:
    body = {} if endpoint.has_body else None
    problem_of(lead.call(endpoint.method, endpoint.address(), body, If_Match='"1"'), 404, "not_found")


@pytest.mark.parametrize("endpoint", LISTS, **names)
@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("total=2", "total"),
        ("offset=5", "offset"),
        ("limit=5&limit=6", "limit"),
        ("limit=" + "9" * 5000, "limit"),
    ],
)
def test_parameters_that_are_wrong(endpoint: Endpoint, query: str, parameter: str, lead: Api) -> None:
    body = problem_of(lead.get(f"{endpoint.path}?{query}"), 400, "invalid")
    assert pointers(body) == {parameter}


@pytest.mark.parametrize("endpoint", LISTS, **names)
@pytest.mark.parametrize("cursor", ["x", "a" * 900, "é", "____", "AAAAAQ"])
def test_cursors_that_are_none(endpoint: Endpoint, cursor: str, lead: Api) -> None:
    problem_of(lead.get(f"{endpoint.path}?cursor={cursor}"), 400, "bad_cursor")


@pytest.mark.parametrize("endpoint", LISTS, **names)
def test_a_nul_byte_in_a_parameter(endpoint: Endpoint, lead: Api) -> None:
    assert problem_of(lead.get(f"{endpoint.path}?cursor=%00"), 400)


@pytest.mark.parametrize("endpoint", [e for e in LISTS if e.id != "dataset_list"], **names)
def test_a_dataset_that_is_none(endpoint: Endpoint, lead: Api) -> None:
    problem_of(lead.get(f"{endpoint.path}?dataset=nowhere"), 404, "not_found")


@pytest.mark.parametrize("endpoint", BODIES, **names)
@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff\xfe",
        b'{"title": "a\\u0000b"}',
        b'{"title": "a\\ud800b"}',
        b'{"\\u0000": 1}',
        b'{"title": NaN}',
        b'{"title": 1, "title": 2}',
        b"[" * 100_000,
    ],
    ids=["cut", "not utf-8", "nul", "surrogate", "nul key", "nan", "twice", "deep"],
)
def test_bodies_that_can_not_be_read(endpoint: Endpoint, raw: bytes, lead: Api) -> None:
    headers = {"Authorization": f"Bearer {lead.secret}"}
    answer = lead.client.generic("POST", f"/api/v1/{endpoint.path}", raw, "application/json", headers=headers)
    problem_of(answer, 400)


@pytest.mark.parametrize("endpoint", BODIES, **names)
@pytest.mark.parametrize("body", [[], "text", 1, None, True])
def test_bodies_that_are_no_object(endpoint: Endpoint, body: Any, lead: Api) -> None:
    headers = {"Authorization": f"Bearer {lead.secret}"}
    raw = json.dumps(body)
    answer = lead.client.generic("POST", f"/api/v1/{endpoint.path}", raw, "application/json", headers=headers)
    problem_of(answer, 400, "invalid")


@pytest.mark.parametrize("endpoint", BODIES, **names)
def test_fields_that_nobody_declared(endpoint: Endpoint, lead: Api) -> None:
    body = problem_of(lead.post(endpoint.path, {"is_superuser": True}), 400, "invalid")
    assert "/is_superuser" in pointers(body)


@pytest.mark.parametrize("endpoint", BODIES, **names)
def test_a_body_that_is_too_large(endpoint: Endpoint, lead: Api) -> None:
    problem_of(lead.post(endpoint.path, {"title": "x" * 2_100_000}), 413, "too_large")


@pytest.mark.parametrize("endpoint", BODIES, **names)
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
def test_bodies_that_are_no_json(endpoint: Endpoint, kind: str, lead: Api) -> None:
    headers = {"Authorization": f"Bearer {lead.secret}"}
    answer = lead.client.generic("POST", f"/api/v1/{endpoint.path}", b"{}", kind, headers=headers)
    problem_of(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("endpoint", LISTS, **names)
def test_answers_in_another_format(endpoint: Endpoint, lead: Api) -> None:
    problem_of(lead.get(endpoint.path, Accept="text/csv"), 406, "not_acceptable")


def test_addresses_that_lead_nowhere(lead: Api) -> None:
    problem_of(lead.get("nothing"), 404, "not_found")
    problem_of(lead.get("cases/"), 404, "not_found")
    problem_of(Client().get("/api/v2/cases"), 404)


def test_too_many_requests(lead: Api, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    statuses = [lead.get("datasets").status_code for _ in range(4)]
    if 429 in statuses:  # unless a minute began meanwhile
        answer = lead.get("datasets")
        problem_of(answer, 429, "too_many_requests")
        assert 1 <= int(answer["Retry-After"]) <= 61
    else:
        assert [lead.get("datasets").status_code for _ in range(4)][-1] == 429
    assert Api(lead.user).get("datasets").status_code == 200, "each token counts for itself"


def test_a_cache_that_is_down_lets_requests_pass(lead: Api, settings: Any) -> None:
    address = "unix:///nowhere/valkey.sock"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": address}}
    assert lead.get("datasets").status_code == 200


def test_a_fault_of_ours_is_a_problem_document_too(lead: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("accounts.api.views.page_response", broken)
    lead.client.raise_request_exception = False
    answer = lead.get("datasets")
    assert "secret" not in answer.content.decode()
    problem_of(answer, 500, "internal")
