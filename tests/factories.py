"""Rows for tests, made the way the product makes them: hashed, sealed, with real keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import Account, Identifier, Session, Sighting
from core import keys
from core.models import Dataset
from investigations.linkage.types import FAMILIES
from investigations.models import Cluster, ClusterVersion, Link, Member, Run
from investigations.models.choices import Position, RunState
from staff.models import RoleGrant, User

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
_count = itertools.count(1)


def person_make(username: str = "", *, roles: Sequence[str] = ()) -> User:
    """A person with these roles and without a password."""
    user = User(username=username or f"person{next(_count)}", email=f"p{next(_count)}@example.org")
    user.set_unusable_password()
    user.save()
    RoleGrant.objects.bulk_create([RoleGrant(user=user, role=role) for role in roles])
    return user


def dataset_make(name: str = "", **fields: Any) -> Dataset:
    return Dataset.objects.create(name=name or f"set-{next(_count)}", **fields)


def accounts_make(dataset: Dataset, n: int, *, prefix: str = "user", **fields: Any) -> list[Account]:
    """`n` accounts with growing platform ids, an hour apart."""
    first = next(_count)
    return [
        Account.objects.create(
            dataset=dataset,
            platform_id=f"{prefix}-{first}-{i}",
            **{"created_at": START + timedelta(hours=i)} | fields,
        )
        for i in range(n)
    ]


def identifier_make(dataset: Dataset, kind: str, value: str, *, mask: str = "") -> Identifier:
    """An identifier with its digest and envelope; the value is taken as normalised."""
    sealed = keys.value_seal(value, kind=kind)
    return Identifier.objects.create(
        dataset=dataset,
        kind=kind,
        key_id=sealed.key_id,
        normaliser_version=1,
        digest=keys.value_digest(value, kind=kind, normaliser_version=1),
        sealed=sealed.sealed,
        data_key=sealed.data_key,
        mask=mask or f"{value[:2]}•••{value[-2:]}",
    )


def sightings_make(accounts: Iterable[Account], identifier: Identifier, *, n: int = 3) -> None:
    """Each of the accounts used the identifier."""
    for account in accounts:
        Sighting.objects.create(
            account=account,
            identifier=identifier,
            first_at=account.created_at,
            last_at=account.created_at + timedelta(days=20),
            n=n,
        )


def sessions_make(account: Account, n: int, *, ip: Identifier | None = None) -> list[Session]:
    """`n` sessions of an account, one a day, and its counters."""
    import uuid

    rows = Session.objects.bulk_create(
        Session(
            dataset=account.dataset,
            natural_key=uuid.uuid4(),
            account=account,
            started_at=account.created_at + timedelta(days=i, minutes=7 * i),
            ended_at=account.created_at + timedelta(days=i, minutes=7 * i + 20),
            ip=ip,
            n_requests=12,
            n_input_tokens=900,
            n_output_tokens=2400,
        )
        for i in range(n)
    )
    account.n_sessions += n
    account.n_exchanges += 12 * n
    account.n_output_tokens += 2400 * n
    account.last_seen_at = rows[-1].started_at if rows else None
    account.save()
    return rows


def run_make(dataset: Dataset, **fields: Any) -> Run:
    """A run that is done and whose rows are there."""
    number = (dataset.runs.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    defaults = {
        "state": RunState.DONE,
        "engine_version": "1",
        "input_digest": "0" * 64,
        "model_digest": "9d3a" + "0" * 60,
        "model": {"digest": "9d3a" + "0" * 60},
        "started_at": START,
        "finished_at": START + timedelta(seconds=9),
        "has_rows": True,
        "attempts": 1,
    }
    return Run.objects.create(dataset=dataset, number=number, **defaults | fields)


def families_mask(*families: str) -> int:
    return sum(1 << FAMILIES.index(f) for f in families)


def network_make(
    run: Run,
    accounts: Sequence[Account],
    shared: Sequence[tuple[Identifier, str]],
    *,
    cluster: Cluster | None = None,
    bits: int = 24_000,
) -> ClusterVersion:
    """A cluster of these accounts, linked in a chain by the shared values ((identifier, family) pairs)."""
    cluster = cluster or Cluster.objects.create(dataset=run.dataset, born_in=run)
    families = families_mask(*{family for _, family in shared})
    per_value = bits // len(shared)
    version = ClusterVersion.objects.create(
        cluster=cluster,
        run=run,
        n_accounts=len(accounts),
        n_actionable=len(accounts) - 1,
        n_links=len(accounts) - 1,
        n_new=len(accounts),
        bits=bits,
        families=families,
        cohesion=0.5,
        n_sessions=sum(a.n_sessions for a in accounts),
        n_exchanges=sum(a.n_exchanges for a in accounts),
        n_output_tokens=sum(a.n_output_tokens for a in accounts),
        first_seen_at=min(a.created_at for a in accounts),
        last_seen_at=max(a.last_seen_at or a.created_at for a in accounts),
        worth=len(accounts) / 100,
        worth_parts={"linkage": 0.5, "behaviour": 0.2, "size": 0.2, "novelty": 0.1},
        summary="Shared " + ", ".join(sorted({i.kind for i, _ in shared})),
        family_rows=[
            {
                "family": family,
                "bits_for": per_value,
                "bits_against": 0,
                "n_links": len(accounts) - 1,
                "parts_without": 2,
            }
            for family in sorted({f for _, f in shared}, key=FAMILIES.index)
        ],
        value_rows=[
            {
                "family": family,
                "kind": identifier.kind,
                "value": identifier.pk,
                "members": len(accounts),
                "holders": len(accounts),
                "bits": per_value,
                "hub": False,
            }
            for identifier, family in shared
        ],
    )
    ordered = sorted(accounts, key=lambda a: a.pk)
    Member.objects.bulk_create(
        Member(
            version=version,
            account=account,
            position=Position.PERIPHERY if i == len(ordered) - 1 else Position.CORE,
            is_actionable=i < len(ordered) - 1,
            bits=bits - i,
            degree=1 if i in (0, len(ordered) - 1) else 2,
            families=families,
        )
        for i, account in enumerate(ordered)
    )
    evidence = [
        [family, identifier.kind, identifier.pk, per_value, per_value, len(accounts), False]
        for identifier, family in shared
    ]
    Link.objects.bulk_create(
        Link(run=run, a=a, b=b, bits=bits, families=families, cluster=cluster, evidence=evidence)
        for a, b in itertools.pairwise(ordered)
    )
    cluster.current = version
    cluster.save()
    return version
