"""Signing in to the API: knox's token header and digest, with our narrowing of rights, ends and use times."""

from __future__ import annotations

from datetime import timedelta
from hmac import compare_digest

from django.db.models import Q
from django.utils import timezone
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.access import Capability
from staff.models import ApiToken, User
from staff.roles import SCOPE_CAPABILITIES

SCHEMES = (b"bearer", b"token")
USED_EVERY = timedelta(minutes=1)  # how exact last_used_at is
_REFUSED = "This token is unknown, was revoked or is too old."


class TokenAuthentication(KnoxAuthentication):  # type: ignore[misc]
    """`Authorization: Bearer hys_…`. The user that comes out has the rights of roles and scopes together, no more."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() not in SCHEMES:
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("The Authorization header must be Bearer, a space and the token.")
        return self.authenticate_credentials(parts[1])

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        """The token's owner and row; one message for every kind of refusal."""
        try:
            text = token.decode("ascii")
        except UnicodeDecodeError as error:
            raise AuthenticationFailed(_REFUSED) from error
        digest = hash_token(text)
        rows = ApiToken.objects.filter(token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH]).select_related("user")
        found = next((row for row in rows if compare_digest(row.digest, digest)), None) if "\0" not in text else None
        now = timezone.now()
        if found is None or found.expiry is None or found.expiry <= now or not found.user.is_active:
            raise AuthenticationFailed(_REFUSED)
        if found.last_used_at is None or found.last_used_at < now - USED_EVERY:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
            ApiToken.objects.filter(stale, pk=found.pk).update(last_used_at=now)
        user = found.user
        user.capabilities = user.capabilities & scopes_to_capabilities(found.scopes)
        return user, found

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def scopes_to_capabilities(scopes: list[str]) -> frozenset[Capability]:
    """What scopes allow together; an unknown scope allows nothing."""
    return frozenset().union(*(SCOPE_CAPABILITIES.get(scope, frozenset()) for scope in scopes))
