"""Rows for tests, made the way the product makes them: hashed, sealed, with real keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import Account, Identifier, Session, Sighting
from core import keys
from core.models import Dataset
from investigations.linkage.hypotheses import ClusterFacts, hypotheses_test
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
    ordered = sorted(accounts, key=lambda a: a.pk)
    version = _version_make(cluster, run, ordered, shared, bits=bits)
    _members_make(version, ordered)
    _chain_make(version, ordered, shared)
    cluster.current = version
    cluster.save()
    return version


def _version_make(
    cluster: Cluster, run: Run, accounts: Sequence[Account], shared: Sequence[tuple[Identifier, str]], *, bits: int
) -> ClusterVersion:
    """What the run says of the whole cluster; all accounts but one are in its actionable core."""
    n = len(accounts)
    return ClusterVersion.objects.create(
        cluster=cluster,
        run=run,
        n_accounts=n,
        n_actionable=n - 1,
        n_links=n - 1,
        n_new=n,
        bits=bits,
        families=families_mask(*{family for _, family in shared}),
        cohesion=0.5,
        n_sessions=sum(a.n_sessions for a in accounts),
        n_exchanges=sum(a.n_exchanges for a in accounts),
        n_output_tokens=sum(a.n_output_tokens for a in accounts),
        first_seen_at=min(a.created_at for a in accounts),
        last_seen_at=max(a.last_seen_at or a.created_at for a in accounts),
        worth=n / 100,
        worth_parts={"linkage": 0.5, "behaviour": 0.2, "size": 0.2, "novelty": 0.1, "unexplained": 1.0},
        worth_reasons=[{"part": "size", "name": "size", "speaks": "for", "text": f"The cluster has {n} accounts."}],
        summary="Shared " + ", ".join(sorted({i.kind for i, _ in shared})),
        family_rows=_family_rows(shared, n_links=n - 1, bits=bits // len(shared)),
        value_rows=_value_rows(shared, n_holders=n, bits=bits // len(shared)),
        hypothesis_rows=_hypothesis_rows(accounts),
    )


def _hypothesis_rows(accounts: Sequence[Account]) -> list[dict[str, Any]]:
    """What the engine says of benign explanations where it knows little."""
    facts = ClusterFacts(len(accounts), len(accounts) - 1, n_plantable=len(accounts))
    return [
        {
            "hypothesis": name,
            "answer": test.answer,
            "text": test.text,
            "figures": [{"name": key, "value": value} for key, value in sorted(test.figures.items())],
        }
        for name, test in hypotheses_test(facts).items()
    ]


def _family_rows(shared: Sequence[tuple[Identifier, str]], *, n_links: int, bits: int) -> list[dict[str, Any]]:
    families = sorted({family for _, family in shared}, key=FAMILIES.index)
    return [
        {"family": family, "bits_for": bits, "bits_against": 0, "n_links": n_links, "parts_without": 2}
        for family in families
    ]


def _value_rows(shared: Sequence[tuple[Identifier, str]], *, n_holders: int, bits: int) -> list[dict[str, Any]]:
    same = {"members": n_holders, "holders": n_holders, "bits": bits, "hub": False}
    return [{"family": family, "kind": value.kind, "value": value.pk} | same for value, family in shared]


def _members_make(version: ClusterVersion, ordered: Sequence[Account]) -> None:
    """Members of the chain: the last is the periphery, and the two ends have one link only."""
    last = len(ordered) - 1
    Member.objects.bulk_create(
        Member(
            version=version,
            account=account,
            position=Position.PERIPHERY if i == last else Position.CORE,
            is_actionable=i < last,
            bits=version.bits - i,
            degree=1 if i in (0, last) else 2,
            families=version.families,
        )
        for i, account in enumerate(ordered)
    )


def _chain_make(version: ClusterVersion, ordered: Sequence[Account], shared: Sequence[tuple[Identifier, str]]) -> None:
    """A link from each account to the next, resting on every shared value."""
    bits = version.bits // len(shared)
    evidence = [[family, value.kind, value.pk, bits, bits, len(ordered), False, None, None] for value, family in shared]
    Link.objects.bulk_create(
        Link(
            run=version.run,
            a=a,
            b=b,
            bits=version.bits,
            families=version.families,
            cluster=version.cluster,
            evidence=evidence,
        )
        for a, b in itertools.pairwise(ordered)
    )
