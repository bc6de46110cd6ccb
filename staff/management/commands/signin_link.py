from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from staff import services
from staff.models import User


class Command(BaseCommand):
    help = "Prints a single-use sign-in address for a person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("--minutes", type=int, default=services.LINK_MINUTES, help="how long it works")

    def handle(self, *args: Any, user: str, minutes: int, **options: Any) -> None:
        person = User.objects.filter(username=user, is_active=True).first()
        if person is None:
            names = ", ".join(User.objects.filter(is_active=True).values_list("username", flat=True)[:10])
            raise CommandError(f"There is no active person “{user}”. There are: {names or 'none yet'}.")
        if minutes < 1:
            raise CommandError(f"--minutes must be at least 1, not {minutes}.")
        secret = services.signin_link_create(person, minutes=minutes)
        path = reverse("signin-link", urlconf="staff.urls", args=[secret])  # the whole URLconf takes seconds to import
        self.stdout.write(f"{settings.PUBLIC_URL.rstrip('/')}{path}")
