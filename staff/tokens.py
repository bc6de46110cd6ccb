"""Making and revoking API tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from core import audit
from core.access import Capability, get_or_404
from core.errors import Conflict, Forbidden, InvalidInput
from staff.models import ApiToken, User
from staff.roles import Scope

PREFIX = "hys_"
DEFAULT_DAYS, MAX_DAYS = 90, 366
MAX_TOKENS = 20  # a person
TOKEN_MADE = audit.register("token.made", "An API token was made")
TOKEN_REVOKED = audit.register("token.revoked", "An API token was revoked")


def token_list(user: User) -> QuerySet[ApiToken]:
    """A person's tokens, the newest first, those that are too old included."""
    return user.auth_token_set.select_related("created_by").order_by("-created", "-public_id")


@transaction.atomic
def token_create(
    user: User, *, name: str, scopes: Iterable[str], days: int = DEFAULT_DAYS, by: User | None
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is shown this once; `read` is always among its scopes.

    `by` is the person who makes it: for oneself, or for anybody with the right `people`; None is the command line.
    """
    _may_manage(user, by)
    name, wanted = name.strip(), {Scope.READ.value, *scopes}
    errors = _errors(name, wanted, days)
    if errors:
        raise InvalidInput("The token can't be made like this.", fields=errors)
    User.objects.select_for_update().get(pk=user.pk)  # two at once must not pass the limit together
    if user.auth_token_set.count() >= MAX_TOKENS:
        raise Conflict(f"{user.username} has {MAX_TOKENS} tokens.", what_to_do="Revoke one that nobody needs.")
    ordered = [scope for scope in Scope.values if scope in wanted]
    token, secret = ApiToken.objects.create(
        user=user, expiry=timedelta(days=days), prefix=PREFIX, name=name, scopes=ordered, created_by=by
    )
    audit.record(TOKEN_MADE, actor=by, target=token.public_id, owner=user.public_id, scopes=ordered, days=days)
    return token, secret


@transaction.atomic
def token_revoke(token: ApiToken, *, by: User | None) -> None:
    """Ends a token at once; the audit trail keeps that it was."""
    _may_manage(token.user, by)
    deleted, _ = ApiToken.objects.filter(pk=token.pk).delete()
    if deleted:
        audit.record(TOKEN_REVOKED, actor=by, target=token.public_id, owner=token.user.public_id)


def token_get_for(user: User, public_id: str) -> ApiToken:
    """One of a person's own tokens; for people with the right `people` anybody's."""
    everybody = Capability.PEOPLE in user.capabilities
    rows = ApiToken.objects.select_related("user")
    return get_or_404(rows if everybody else rows.filter(user=user), public_id)


def _may_manage(owner: User, by: User | None) -> None:
    if by is not None and by.pk != owner.pk and Capability.PEOPLE not in by.capabilities:
        raise Forbidden("Tokens of other people are for administrators.")


def _errors(name: str, scopes: set[str], days: int) -> dict[str, list[str]]:
    errors = {}
    if not name or len(name) > 80 or not name.isprintable():
        errors["name"] = ["A name has 1 to 80 visible characters: say which program uses the token."]
    if unknown := sorted(scopes - set(Scope.values)):
        errors["scopes"] = [f"There is no scope {', '.join(unknown)[:80]}. Scopes: {', '.join(Scope.values)}."]
    if not 1 <= days <= MAX_DAYS:
        errors["days"] = [f"A token lives 1 to {MAX_DAYS} days, not {days}."]
    return errors
