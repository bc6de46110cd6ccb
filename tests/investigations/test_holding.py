"""What holds a cluster, in words that somebody new understands."""

from __future__ import annotations

import pytest

from accounts.kinds import KINDS
from investigations.holding import ONE_AND_MANY, family_words, holding_words


def value(family: str, kind: str, *, members: int = 2, hub: bool = False) -> dict[str, object]:
    return {"family": family, "kind": kind, "bits": 9_000, "members": members, "hub": hub}


def carried(family: str, *, n_links: int = 10) -> dict[str, object]:
    return {"family": family, "bits_for": 9_000, "n_links": n_links}


@pytest.mark.parametrize("kind", KINDS)
def test_every_registered_kind_has_words_of_its_own(kind: str) -> None:
    one, many = ONE_AND_MANY[kind]
    assert "_" not in one + many


def test_a_family_is_named_by_the_kind_that_most_members_rest_on() -> None:
    rows = [value("device", "cookie_id", members=9, hub=True), value("device", "cookie_id"), value("network", "asn")]
    assert family_words("device", [*rows, value("device", "device_id", members=5)]) == "one device"
    assert family_words("network", rows) == "one network provider"
    assert family_words("network", [*rows, value("network", "asn")]) == "the same network providers"
    assert family_words("timing", rows) == "close in time"


def test_a_cluster_is_named_by_its_strongest_families_in_their_fixed_order() -> None:
    values = [value("network", "ip"), value("payment", "payment_fingerprint"), value("payment", "payment_fingerprint")]
    families = [carried("network"), carried("payment"), carried("timing", n_links=0)]
    assert holding_words(families, values, 10) == "Shared cards, one address"
