"""Runs: reading, starting, cancelling."""

from __future__ import annotations

from typing import Any

import pytest

from investigations.models import Run
from tests.api.client import Api, pointers, problem_of
from tests.cast import Cast, cast_make, people_make


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that workers were told of."""
    told: list[str] = []
    monkeypatch.setattr("investigations.api.runs.run_hint", lambda run: told.append(run.public_id))
    return told


def test_reading(lead: Api, cast: Cast) -> None:
    (row,) = lead.get("runs").json()["items"]
    assert (row["id"], row["number"], row["state"], row["is_open"]) == (cast.run.public_id, 1, "done", False)
    body = lead.get(f"runs/{cast.run.public_id}").json()
    assert body["dataset"] == "main" and body["is_latest"] is True and body["error"] is None
    assert body["model_digest"].startswith("9d3a")


def test_starting(lead: Api, cast: Cast, hints: list[str]) -> None:
    answer = lead.post("runs", {"reason": "nightly"})
    body = answer.json()
    assert answer.status_code == 201 and answer["Location"] == f"/api/v1/runs/{body['id']}"
    assert (body["state"], body["number"], body["requested_by"], body["reason"]) == ("queued", 2, "lead", "nightly")
    assert hints == [body["id"]]
    problem_of(lead.post("runs", {}), 409, "run_queued")


@pytest.mark.parametrize(
    "body",
    [
        {"settings": {"nonsense": 1}},
        {"settings": {"seed": "x"}},
        {"settings": []},
        {"settings": "fast"},
        {"settings": {"seed": 10**400}},
        {"settings": {"caps": {"payment": -5}}},
        {"reason": "x" * 201},
        {"dataset": 5.5},
        {"number": 7},
    ],
)
def test_bad_wishes(body: dict[str, Any], lead: Api, cast: Cast, hints: list[str]) -> None:
    assert problem_of(lead.post("runs", body), 400)["errors"]
    assert Run.objects.count() == 1 and hints == []


def test_a_dataset_that_is_none(lead: Api, cast: Cast) -> None:
    problem_of(lead.post("runs", {"dataset": "nowhere"}), 404, "not_found")


def test_cancelling(lead: Api, cast: Cast, hints: list[str]) -> None:
    run = lead.post("runs", {}).json()["id"]
    assert lead.post(f"runs/{run}/cancel").json()["state"] == "cancelled"
    assert problem_of(lead.post(f"runs/{run}/cancel"), 409)
    assert pointers(problem_of(lead.post("runs", {"id": run}), 400, "invalid")) == {"/id"}


def test_a_broker_that_is_down_loses_nothing(live_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kombu.exceptions import OperationalError

    def down(*_: Any) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr("investigations.tasks.run_task.delay", down)
    lead = Api(cast_make(people_make()).people.lead)
    assert lead.post("runs", {}).status_code == 201
    assert Run.objects.filter(state="queued").count() == 1, "the sweeper finds it"
