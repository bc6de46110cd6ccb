"""Idempotency-Key: what is sent twice happens once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from core.models import IdempotencyKey
from investigations.models import Case, CaseNote
from tests.api.client import Api, problem_of
from tests.cast import Cast, cast_make, people_make


@pytest.fixture
def wish(cast: Cast) -> dict[str, Any]:
    return {"title": "Shared cards", "clusters": [cast.cards.public_id]}


def test_a_repeat_gets_the_first_answer(lead: Api, wish: dict[str, Any]) -> None:
    first = lead.post("cases", wish, Idempotency_Key="k1")
    again = lead.post("cases", dict(reversed(wish.items())), Idempotency_Key="k1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert {n: again[n] for n in ("ETag", "Location")} == {n: first[n] for n in ("ETag", "Location")}
    assert again["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first
    assert Case.objects.count() == 1


def test_without_a_key_it_happens_again(lead: Api, wish: dict[str, Any]) -> None:
    assert [lead.post("cases", wish).status_code for _ in range(2)] == [201, 201]
    assert Case.objects.count() == 2 and not IdempotencyKey.objects.exists()


def test_a_key_is_for_one_request(lead: Api, wish: dict[str, Any], case_id: str) -> None:
    lead.post("cases", wish, Idempotency_Key="k1")
    n = Case.objects.count()
    problem_of(lead.post("cases", wish | {"title": "Other"}, Idempotency_Key="k1"), 422, "idempotency_key_reused")
    note = lead.post(f"cases/{case_id}/notes", {"text": "x"}, Idempotency_Key="k1")
    problem_of(note, 422, "idempotency_key_reused")
    assert Case.objects.count() == n and not CaseNote.objects.exists()


def test_keys_belong_to_a_token(lead: Api, api: Callable[..., Api], wish: dict[str, Any]) -> None:
    one = lead.post("cases", wish, Idempotency_Key="k1").json()["id"]
    two = api("lead").post("cases", wish, Idempotency_Key="k1").json()["id"]
    assert one != two


def test_a_refusal_leaves_the_key_free(lead: Api, wish: dict[str, Any]) -> None:
    problem_of(lead.post("cases", wish | {"title": ""}, Idempotency_Key="k1"), 400)
    assert lead.post("cases", wish, Idempotency_Key="k1").status_code == 201


def test_an_old_key_is_a_new_one(lead: Api, wish: dict[str, Any]) -> None:
    lead.post("cases", wish, Idempotency_Key="k1")
    row = IdempotencyKey.objects.get()
    assert row.expires_at > timezone.now() + timedelta(hours=24)
    IdempotencyKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "Idempotency-Replayed" not in lead.post("cases", wish, Idempotency_Key="k1")
    assert Case.objects.count() == 2 and IdempotencyKey.objects.count() == 1


def test_neither_key_nor_answer_can_be_read_in_the_database(lead: Api, wish: dict[str, Any]) -> None:
    lead.post("cases", wish, Idempotency_Key="my-key")
    stored = str(IdempotencyKey.objects.values().get()) + str(bytes(IdempotencyKey.objects.get().answer_sealed or b""))
    assert "my-key" not in stored and "Shared cards" not in stored


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\tb", "a b"])
def test_keys_that_are_none(key: str, lead: Api, wish: dict[str, Any]) -> None:
    problem_of(lead.post("cases", wish, Idempotency_Key=key), 400, "bad_idempotency_key")


def test_a_try_that_died_leaves_nothing_behind(
    lead: Api, wish: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the server died")

    lead.client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("investigations.api.cases.created", die)
        assert lead.post("cases", wish, Idempotency_Key="k1").status_code == 500
    assert not Case.objects.exists()
    assert lead.post("cases", wish, Idempotency_Key="k1").status_code == 201


def test_a_twin_that_runs_is_told_so(live_db: Any) -> None:
    cast = cast_make(people_make())
    lead = Api(cast.people.lead)
    wish = {"title": "Shared cards", "clusters": [cast.cards.public_id]}
    assert lead.post("cases", wish, Idempotency_Key="k1").status_code == 201
    answers: list[Any] = []

    def send() -> None:
        answers.append(lead.post("cases", wish, Idempotency_Key="k1"))
        connection.close()

    with transaction.atomic():  # as a twin in the middle of its work
        IdempotencyKey.objects.select_for_update().get()
        thread = threading.Thread(target=send)
        thread.start()
        thread.join(30)
    problem_of(answers[0], 409, "idempotency_key_in_use")
    assert answers[0]["Retry-After"] == "1"


def test_eight_at_once_make_one_case(live_db: Any) -> None:
    cast = cast_make(people_make())
    lead = Api(cast.people.lead)
    wish = {"title": "Shared cards", "clusters": [cast.cards.public_id]}
    statuses: list[int] = []

    def send() -> None:
        statuses.append(Api.post(lead, "cases", wish, Idempotency_Key="k1").status_code)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(statuses) <= {201, 409} and 201 in statuses
    assert Case.objects.count() == 1


def test_twins_that_fail_at_once_are_refused_and_never_break(live_db: Any) -> None:
    """One makes the key's row and takes it away again while the others ask for it, over and over."""
    cast = cast_make(people_make())
    lead = Api(cast.people.lead)
    lead.client.raise_request_exception = False
    statuses: list[int] = []

    def send() -> None:
        statuses.extend(Api.post(lead, "cases", {}, Idempotency_Key="k1").status_code for _ in range(12))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(statuses) == 72 and set(statuses) <= {400, 409}
    assert not IdempotencyKey.objects.exists()
