"""One's own API tokens: the list, making one, revoking one."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from core.access import signed_in
from core.errors import AppError
from core.requests import SignedInRequest
from staff import tokens
from staff.models import ApiToken
from staff.roles import SCOPE_CAPABILITIES, Scope

LIFETIMES = [(7, "7 days"), (30, "30 days"), (90, "90 days"), (366, "a year")]


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, label="Name", help_text="Which program uses it.")
    scopes = forms.MultipleChoiceField(
        label="May also",
        required=False,
        choices=[(scope.value, scope.label) for scope in Scope if scope != Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        help_text="Every token reads what you may read. It never does more than your roles allow.",
    )
    days = forms.TypedChoiceField(label="Ends after", coerce=int, choices=LIFETIMES, initial=tokens.DEFAULT_DAYS)


@dataclass(frozen=True)
class TokenRow:
    """A token as the page shows it."""

    token: ApiToken
    scopes: tuple[str, ...]
    idle_scopes: tuple[str, ...]  # without a role of the owner they allow nothing
    is_over: bool


@signed_in
@require_GET
def token_list(request: SignedInRequest) -> HttpResponse:
    """One's own tokens, and the form for a new one."""
    return _page(request, TokenForm())


@signed_in
@require_POST
def token_create(request: SignedInRequest) -> HttpResponse:
    """Makes a token and shows its secret, this once; it stands in no other answer."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        token, secret = tokens.token_create(request.user, **form.cleaned_data, by=request.user)
    except AppError as error:
        for name, texts in error.extra.get("fields", {"": [str(error)]}).items():
            form.add_error(name or None, texts)
        return _page(request, form, status=422)
    return _page(request, TokenForm(), made=token, secret=secret)


@signed_in
@require_POST
def token_revoke(request: SignedInRequest, public_id: str) -> HttpResponse:
    """Ends a token at once."""
    token = tokens.token_get_for(request.user, public_id)
    tokens.token_revoke(token, by=request.user)
    messages.success(request, f"“{token.name}” is revoked: whatever used it is refused from now on.")
    return redirect("token-list")


def _page(
    request: SignedInRequest, form: TokenForm, *, made: ApiToken | None = None, secret: str = "", status: int = 200
) -> HttpResponse:
    rows = [_row(token, request) for token in tokens.token_list(request.user)]
    n_live = sum(not row.is_over for row in rows)
    context = {"form": form, "rows": rows, "n_live": n_live, "made": made, "secret": secret}
    return render(request, "staff/tokens.html", context, status=status)


def _row(token: ApiToken, request: SignedInRequest) -> TokenRow:
    rights = request.user.capabilities
    idle = tuple(s for s in token.scopes if not SCOPE_CAPABILITIES.get(s, frozenset()) & rights)
    return TokenRow(token, tuple(token.scopes), idle, token.expiry is None or token.expiry <= timezone.now())
