"""The cast: people of every role, an outsider, and a small dataset with two known networks and honest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from accounts.models import Account
from core.models import Dataset
from investigations.models import Cluster, Run
from staff.models import User
from staff.roles import Role
from tests.factories import (
    accounts_make,
    dataset_make,
    identifier_make,
    network_make,
    person_make,
    run_make,
    sessions_make,
    sightings_make,
)


@dataclass(frozen=True)
class People:
    """One person per role, somebody without any, and somebody whose account is switched off."""

    viewer: User
    investigator: User
    lead: User
    manager: User
    integration: User
    administrator: User
    outsider: User

    def by_role(self) -> dict[str, User]:
        """Each role's person, and the outsider under ''."""
        return {role.value: getattr(self, role.value) for role in Role} | {"": self.outsider}


@dataclass(frozen=True)
class Cast:
    """Two networks (`cards`: six accounts that share a card and a device; `pair`: two that share a phone and a card),
    four honest neighbours behind one address, and a run that found the networks."""

    people: People
    dataset: Dataset
    run: Run
    cards: Cluster
    pair: Cluster
    cards_accounts: list[Account]
    pair_accounts: list[Account]
    neighbours: list[Account]


def people_make() -> People:
    roles = {role.value: person_make(role.value, roles=[role.value]) for role in Role}
    return People(**roles, outsider=person_make("outsider"))


def cast_make(people: People, dataset: Dataset | None = None) -> Cast:
    dataset = dataset or dataset_make("main")
    cards_accounts = accounts_make(dataset, 6, prefix="cards", country="NL", plan="payg")
    pair_accounts = accounts_make(dataset, 2, prefix="pair")
    neighbours = accounts_make(dataset, 4, prefix="neighbour")
    card = identifier_make(dataset, "payment_fingerprint", "card-fingerprint-4417", mask="•••• 4417")
    device = identifier_make(dataset, "device_id", "device-93af", mask="de•••af")
    phone = identifier_make(dataset, "phone", "+31612345678", mask="+31•••78")
    other_card = identifier_make(dataset, "payment_fingerprint", "card-fingerprint-0092", mask="•••• 0092")
    address = identifier_make(dataset, "ip", "45.12.7.9", mask="45.12.•.•")
    sightings_make(cards_accounts, card)
    sightings_make(cards_accounts, device)
    sightings_make(pair_accounts, phone)
    sightings_make(pair_accounts, other_card)
    sightings_make([*neighbours, *cards_accounts[:2]], address)
    for account in [*cards_accounts, *pair_accounts, *neighbours]:
        sessions_make(account, 3, ip=address if account in neighbours else None)
    run = run_make(dataset)
    cards = network_make(run, cards_accounts, [(card, "payment"), (device, "device")])
    pair = network_make(run, pair_accounts, [(phone, "contact"), (other_card, "payment")], bits=9_000)
    return Cast(people, dataset, run, cards.cluster, pair.cluster, cards_accounts, pair_accounts, neighbours)


@pytest.fixture
def people(db: None) -> People:
    return people_make()


@pytest.fixture
def cast(people: People) -> Cast:
    return cast_make(people)
