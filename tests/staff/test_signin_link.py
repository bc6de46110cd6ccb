from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from staff import services
from staff.models import SigninLink, User
from tests.cast import People


def test_it_signs_in_after_a_click_and_only_once(client: Client, people: People) -> None:
    out = StringIO()
    call_command("signin_link", "lead", stdout=out)
    path = "/auth/link/" + out.getvalue().strip().split("/auth/link/")[1]
    assert client.get(path).status_code == 200
    assert client.get(path).status_code == 200, "looking at it doesn't use it up"
    answer = client.post(path)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(people.lead.pk)
    assert Client().post(path).status_code == 403


def test_only_a_digest_is_stored(people: People) -> None:
    secret = services.signin_link_create(people.lead)
    assert secret not in SigninLink.objects.get().digest


def test_an_old_link_does_not_work(client: Client, people: People) -> None:
    secret = services.signin_link_create(people.lead)
    SigninLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = client.post(f"/auth/link/{secret}/")
    assert answer.status_code == 403
    assert "signin_link USER" in answer.content.decode()


def test_a_link_of_a_person_who_was_switched_off_does_not_work(client: Client, people: People) -> None:
    secret = services.signin_link_create(people.lead)
    User.objects.filter(pk=people.lead.pk).update(is_active=False)
    assert client.post(f"/auth/link/{secret}/").status_code == 403


@pytest.mark.parametrize("secret", ["x", "%00", "a" * 500])
def test_an_invented_link_does_not_work(client: Client, db: None, secret: str) -> None:
    assert client.post(f"/auth/link/{secret}/").status_code == 403


def test_the_command_names_whom_it_knows(people: People) -> None:
    with pytest.raises(CommandError, match=r"no active person “nobody”.*lead"):
        call_command("signin_link", "nobody")
    with pytest.raises(CommandError, match="at least 1"):
        call_command("signin_link", "lead", minutes=0)


def test_the_first_person_is_made_once(db: None) -> None:
    call_command("ensure_admin", stdout=StringIO())
    call_command("ensure_admin", stdout=StringIO())
    admin = User.objects.get()
    assert admin.roles == {"administrator", "lead", "manager"} and not admin.has_usable_password()
