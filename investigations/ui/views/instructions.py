"""Pages of instructions to the engine: the list, giving one on a pair or a value, withdrawing one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Account, Identifier
from core.access import Capability, allow
from core.errors import Conflict, InvalidInput
from core.requests import SignedInRequest
from investigations.access import account_get_for, identifier_get_for, instruction_get_for
from investigations.services.instructions import instruction_on_pair, instruction_on_value, instruction_withdraw
from investigations.ui.datasets import dataset_for
from investigations.ui.instructions import InstructionForm, give_page, list_page


@allow(Capability.VIEW)
@require_GET
def instruction_list_view(request: SignedInRequest) -> HttpResponse:
    """What people have told the engine of this dataset."""
    page = list_page(dataset_for(request), request.GET, request.user.capabilities)
    return render(request, "instructions/list.html", {"page": page})


@allow(Capability.CASEWORK)
@require_http_methods(["GET", "POST"])
def instruction_give_view(request: SignedInRequest) -> HttpResponse:
    """The form on two accounts or a value; refused, it comes back as it was filled in."""
    pair, identifier = _on(request, request.POST if request.method == "POST" else request.GET)
    on_value = identifier is not None
    if request.method == "GET":
        return _form(request, pair, identifier, InstructionForm(on_value=on_value))
    form = InstructionForm(request.POST, on_value=on_value)
    if not form.is_valid():
        return _form(request, pair, identifier, form)
    given = form.cleaned_data
    try:
        if identifier is not None:
            instruction_on_value(identifier, rationale=given["rationale"], by=request.user)
        elif pair is not None:
            instruction_on_pair(*pair, kind=given["kind"], rationale=given["rationale"], by=request.user)
    except (InvalidInput, Conflict) as error:
        form.add_error(None, f"{error.detail} {error.what_to_do}".strip())
        return _form(request, pair, identifier, form)
    messages.success(request, "The next run obeys this.")
    return redirect(give_page(pair, identifier, form, request.user.capabilities).back_href)


@allow(Capability.CASEWORK)
@require_POST
def instruction_withdraw_view(request: SignedInRequest, public_id: str) -> HttpResponse:
    """Takes an instruction back and returns to where that was asked."""
    instruction_withdraw(instruction_get_for(request.user, public_id), by=request.user)
    messages.success(request, "It is withdrawn: the next run does without it.")
    back = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if is_ours else reverse("instruction-list"))


def _on(request: SignedInRequest, given: QueryDict) -> tuple[tuple[Account, Account] | None, Identifier | None]:
    """What the instruction is on; InvalidInput when it is on nothing."""
    named = {name: str(given.get(name, "")) for name in ("identifier", "a", "b")}
    if named["identifier"]:
        identifier = identifier_get_for(request.user, named["identifier"])
        request.dataset = identifier.dataset  # type: ignore[attr-defined]
        return None, identifier
    if not named["a"] or not named["b"]:
        raise InvalidInput(
            "An instruction is on two accounts or on a value.",
            what_to_do="Go to the page that compares two accounts, or to a value's page, and start there.",
        )
    a, b = (account_get_for(request.user, named[name]) for name in ("a", "b"))
    request.dataset = a.dataset  # type: ignore[attr-defined]
    return (a, b), None


def _form(
    request: SignedInRequest, pair: tuple[Account, Account] | None, identifier: Identifier | None, form: InstructionForm
) -> HttpResponse:
    status = 400 if form.is_bound else 200
    page = give_page(pair, identifier, form, request.user.capabilities)
    return render(request, "instructions/give.html", {"page": page}, status=status)
