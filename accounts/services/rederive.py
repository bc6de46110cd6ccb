"""New digests for identifiers after a normaliser or key changed, out of their sealed values; nothing to load again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from accounts import normalise
from accounts.kinds import kind_get
from accounts.models import Identifier
from accounts.services.load_lock import load_lock
from core import audit, keys
from core.models import Dataset

IDENTIFIERS_REDERIVED = audit.register("identifiers.rederived", "Digests of identifiers were made anew")
_AT_ONCE = 2000


@dataclass
class Rederived:
    """What was done in one dataset."""

    n_changed: int = 0
    n_merged: int = 0
    """Identifiers that turned out to be one value under the new normaliser."""
    n_lost: int = 0
    """Identifiers whose sealed value is gone or no longer fits; they keep their digest."""


def identifiers_rederive(dataset: Dataset) -> Rederived:
    """Brings a dataset's identifiers to the present normaliser and key; running it again changes nothing."""
    active, done, last = keys.keyring().active, Rederived(), 0
    old = Identifier.objects.filter(dataset=dataset).exclude(key_id=active.id, normaliser_version=normalise.VERSION)
    with load_lock(dataset):
        while batch := list(old.filter(pk__gt=last).order_by("pk")[:_AT_ONCE]):
            last = batch[-1].pk
            with transaction.atomic():
                for identifier in batch:
                    _rederive_one(identifier, active, done)
    if done.n_changed or done.n_merged:
        counts: dict[str, Any] = {"changed": done.n_changed, "merged": done.n_merged, "lost": done.n_lost}
        audit.record(IDENTIFIERS_REDERIVED, dataset=dataset.name, **counts)
    return done


def _rederive_one(identifier: Identifier, active: keys.Key, done: Rederived) -> None:
    if identifier.sealed is None or identifier.data_key is None:
        done.n_lost += 1
        return
    sealed = keys.Sealed(identifier.key_id, bytes(identifier.data_key), bytes(identifier.sealed))
    kind = kind_get(identifier.kind)
    try:
        clear = kind.normalise(keys.value_unseal(sealed, kind=identifier.kind))
    except normalise.Unusable:
        done.n_lost += 1
        return
    digest = keys.value_digest(clear, kind=identifier.kind, normaliser_version=normalise.VERSION, key=active)
    twin = Identifier.objects.filter(Q(dataset=identifier.dataset_id, kind=identifier.kind, digest=digest))
    other = twin.exclude(pk=identifier.pk).first()
    if other is not None:
        _merge(identifier, other)
        done.n_merged += 1
        return
    fresh = keys.value_seal(clear, kind=identifier.kind)
    identifier.digest, identifier.key_id, identifier.normaliser_version = digest, fresh.key_id, normalise.VERSION
    identifier.sealed, identifier.data_key, identifier.mask = fresh.sealed, fresh.data_key, kind.mask(clear)[:80]
    identifier.save()
    done.n_changed += 1


def _merge(gone: Identifier, kept: Identifier) -> None:
    """Carries sightings and sessions of one identifier over to another, then removes it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO accounts_sighting AS old (account_id, identifier_id, first_at, last_at, n)
            SELECT account_id, %s, first_at, last_at, n FROM accounts_sighting WHERE identifier_id = %s
            ON CONFLICT (account_id, identifier_id) DO UPDATE SET first_at = least(old.first_at, excluded.first_at),
            last_at = greatest(old.last_at, excluded.last_at), n = old.n + excluded.n""",
            [kept.pk, gone.pk],
        )
        column = {"ip": "ip_id", "device_id": "device_id", "tls_fingerprint": "tls_id", "user_agent": "user_agent_id"}
        if gone.kind in column:
            name = column[gone.kind]
            holders = "SELECT account_id FROM accounts_sighting WHERE identifier_id = %s"
            query = f"UPDATE accounts_session SET {name} = %s WHERE account_id IN ({holders}) AND {name} = %s"
            cursor.execute(query, [kept.pk, gone.pk, gone.pk])
        cursor.execute("DELETE FROM accounts_sighting WHERE identifier_id = %s", [gone.pk])
    gone.delete()
