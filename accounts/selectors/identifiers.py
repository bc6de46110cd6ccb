"""Identifiers by their value: a posted value is normalised and hashed, and found by its digest."""

from __future__ import annotations

from accounts import normalise
from accounts.kinds import KINDS, kind_get
from accounts.models import Identifier
from core import keys
from core.models import Dataset


def identifier_find(dataset: Dataset, *, value: str, kind: str = "") -> list[Identifier]:
    """The identifiers with this value: of one kind, or of every kind under which it can be written. One query."""
    kinds = [kind] if kind else [*KINDS, *_own_kinds(dataset)]
    digests = []
    for name in kinds:
        try:
            clear = kind_get(name).normalise(value)
        except normalise.Unusable:
            continue
        digests += [
            keys.value_digest(clear, kind=name, normaliser_version=normalise.VERSION, key=key)
            for key in keys.keyring().keys
        ]
    return list(Identifier.objects.filter(dataset=dataset, kind__in=kinds, digest__in=digests).order_by("kind", "id"))


def _own_kinds(dataset: Dataset) -> list[str]:
    """Kinds of the dataset that the registry does not know."""
    rows = Identifier.objects.filter(dataset=dataset).exclude(kind__in=KINDS).order_by("kind")
    return list(rows.values_list("kind", flat=True).distinct())
