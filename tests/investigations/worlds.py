"""Small datasets that the engine finds networks in, made fast."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta

from accounts.models import Account, Identifier, Sighting
from core.models import Dataset
from investigations.models import Cluster, Member, Run
from investigations.models.choices import RunState
from tests.factories import START, dataset_make


def world_make(name: str, *, n_networks: int = 4, size: int = 6, n_honest: int = 80) -> Dataset:
    """`n_networks` networks of `size` accounts that share a card and a device each, among honest accounts."""
    dataset = dataset_make(name)
    accounts_add(dataset, "honest", n_honest)
    for i in range(n_networks):
        network_add(dataset, i, size)
    return dataset


def accounts_add(dataset: Dataset, prefix: str, n: int) -> list[Account]:
    """`n` accounts, each with a device of its own."""
    accounts = Account.objects.bulk_create(
        Account(dataset=dataset, platform_id=f"{prefix}-{i}", created_at=START + timedelta(minutes=i)) for i in range(n)
    )
    for account in accounts:
        share(dataset, "device_id", [account])
    return accounts


def network_add(dataset: Dataset, number: int, size: int) -> list[Account]:
    """Accounts that share a card and a device."""
    accounts = accounts_add(dataset, f"net{number}", size)
    share(dataset, "payment_fingerprint", accounts)
    share(dataset, "device_id", accounts)
    return accounts


def share(dataset: Dataset, kind: str, accounts: Iterable[Account]) -> Identifier:
    """A new identifier that these accounts hold."""
    identifier = Identifier.objects.create(
        dataset=dataset, kind=kind, key_id=1, normaliser_version=1, digest=secrets.token_bytes(16), mask="••"
    )
    Sighting.objects.bulk_create(
        Sighting(account=a, identifier=identifier, first_at=START, last_at=START + timedelta(days=9), n=4)
        for a in accounts
    )
    return identifier


def found(run: Run) -> dict[str, set[str]]:
    """Durable cluster to the platform ids of its members in a run."""
    out: dict[str, set[str]] = {}
    rows = Member.objects.filter(version__run=run).values_list("version__cluster__public_id", "account__platform_id")
    for cluster, account in rows:
        out.setdefault(str(cluster), set()).add(account)
    return out


def partition(run: Run) -> list[list[str]]:
    """The clusters of a run as sorted lists of members, without their names."""
    return sorted(sorted(members) for members in found(run).values())


def state_of(run: Run) -> RunState:
    """The run's state in the database now."""
    return RunState(Run.objects.values_list("state", flat=True).get(pk=run.pk))


def network_names(numbers: Sequence[int], size: int) -> list[list[str]]:
    """The members of such networks as `partition` gives them."""
    return sorted(sorted(f"net{n}-{i}" for i in range(size)) for n in numbers)


def current_of(public_id: str) -> Cluster:
    """The cluster with its newest version."""
    return Cluster.objects.select_related("current").get(public_id=public_id)
