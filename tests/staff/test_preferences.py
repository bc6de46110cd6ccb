from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import People


def test_it_keeps_theme_and_density(client: Client, people: People) -> None:
    client.force_login(people.viewer)
    answer = client.post("/preferences/", {"theme": "dark", "density": "compact", "next": "/clusters/"})
    assert (answer.status_code, answer["Location"]) == (302, "/clusters/")
    people.viewer.refresh_from_db()
    assert (people.viewer.theme, people.viewer.density) == ("dark", "compact")


def test_it_switches_shortcuts_off_and_leaves_them_otherwise(client: Client, people: People) -> None:
    client.force_login(people.viewer)
    client.post("/preferences/", {"theme": "light"})
    people.viewer.refresh_from_db()
    assert people.viewer.has_shortcuts
    client.post("/preferences/", {"has_shortcuts": "off"})
    people.viewer.refresh_from_db()
    assert not people.viewer.has_shortcuts


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_it_does_not_send_people_elsewhere(client: Client, people: People, to: str) -> None:
    client.force_login(people.viewer)
    assert client.post("/preferences/", {"next": to})["Location"] == "/"


def test_it_refuses_what_it_does_not_know(client: Client, people: People) -> None:
    client.force_login(people.viewer)
    assert client.post("/preferences/", {"theme": "neon"}).status_code == 400


def test_strangers_and_wrong_methods_are_refused(client: Client, people: People) -> None:
    assert "/auth/login/" in client.post("/preferences/")["Location"]
    client.force_login(people.viewer)
    assert client.get("/preferences/").status_code == 405
