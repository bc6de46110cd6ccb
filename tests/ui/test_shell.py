"""The shell around every page: appearance, dataset, navigation by right, the newest run."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from core.models import Dataset
from investigations.ui.context import appearance_for, console, shell_for
from investigations.ui.datasets import dataset_for
from staff.models import User
from tests.cast import Cast, People
from tests.factories import dataset_make


def request_for(user: User, address: str = "/", session: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    request = RequestFactory().get(address)
    request.user, request.session, request.resolver_match = user, session if session is not None else {}, None
    return request


def test_the_styleguide_is_for_administrators(people: People, client: Client) -> None:
    address = reverse("styleguide")
    assert client.get(address).status_code == 302
    for role, user in people.by_role().items():
        client.force_login(user)
        assert client.get(address).status_code == (200 if role == "administrator" else 403)


def test_it_refuses_other_methods(people: People, client: Client) -> None:
    client.force_login(people.administrator)
    assert client.post(reverse("styleguide")).status_code == 405


def test_a_page_carries_the_persons_theme_and_density(people: People, client: Client) -> None:
    user = people.administrator
    user.theme, user.density, user.has_shortcuts = "dark", "compact", False
    user.save()
    client.force_login(user)
    found = client.get(reverse("styleguide")).content.decode()
    assert 'data-theme="dark" data-density="compact" data-shortcuts="off"' in found


def test_an_error_inside_the_console_shows_its_page(people: People, client: Client) -> None:
    client.force_login(people.outsider)
    found = client.get(reverse("styleguide"))
    assert found.status_code == 403
    assert "Your roles don&#x27;t allow this" in found.content.decode()
    assert found.headers["X-Request-ID"] in found.content.decode()


def test_sign_in_pages_cost_no_query_for_the_shell(db: None, client: Client, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    with django_assert_num_queries(0):
        assert client.get(reverse("account_login")).status_code == 200


def test_nobody_in_particular_gets_the_systems_theme() -> None:
    assert appearance_for(RequestFactory().get("/")).theme == "system"


def test_the_shell_names_dataset_run_and_person(cast: Cast) -> None:
    shell = shell_for(request_for(cast.people.lead))
    assert shell.dataset == cast.dataset.name
    assert shell.run is not None
    assert shell.run.word == f"Run {cast.run.number}"
    assert shell.user is not None
    assert shell.user.roles == "Lead"
    assert shell.calibration is not None


def test_the_shell_costs_the_same_number_of_queries_however_much_there_is(
    cast: Cast, django_assert_max_num_queries
) -> None:  # type: ignore[no-untyped-def]
    request = request_for(cast.people.lead)
    with django_assert_max_num_queries(16):
        shell_for(request)


def test_a_person_without_a_role_sees_no_way_to_anything(people: People) -> None:
    assert shell_for(request_for(people.outsider)).nav == ()


def test_without_a_dataset_the_shell_stands(people: People) -> None:
    shell = shell_for(request_for(people.lead))
    assert (shell.dataset, shell.run, shell.calibration) == ("", None, None)


def test_the_address_names_the_dataset_and_it_is_remembered(people: People) -> None:
    for name in ("main", "demo", "trial"):
        dataset_make(name)
    session: dict[str, str] = {}
    assert str(dataset_for(request_for(people.lead, session=session))) == "main"
    assert str(dataset_for(request_for(people.lead, "/?dataset=trial", session))) == "trial"
    assert str(dataset_for(request_for(people.lead, session=session))) == "trial"
    Dataset.objects.get(name="trial").delete()
    assert str(dataset_for(request_for(people.lead, session=session))) == "main"


def test_a_dataset_that_is_not_there_is_said_so(people: People, client: Client) -> None:
    client.force_login(people.administrator)
    assert client.get(reverse("styleguide"), {"dataset": "nothing"}).status_code == 200
    assert console(request_for(people.lead, "/?dataset=nothing"))["shell"].dataset == ""


@pytest.mark.parametrize("name", ["account_login", "account_reset_password", "account_signup"])
def test_sign_in_pages_have_our_look(db: None, client: Client, name: str) -> None:
    found = client.get(reverse(name)).content.decode()
    assert 'class="doorway"' in found
    assert "Hydrascope" in found


@pytest.mark.parametrize("name", ["account_change_password", "account_logout", "mfa_index", "account_email"])
def test_pages_of_ones_own_sign_in_have_our_look(people: People, client: Client, name: str) -> None:
    user = people.lead
    user.set_password("correct horse battery")
    user.save()
    client.force_login(user)
    assert 'class="doorway"' in client.get(reverse(name)).content.decode()


def test_a_sign_in_link_asks_for_a_press(db: None, client: Client) -> None:
    found = client.get(reverse("signin-link", args=["s3cret"])).content.decode()
    assert f'<form method="post" action="{reverse("signin-link", args=["s3cret"])}">' in found
