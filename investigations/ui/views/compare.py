"""Two accounts side by side: why are they linked, or why not?"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Account
from core.access import Capability, allow
from core.errors import AppError
from investigations.access import account_get_for
from investigations.selectors.links import link_explain
from investigations.selectors.shapes.links import EvidenceRow, LinkExplanation
from investigations.ui.addresses import address, csv_response
from investigations.ui.figures import families_mask, millibits, pair_waterfall
from investigations.ui.instructions import pair_panel
from investigations.ui.parts import Link


class CompareForm(forms.Form):
    """The two accounts, by their public ids: platform ids never stand in an address."""

    a = forms.CharField(
        label="One account",
        max_length=40,
        widget=forms.TextInput(attrs={"placeholder": "acc_…", "autocomplete": "off", "spellcheck": "false"}),
    )
    b = forms.CharField(
        label="The other account",
        max_length=40,
        widget=forms.TextInput(attrs={"placeholder": "acc_…", "autocomplete": "off", "spellcheck": "false"}),
    )


@allow(Capability.VIEW)
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """The waterfall of bits from the line to the sum, shared values, contradictions; why not, and the path."""
    form, pair = _read(request)
    told = None
    if pair:
        told = _told(request, form, pair)
    context: dict[str, Any] = {
        "form": form,
        "crumbs": (Link("Clusters", address("cluster-list")), Link("Compare")),
        "told": told,
    }
    if told is not None and pair is not None:
        user: Any = request.user
        context["panel"] = pair_panel(*pair, user.capabilities)
        context |= _explained(told)
    status = 200 if not form.is_bound or form.is_valid() else 400
    return render(request, "pages/compare.html", context, status=status)


@allow(Capability.VIEW)
@require_safe
def compare_csv(request: HttpRequest) -> HttpResponse:
    """The evidence for and against a pair as CSV: the twin of the waterfall."""
    form, pair = _read(request)
    told = _told(request, form, pair) if pair else None
    rows = [
        (e.family, e.value.kind, e.value.shown, e.bits, e.raw_bits, e.n_holders, "yes" if e.is_hub else "no")
        for e in (told.evidence if told else ())
    ]
    head = ("family", "kind", "value", "bits", "raw_bits", "holders", "hub")
    return csv_response("compare", head, rows)


def _read(request: HttpRequest) -> tuple[CompareForm, tuple[Account, Account] | None]:
    """The form, and the two accounts when both are there."""
    given = _given(request)
    if not any(given.values()):
        return CompareForm(), None
    if bool(given["a"]) != bool(given["b"]):
        return CompareForm(initial=given), None
    form = CompareForm(given)
    if not form.is_valid():
        return form, None
    found = {name: _account(request, form, name) for name in ("a", "b")}
    a, b = found["a"], found["b"]
    return (form, (a, b)) if a and b else (form, None)


def _given(request: HttpRequest) -> dict[str, str]:
    """What stands for the two in the address; a list's chosen rows come as `account`, twice."""
    chosen = dict(zip(("a", "b"), request.GET.getlist("account"), strict=False))
    return {name: request.GET.get(name, chosen.get(name, "")).strip() for name in ("a", "b")}


def _account(request: HttpRequest, form: CompareForm, name: str) -> Account | None:
    user: Any = request.user
    try:
        return account_get_for(user, form.cleaned_data[name])
    except AppError as error:
        form.add_error(name, error.detail)
        return None


def _told(request: HttpRequest, form: CompareForm, pair: tuple[Account, Account]) -> LinkExplanation | None:
    user: Any = request.user
    request.dataset = pair[0].dataset  # type: ignore[attr-defined]
    try:
        return link_explain(*pair, shows_platform_ids=Capability.PLATFORM_IDS in user.capabilities)
    except AppError as error:
        form.add_error("b", str(error))
        return None


def _explained(told: LinkExplanation) -> dict[str, Any]:
    return {
        "falls": pair_waterfall(told),
        "evidence": [_evidence(row) for row in told.evidence],
        "contradictions": [_evidence(row) for row in told.contradictions],
        "path": [(step, families_mask(step.families), millibits(step.bits)) for step in told.path],
        "csv_href": f"{address('compare-csv')}?a={told.a.public_id}&b={told.b.public_id}",
    }


def _evidence(row: EvidenceRow) -> tuple[EvidenceRow, int, bool, bool]:
    """The row, its millibits, whether they show at one decimal, and whether a cap or damping took some weight away."""
    return row, millibits(row.bits), abs(row.bits) >= 0.05, abs(row.raw_bits - row.bits) >= 0.05
