"""Whatever is sent to any page is answered: a walk over every address with words that break things elsewhere.

The addresses come from the URLconf, the names from the forms and links of the pages themselves, so that a new page or
field is met without being listed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from django.core.signals import got_request_exception
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Batch
from investigations.services.exports import export_request
from investigations.services.verdicts import verdict_record
from staff.models import User
from staff.roles import Role
from tests.cast import Cast
from tests.factories import person_make
from tests.investigations.decisions import case_make, decision

WORDS = [
    *map(quote, ("\x00", "a\x00b", "-1", "9" * 30, "9223372036854775808", "NaN", "２", "‮𝕏", "%s%(x)s", "' OR 1=1 --")),
    *map(quote, ('"><script>alert(1)</script>', "=HYPERLINK(1)", "x\r\nSet-Cookie: a=b", "clu_000000000000", "A" * 5_000)),
    "%ED%A0%80", "%FF%FE",  # a lone surrogate, what is no UTF-8
]  # fmt: skip
"""Percent-encoded, as they go over the wire."""
EXTRA_NAMES = {
    "page", "sort", "view", "run", "dataset", "at", "confirm", "account", "a", "b", "q", "next", "reason", "to",
    "text", "entry", "cluster", "expected_revision", "expected_run", "title", "subject", "format", "fields",
}  # fmt: skip
"""Names that views read and that need not stand on a page of so small a world."""
FIELD = re.compile(r"<(input|select|textarea)\b([^>]*)>")
ATTRIBUTE = re.compile(r'\b(name|value|type)="([^"]*)"')


def _routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for part in resolver.url_patterns:
        if isinstance(part, URLPattern):
            yield prefix + str(part.pattern)
        elif not str(part.pattern).startswith("api/"):
            yield from _routes(part, prefix + str(part.pattern))


ROUTES = sorted(set(_routes(get_resolver())))
"""Every address outside the API, which has a test of its own kind (tests/api/fuzz.py)."""


@dataclass
class Site:
    """A signed-in person who may do everything, and an object for every kind of address."""

    client: Client
    ids: dict[str, str]
    errors: list[str] = field(default_factory=list)

    def address(self, route: str, word: str | None = None) -> str:
        """The route with ids that are there, or with the word in place of each."""
        path = re.sub(r"\\Z|\$|\^|\(\?P<\w+>[^)]*\)|<(?:\w+:)?\w+>", lambda m: self._id(route, m, word), route)
        return "/" + path.replace("\\", "")

    def _id(self, route: str, found: re.Match[str], word: str | None) -> str:
        if "<" not in found[0]:
            return ""
        known = self.ids["cluster_id"] if "cluster_id" in found[0] else self.ids.get(route.split("/")[0], "x")
        return known if word is None else word

    def ask(self, method: str, address: str, body: str = "") -> Any:
        """The answer, which is never an error of ours."""
        kind = "application/x-www-form-urlencoded"
        answer = self.client.generic(method, address, body.encode(), kind if method == "POST" else "")
        assert answer.status_code < 500 and not self.errors, f"{method} {address[:300]} {body[:300]}: {self.errors}"
        return answer


@pytest.fixture
def site(cast: Cast, client: Client) -> Iterator[Site]:
    """A site; what goes wrong in a view is noted by it."""
    client.raise_request_exception = False
    case = case_make(cast, clusters=[cast.cards, cast.pair], accounts=cast.neighbours[:1])
    verdict = verdict_record(case, cast.cards, by=cast.people.investigator, decision=decision())
    export = export_request(cast.dataset, by=cast.people.lead, subject="members", format="csv", filters={})
    made = Site(
        client,
        {
            "clusters": cast.cards.public_id,
            "cluster_id": cast.pair.public_id,
            "accounts": cast.cards_accounts[0].public_id,
            "identifiers": cast.dataset.identifiers.order_by("pk")[0].public_id,
            "runs": cast.run.public_id,
            "imports": Batch.objects.create(dataset=cast.dataset, state="partly").public_id,
            "cases": case.public_id,
            "verdicts": verdict.public_id,
            "exports": export.public_id,
        },
    )
    client.force_login(_everything())

    def note(sender: object, **_: object) -> None:
        import traceback

        made.errors.append(traceback.format_exc(limit=-12))

    got_request_exception.connect(note)
    yield made
    got_request_exception.disconnect(note)


def _everything() -> User:
    return person_make("everything", roles=[role.value for role in Role])


def fields_of(page: str) -> dict[str, str]:
    """The fields of a page's forms, with a value each that the page itself would send."""
    found: dict[str, str] = {}
    for _, attributes in FIELD.findall(page):
        known = {name: unescape(value) for name, value in ATTRIBUTE.findall(attributes)}
        if known.get("type") not in {"submit", "button", "file"} and "name" in known:
            found.setdefault(known["name"], known.get("value", ""))
    found.pop("csrfmiddlewaretoken", None)
    return found


def parameters_of(page: str) -> set[str]:
    """The names of parameters in a page's own links."""
    links = (unescape(link) for link in re.findall(r'(?:href|hx-get|action)="([^"]*\?[^"]*)"', page))
    return {name for link in links for name, _ in parse_qsl(urlsplit(link).query, keep_blank_values=True)}


def test_it_walks_all_there_is() -> None:
    assert len(ROUTES) > 60
    assert {"", "search/", "cases/<str:public_id>/verdict/<str:cluster_id>/"} <= set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_no_word_in_an_address_breaks_a_page(site: Site, route: str) -> None:
    if "<" not in route:
        pytest.skip("nothing in this address varies")
    for word in WORDS:
        site.ask("GET", site.address(route, word))
        site.ask("POST", site.address(route, word))


@pytest.mark.parametrize("route", ROUTES)
def test_no_word_in_a_parameter_breaks_a_page(site: Site, route: str) -> None:
    address = site.address(route)
    asked = site.ask("GET", address)
    if asked.status_code == 405:
        return
    page = asked.content.decode(errors="replace")
    own = sorted(set(fields_of(page)) | parameters_of(page))
    for i, name in enumerate(own):
        for word in WORDS[i % 8 :: 8]:
            site.ask("GET", f"{address}?{name}={word}")
    for word in WORDS:
        site.ask("GET", f"{address}?{'&'.join(f'{name}={word}' for name in sorted({*own, *EXTRA_NAMES}))}")


@pytest.mark.parametrize("route", [route for route in ROUTES if "logout" not in route])
def test_no_word_in_a_form_breaks_a_page(site: Site, route: str) -> None:
    address = site.address(route)
    if site.ask("POST", address).status_code == 405:
        return
    asked = site.ask("GET", address)
    if asked.status_code == 405:  # a button on another page; its fields are among those
        asked = site.ask(
            "GET", address.rstrip("/").rsplit("/", 2 if "/add" in route or "/remove" in route else 1)[0] + "/"
        )
    form = fields_of(asked.content.decode(errors="replace")) | dict.fromkeys(EXTRA_NAMES, "")
    for word in WORDS:
        site.ask("POST", address, "&".join(f"{quote(name)}={word}" for name in form))
    for i, name in enumerate(form):
        others = {key: value for key, value in form.items() if key != name and value}
        for word in WORDS[i % 8 :: 8]:
            site.ask("POST", address, urlencode(others) + f"&{quote(name)}={word}")


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "x", ""]
)
@pytest.mark.parametrize("body", [b"", b"{", b"\x00\xff", b"--x\r\n\r\n--x", b"a=" + b"%00" * 10_000])
def test_no_body_breaks_a_form(site: Site, kind: str, body: bytes) -> None:
    for address in ("/cases/open/", "/imports/new/", "/exports/new/", "/search/", "/runs/start/", "/preferences/"):
        answer = site.client.post(address, body, content_type=kind)
        assert answer.status_code < 500 and not site.errors, f"{address}: {site.errors}"
