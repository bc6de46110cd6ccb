"""The OpenAPI document is a reviewed snapshot; the guide and the changelog of the API rest on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core.api.reference import document, sections
from tests.api.client import Api, endpoints, problem_of
from tests.cast import People

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = ROOT / "docs/api/openapi.json"
UPDATE = "python manage.py spectacular --validate --fail-on-warn --format openapi-json --file docs/api/openapi.json"


def test_the_snapshot_is_the_document() -> None:
    assert json.loads(SNAPSHOT.read_text("utf-8")) == json.loads(json.dumps(document())), (
        f"The API changed. Look at the difference, note it in the changelog, and run: {UPDATE}"
    )


def test_it_is_openapi_3_1_with_everything_said() -> None:
    schema = document()
    assert schema["openapi"].startswith("3.1")
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            assert operation["summary"] and operation["x-capabilities"], where
            assert {"400", "401", "403", "429"} <= set(operation["responses"]), where
            assert operation["security"] == [{"token": []}], where
            if "{" in path:
                assert "404" in operation["responses"], where


def test_programs_and_people_get_the_document(api: Callable[..., Api], people: People, client: Client) -> None:
    assert api("viewer").get("openapi.json").json() == json.loads(json.dumps(document()))
    problem_of(client.get("/api/v1/openapi.json"), 401)
    client.force_login(people.viewer)
    assert client.get("/api/v1/openapi.json").status_code == 200
    client.force_login(people.outsider)
    problem_of(client.get("/api/v1/openapi.json"), 403)


def test_the_page_lists_every_endpoint(people: People, client: Client) -> None:
    assert client.get("/api/v1/docs/").status_code == 302, "it is for people who are signed in"
    client.force_login(people.viewer)
    answer = client.get("/api/v1/docs/")
    page = answer.content.decode()
    for endpoint in endpoints():
        assert f'id="{endpoint.id}"' in page, endpoint.id
    assert "<script>" not in page and "style=" not in page
    assert client.post("/api/v1/docs/").status_code == 405


def test_sections_resolve_every_reference() -> None:
    found = sections(document(), site="https://console.example.org")
    assert [s.name for s in found] == ["Accounts", "Cases", "Clusters", "Datasets", "Links", "Runs", "Verdicts"]
    opening = next(o for s in found for o in s.operations if o.id == "case_open")
    assert {f.name for f in opening.body} >= {"title", "clusters", "ticket_id"}
    assert {f.name for f in opening.result} >= {"id", "revision", "transitions"}
    assert "https://console.example.org/api/v1/cases" in opening.curl


@pytest.mark.parametrize("endpoint", endpoints(), ids=lambda e: e.id)
def test_the_guide_tells_of_every_endpoint(endpoint: Any) -> None:
    guide = (ROOT / "docs/guide/api.md").read_text("utf-8")
    assert f"`{endpoint.method} /{endpoint.path}`" in guide
