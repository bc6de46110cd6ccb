"""Where did I see this? A posted word leads to an opaque address; values never stand in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.kinds import kind_get
from accounts.selectors.identifiers import identifier_find
from core.access import Capability, allow
from core.models import Dataset
from investigations.models import Case, Cluster, Run, Verdict
from investigations.selectors.accounts import account_find
from investigations.ui.addresses import address
from investigations.ui.datasets import dataset_for

LONGEST = 400
SHOWN = 50
BY_PREFIX: dict[str, tuple[Any, str, str, str]] = {
    "clu": (Cluster, "dataset", "cluster-detail", "Cluster"),
    "cas": (Case, "dataset", "case-detail", "Case"),
    "run": (Run, "dataset", "run-detail", "Run"),
    "ver": (Verdict, "case__dataset", "verdict-detail", "Verdict"),
}


@dataclass(frozen=True)
class Hit:
    """Something that the word leads to."""

    what: str
    public_id: str
    href: str
    text: str


@allow(Capability.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """One hit: go there. Several: a page of them. The word is read from the body only, and repeated nowhere."""
    if request.method != "POST":
        return render(request, "pages/search.html", {"hits": (), "was_asked": False, "n_total": 0})
    dataset = dataset_for(request)
    word = request.POST.get("q", "").strip()
    problem = _problem(word)
    hits = () if problem or dataset is None else _hits(request, dataset, word)
    if len(hits) == 1:
        return redirect(hits[0].href)
    context = {
        "hits": hits[:SHOWN],
        "n_total": len(hits),
        "was_asked": True,
        "problem": problem,
        "dataset": dataset,
    }
    return render(request, "pages/search.html", context, status=400 if problem else 200)


def _problem(word: str) -> str:
    if not word:
        return "Type an id, or a whole value such as an address."
    if len(word) > LONGEST:
        return f"That is longer than {LONGEST} characters."
    return "That holds characters that no value has." if "\x00" in word else ""


def _hits(request: HttpRequest, dataset: Dataset, word: str) -> tuple[Hit, ...]:
    """Things by public id, accounts by the platform's id (for those who may see it), identifiers by value, cases."""
    user: Any = request.user
    hits = _by_public_id(dataset, word)
    if hits:
        return hits
    accounts = account_find(dataset, text=word) if _may_find(user, word) else []
    found = [_account_hit(account) for account in accounts]
    found += [
        Hit(kind_get(row.kind).label, str(row.public_id), address("identifier-detail", row.public_id), row.mask)
        for row in identifier_find(dataset, value=word)
    ]
    return (*found, *_by_title(dataset, word))


def _may_find(user: Any, word: str) -> bool:
    """The platform's own ids are found by those who may see them; public ids by everyone."""
    return Capability.PLATFORM_IDS in user.capabilities or word[:4].lower() == "acc_"


def _account_hit(account: Any) -> Hit:
    href = address("account-detail", str(account.public_id))
    return Hit("Account", str(account.public_id), href, account.get_status_display())


def _by_public_id(dataset: Dataset, word: str) -> tuple[Hit, ...]:
    prefix = word[:3].lower()
    if len(word) != len("clu_") + 12 or word[3] != "_":
        return ()
    if prefix == "acc":
        found = account_find(dataset, text=word)
        return tuple(_account_hit(a) for a in found if str(a.public_id)[4:] == word[4:].upper())
    if prefix == "idf":
        return _identifier_by_id(dataset, word)
    if prefix not in BY_PREFIX:
        return ()
    model, path, name, what = BY_PREFIX[prefix]
    try:
        row = model.objects.filter(public_id=word.lower()[:4] + word[4:], **{path: dataset}).first()
    except ValidationError:
        return ()
    href = address(name, str(row.public_id)) if row else ""
    return (Hit(what, str(row.public_id), href, ""),) if href else ()


def _identifier_by_id(dataset: Dataset, word: str) -> tuple[Hit, ...]:
    try:
        row = dataset.identifiers.filter(public_id="idf_" + word[4:]).first()
    except ValidationError:
        return ()
    if row is None:
        return ()
    href = address("identifier-detail", str(row.public_id))
    return (Hit(kind_get(row.kind).label, str(row.public_id), href, row.mask),)


def _by_title(dataset: Dataset, word: str) -> list[Hit]:
    """Cases by number, title or ticket."""
    if not address("case-detail", "cas_000000000000"):
        return []
    rows = Case.objects.filter(dataset=dataset)
    number = word.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 9:
        found = rows.filter(number=int(number))
    else:
        found = rows.filter(title__icontains=word) | rows.filter(ticket_id=word)
    return [
        Hit("Case", str(c.public_id), address("case-detail", str(c.public_id)), f"{c.number}: {c.title}")
        for c in found.order_by("-pk")[:SHOWN]
    ]
