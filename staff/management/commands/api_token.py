from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import AppError
from core.public_ids import public_id_to_number
from staff import tokens
from staff.models import ApiToken, User
from staff.roles import Scope


class Command(BaseCommand):
    help = "Makes, lists and revokes API tokens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="create, list or revoke")
        create = actions.add_parser("create", help="make a token and print its secret, this once")
        create.add_argument("user", help="user name of its owner")
        create.add_argument("--name", required=True, help="what uses it")
        create.add_argument(
            "--scope", action="append", default=[], choices=Scope.values, help="repeat for more; read is always there"
        )
        create.add_argument("--days", type=int, default=tokens.DEFAULT_DAYS, help="how long it lives")
        listing = actions.add_parser("list", help="list tokens, never their secrets")
        listing.add_argument("user", nargs="?", help="user name; without it everybody's")
        revoke = actions.add_parser("revoke", help="end a token at once")
        revoke.add_argument("token", help="its id, tok_…")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            {"create": self._create, "list": self._list, "revoke": self._revoke}[action](options)
        except AppError as error:
            fields = " ".join(m for messages in error.extra.get("fields", {}).values() for m in messages)
            raise CommandError(f"{error} {fields}".strip()) from error

    def _create(self, options: dict[str, Any]) -> None:
        token, secret = tokens.token_create(
            _person(options["user"]), name=options["name"], scopes=options["scope"], days=options["days"], by=None
        )
        self.stderr.write(
            f"{token.public_id} for {options['user']}: {', '.join(token.scopes)}; until {token.expiry:%Y-%m-%d}. "
            "Its secret is printed this once:"
        )
        self.stdout.write(secret)

    def _list(self, options: dict[str, Any]) -> None:
        rows = ApiToken.objects.select_related("user").order_by("user__username", "created")
        if options["user"]:
            rows = rows.filter(user=_person(options["user"]))
        for row in rows:
            used = f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never"
            scopes = ",".join(row.scopes)
            self.stdout.write(
                f"{row.public_id}  {row.user.username}  {row.name}  {scopes}  until {row.expiry:%Y-%m-%d}  used {used}"
            )

    def _revoke(self, options: dict[str, Any]) -> None:
        try:
            public_id_to_number(options["token"], "tok")
        except ValueError as error:
            raise CommandError(f"“{options['token'][:40]}” is no token's id: {error}.") from error
        token = ApiToken.objects.select_related("user").filter(public_id=options["token"]).first()
        if token is None:
            raise CommandError(f"There is no token {options['token']}.")
        tokens.token_revoke(token, by=None)
        self.stdout.write(f"Revoked {token.public_id} of {token.user.username}.")


def _person(username: str) -> User:
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no active person “{username[:60]}”.")
    return found
