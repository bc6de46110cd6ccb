"""Changes to people: roles, one-time sign-in links, preferences."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from core import audit
from core.errors import Forbidden, InvalidInput
from staff.models import Density, RoleGrant, SigninLink, Theme, User
from staff.roles import Role

LINK_MINUTES = 30
USER_MADE = audit.register("user.made", "A person was added")
ROLE_GRANTED = audit.register("role.granted", "A person got a role")
ROLE_REVOKED = audit.register("role.revoked", "A person lost a role")
LINK_MADE = audit.register("signin_link.made", "A one-time sign-in link was made")
LINK_USED = audit.register("signin_link.used", "A person signed in with a one-time link")


@transaction.atomic
def user_create(username: str, *, email: str = "", roles: tuple[str, ...] = (), by: User | None = None) -> User:
    """A new person without a password, with these roles."""
    user = User(username=username, email=email)
    user.set_unusable_password()
    user.full_clean(exclude=["password"])
    user.save()
    for role in roles:
        RoleGrant.objects.create(user=user, role=role, granted_by=by)
    audit.record(USER_MADE, actor=by, target=user.public_id, roles=sorted(roles))
    return user


@transaction.atomic
def role_grant(user: User, role: str, *, by: User | None) -> RoleGrant:
    """Gives a role; granting one that the person has changes nothing."""
    if role not in Role.values:
        raise InvalidInput(f"There is no role “{role}”.", what_to_do=f"Use one of {', '.join(Role.values)}.")
    grant, made = RoleGrant.objects.get_or_create(user=user, role=role, revoked_at=None, defaults={"granted_by": by})
    if made:
        audit.record(ROLE_GRANTED, actor=by, target=user.public_id, role=role)
    return grant


@transaction.atomic
def role_revoke(user: User, role: str, *, by: User | None) -> None:
    """Takes a role away; the grant stays on record."""
    changed = RoleGrant.objects.filter(user=user, role=role, revoked_at=None).update(
        revoked_at=timezone.now(), revoked_by=by
    )
    if changed:
        audit.record(ROLE_REVOKED, actor=by, target=user.public_id, role=role)


@transaction.atomic
def signin_link_create(user: User, *, minutes: int = LINK_MINUTES) -> str:
    """The secret of a new single-use link; only its digest stays here."""
    secret = secrets.token_urlsafe(32)
    expires_at = timezone.now() + timedelta(minutes=minutes)
    SigninLink.objects.create(user=user, digest=_digest(secret), expires_at=expires_at)
    audit.record(LINK_MADE, target=user.public_id, minutes=minutes)
    return secret


@transaction.atomic
def signin_link_use(secret: str) -> User:
    """Uses a link up and returns whose it is; Forbidden when it is unknown, used or too old."""
    link = SigninLink.objects.select_for_update().select_related("user").filter(digest=_digest(secret)).first()
    now = timezone.now()
    if link is None or link.used_at or link.expires_at < now or not link.user.is_active:
        raise Forbidden(
            "This sign-in link is not valid: it was used, is too old, or never was one.",
            title="This link no longer works",
            what_to_do="Ask for a new one: python manage.py signin_link USER, or stop and start make run.",
        )
    link.used_at = now
    link.save(update_fields=["used_at"])
    audit.record(LINK_USED, actor=link.user, target=link.user.public_id)
    return link.user


def preferences_set(user: User, *, theme: str, density: str, has_shortcuts: bool) -> None:
    """Keeps how the console looks for this person."""
    if theme not in Theme.values or density not in Density.values:
        raise InvalidInput(f"There is no theme “{theme}” or density “{density}”.")
    user.theme, user.density, user.has_shortcuts = theme, density, has_shortcuts
    user.save(update_fields=["theme", "density", "has_shortcuts"])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()
