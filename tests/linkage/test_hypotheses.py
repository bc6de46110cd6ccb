"""Benign explanations as values of a run: planted crowds and networks, and each answer with its numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from investigations.linkage import Result, Settings, run
from investigations.linkage.hypotheses import HYPOTHESES, ClusterFacts, Shared, hypotheses_test
from investigations.linkage.units import DAY, HOUR, SECOND
from tests.linkage import worlds
from tests.linkage.worlds import Seen, World

FAMILIES = worlds.FAMILIES | {"organization": "relation", "phone": "contact", "content_fingerprint": "content"}


def told(result: Result, cluster: int = 0) -> dict[str, dict[str, object]]:
    rows = [row for row in result.hypotheses.to_pylist() if row["cluster"] == cluster]
    return {row["hypothesis"]: row | {item["name"]: item["value"] for item in row["figures"]} for row in rows}


def result_of(world: World, folder: Path, settings: Settings | None = None) -> Result:
    return run(replace(worlds.inputs(world), families=FAMILIES), settings or Settings(), workdir=folder)


def network(n: int = 10, honest: int = 300) -> World:
    """Accounts 0 to n - 1 share cards in pairs and devices in fours, among honest accounts with their own."""
    world = World(list(range(honest)))
    for account in range(n):
        world.share("device_id", 1000 + account, [(account + i) % n for i in range(4)])
        world.share("payment_fingerprint", 2000 + account // 2, [account])
    for account in range(n, honest):
        world.share("device_id", 5000 + account, [account])
    return world


def test_each_cluster_has_every_hypothesis_in_the_fixed_order(tmp_path: Path) -> None:
    result = result_of(worlds.planted(3), tmp_path)
    rows = [(row["cluster"], row["hypothesis"]) for row in result.hypotheses.to_pylist()]
    assert rows == [(cluster, name) for cluster in range(4) for name in HYPOTHESES]


def test_it_counts_addresses_with_their_holders_outside(tmp_path: Path) -> None:
    world = network()
    world.share("ip", 1, [*range(6), *range(50, 80)])
    world.share("ip", 2, [*range(4), *range(90, 108)])
    found = told(result_of(world, tmp_path))["carrier_nat"]
    assert (found["addresses"], found["crowded_addresses"], found["parts_without_network"]) == (2, 1, 1)
    assert found["answer"] == "against"
    assert "1 of 2 shared addresses have over 20 holders outside" in str(found["text"])


def test_it_says_for_a_crowd_that_only_the_network_ties(tmp_path: Path) -> None:
    world = World(list(range(4000)))
    for address in range(4):
        world.share("ip", address, range(6))
    lenient = Settings(cheap_bits=30.0, families=_network_alone(30.0))
    found = told(result_of(world, tmp_path, lenient))["shared_exit"]
    assert found["answer"] == "for"
    assert (found["members_on_network_only"], found["members_of_commonest"]) == (6, 6)
    assert found["parts_without_network"] == 6


def _network_alone(bits: float) -> dict[str, object]:
    families = dict(Settings().families)
    families["network"] = replace(families["network"], alone_bits=bits)
    return families  # type: ignore[return-value]


@pytest.mark.parametrize(("named", "answer"), [(9, "for"), (5, "against"), (0, "untested")])
def test_it_asks_how_many_name_one_organisation(tmp_path: Path, named: int, answer: str) -> None:
    world = network()
    world.share("organization", 1, range(named))
    world.share("payment_fingerprint", 9, range(0, 10, 2))
    found = told(result_of(world, tmp_path))["team"]
    assert (found["answer"], found["members_of_largest"], found["members_of_one_card"]) == (answer, named, 5)


def test_it_tells_who_is_tied_by_opening_and_payment_from_who_is_by_use(tmp_path: Path) -> None:
    def world_with(last_at: int) -> World:
        world = World(list(range(300)))
        for account in range(10):
            world.share("payment_fingerprint", 100 + account, [account, (account + 1) % 10])
            world.seen += [Seen(one, "device_id", 200 + account, 0, last_at) for one in (account, (account + 1) % 10)]
        return world

    opened = told(result_of(world_with(HOUR // 2), tmp_path / "a"))["reseller"]
    used = told(result_of(world_with(30 * DAY), tmp_path / "b"))["reseller"]
    assert (opened["answer"], opened["members_by_opening_or_payment"]) == ("for", 10)
    assert (used["answer"], used["members_by_use"]) == ("against", 10)


def test_it_takes_sign_ups_at_once_and_a_short_life_for_an_event(tmp_path: Path) -> None:
    world = network()
    world.created = {account: account * HOUR for account in range(9)} | {9: 20 * DAY}
    world.seen += [Seen(account, "note", 7, DAY, 2 * DAY) for account in range(10)]
    found = told(result_of(world, tmp_path / "a"))["hackathon"]
    assert (found["answer"], found["members_within_48_hours"], found["active_hours"]) == ("for", 9, 48)
    world.seen.append(Seen(3, "note", 7, DAY, 40 * DAY))
    found = told(result_of(world, tmp_path / "b"))["hackathon"]
    assert (found["answer"], found["active_hours"]) == ("against", 40 * 24)


def test_it_knows_that_members_were_seen_from_exchanges_too(tmp_path: Path) -> None:
    path = worlds.exchanges(tmp_path / "e.parquet", [{"account": 4, "at": 30 * DAY}, {"account": 200, "at": 90 * DAY}])
    given = replace(worlds.inputs(network(), exchanges=(path,)), families=FAMILIES)
    found = told(run(given, Settings(), workdir=tmp_path / "w"))["hackathon"]
    assert found["active_hours"] == 30 * 24


def test_it_counts_members_without_evidence_that_only_they_can_make(tmp_path: Path) -> None:
    found = told(result_of(network(), tmp_path))["framing"]
    assert (found["answer"], found["members_with_solid_evidence"], found["accounts"]) == ("against", 10, 10)


@pytest.mark.parametrize(
    ("name", "facts", "answer"),
    [
        ("household", ClusterFacts(4, 3, {"ip": Shared(1, 0, 0, 0, 3)}), "for"),
        ("household", ClusterFacts(4, 3, {"ip": Shared(1, 0, 0, 0, 2)}), "untested"),
        ("household", ClusterFacts(6, 5, {"ip": Shared(1, 0, 0, 0, 6)}), "against"),
        ("benchmark", ClusterFacts(9, 9, {"content_fingerprint": Shared(4, 0, 3, 90, 2)}), "for"),
        ("benchmark", ClusterFacts(9, 9, {"content_fingerprint": Shared(4, 0, 2, 90, 2)}), "against"),
        ("benchmark", ClusterFacts(9, 9), "untested"),
        ("popular_client", ClusterFacts(9, 9, {"client": Shared(2, 1, 1, 9, 9)}, {"client": 4}), "for"),
        ("popular_client", ClusterFacts(9, 9, {"client": Shared(2, 1, 1, 9, 9)}), "against"),
        ("carrier_nat", ClusterFacts(9, 9, {"ip": Shared(2, 1, 1, 99, 5)}, {"network": 5}), "for"),
        ("carrier_nat", ClusterFacts(9, 9, {"ip": Shared(2, 1, 1, 99, 5)}, {"network": 3}), "untested"),
        ("carrier_nat", ClusterFacts(9, 9, {"ip": Shared(2, 0, 1, 9, 5)}, {"network": 9}), "against"),
        ("framing", ClusterFacts(9, 9, n_plantable=5), "untested"),
        ("framing", ClusterFacts(9, 9, n_plantable=4), "against"),
        ("reseller", ClusterFacts(9, 9, n_opened=4, n_used=5), "untested"),
        ("hackathon", ClusterFacts(9, 9), "untested"),
        (
            "hackathon",
            ClusterFacts(9, 9, first_created_at=0, last_created_at=9, last_seen_at=50 * 3600, n_rush=8),
            "for",
        ),
    ],
)
def test_a_test_answers_only_where_the_numbers_speak(name: str, facts: ClusterFacts, answer: str) -> None:
    assert hypotheses_test(facts)[name].answer == answer


def test_it_keeps_the_numbers_in_the_order_of_their_names(tmp_path: Path) -> None:
    table: pa.Table = result_of(worlds.planted(3), tmp_path).hypotheses
    for row in table.to_pylist():
        names = [item["name"] for item in row["figures"]]
        assert names == sorted(names)
    assert SECOND == 1_000_000
