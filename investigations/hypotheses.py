"""Benign explanations of a cluster, each with a first honest test on the figures at hand. Pure.

A test answers `for` or `against` only where the data speak; else the explanation stays `untested`, and says what to
ask. The thresholds are rules of thumb, written into each text with their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

CROWDED_OTHERS = 20
HOUSEHOLD_MAX = 5
TEAM_SHARE = 0.8
HOUR = 3600
RUSH_HOURS = 48
UNFORGEABLE = ("payment", "device", "contact")


@dataclass(frozen=True)
class ClusterFacts:
    """What the tests look at. Rows are those of linkage.types CLUSTER_FAMILIES and CLUSTER_VALUES."""

    n_accounts: int
    n_links: int
    n_dataset: int
    family_rows: Sequence[Mapping[str, Any]]
    value_rows: Sequence[Mapping[str, Any]]
    organizations: Mapping[str, int]
    """Members by the platform's organisation; the empty name for those without one."""
    first_created_at: datetime | None
    last_created_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True)
class Test:
    """The outcome of one test: for, against or untested, in words with their numbers."""

    answer: str
    text: str


def hypotheses_test(facts: ClusterFacts) -> dict[str, Test]:
    """Every benign explanation with its outcome, in the order in which people answer them."""
    return {name: test(facts) for name, test in _TESTS.items()}


def carrier_nat(facts: ClusterFacts) -> Test:
    """Do links rest on addresses that many strangers share?"""
    addresses = _values(facts, "network", ("ip",))
    if not addresses:
        return Test("against", "No link rests on an address.")
    crowded = [row for row in addresses if _others(row) > CROWDED_OTHERS]
    said = f"{len(crowded)} of {len(addresses)} shared addresses have over {CROWDED_OTHERS} holders outside the cluster"
    return _by_fragility(facts, "network", said, is_suspect=bool(crowded))


def shared_exit(facts: ClusterFacts) -> Test:
    """Would the cluster fall apart without the network?"""
    values = _values(facts, "network", ())
    if not values:
        return Test("against", "Nothing of the network is shared.")
    most = max(row["members"] for row in values)
    said = f"the most common exit is used by {most:,} of {facts.n_accounts:,} members"
    return _by_fragility(facts, "network", said, is_suspect=True)


def team(facts: ClusterFacts) -> Test:
    """Are the members of one organisation?"""
    known = {name: n for name, n in facts.organizations.items() if name}
    if not known:
        return Test("untested", "No member names an organisation. Ask: do they know each other?")
    largest = max(known.values())
    share = largest / facts.n_accounts
    said = f"{largest:,} of {facts.n_accounts:,} members are of one organisation, {len(known):,} in all."
    return Test("for" if share >= TEAM_SHARE else "against", said[:1].upper() + said[1:])


def reseller(_: ClusterFacts) -> Test:
    """Nothing in the figures tells a reseller from an operator."""
    return Test("untested", "Ask: are end users named in the traffic, and is there a contract?")


def popular_client(facts: ClusterFacts) -> Test:
    """Are the shared clients and templates common elsewhere?"""
    values = _values(facts, "client", ()) + _values(facts, "content", ())
    if not values:
        return Test("against", "No link rests on a client or a template.")
    common = [row for row in values if _others(row) > row["members"]]
    said = f"{len(common)} of {len(values)} shared clients and templates have more holders outside than in the cluster"
    without = max(_parts_without(facts, "client"), _parts_without(facts, "content"))
    if common and without > 1:
        return Test("for", f"{_sentence(said)}, and without them it falls into {without:,} parts.")
    ending = "it holds without them" if without <= 1 else "the rest are its own"
    return Test("against", f"{_sentence(said)}; {ending}.")


def benchmark(facts: ClusterFacts) -> Test:
    """Is what they ask asked by many others too?"""
    values = _values(facts, "content", ("content_fingerprint",))
    if not values:
        return Test("untested", "No equal requests to compare. Ask: do they run a public benchmark?")
    common = [row for row in values if _others(row) > row["members"]]
    if len(common) * 2 > len(values):
        return Test("for", f"{len(common)} of {len(values)} repeated requests occur more often outside the cluster.")
    others = sum(_others(row) for row in values)
    return Test("against", f"The {len(values)} repeated requests occur on {others:,} other accounts in all.")


def hackathon(facts: ClusterFacts) -> Test:
    """Did they all arrive at once and leave at once?"""
    if facts.first_created_at is None or facts.last_created_at is None or facts.last_seen_at is None:
        return Test("untested", "Times of creation or use are missing.")
    arrival = (facts.last_created_at - facts.first_created_at).total_seconds() / HOUR
    life = (facts.last_seen_at - facts.first_created_at).total_seconds() / HOUR
    said = f"Created within {_span(arrival)}, active over {_span(life)}."
    return Test("for" if arrival <= RUSH_HOURS and life <= 2 * RUSH_HOURS else "against", said)


def household(facts: ClusterFacts) -> Test:
    """Is it small enough to live under one roof?"""
    if facts.n_accounts > HOUSEHOLD_MAX:
        return Test("against", f"{facts.n_accounts:,} accounts are more than the {HOUSEHOLD_MAX} of a household.")
    kinds = {row["kind"] for row in facts.value_rows if row["members"] * 2 > facts.n_accounts}
    home = sorted(kinds & {"ip", "device_id", "payment_fingerprint"})
    if home:
        names = {"ip": "an address", "device_id": "a device", "payment_fingerprint": "a card"}
        return Test("for", f"{facts.n_accounts} accounts share {' and '.join(names[kind] for kind in home)}.")
    return Test("untested", f"{facts.n_accounts} accounts without a common address, device or card.")


def framing(facts: ClusterFacts) -> Test:
    """Is there evidence that a stranger can't plant?"""
    solid = [row for row in facts.family_rows if row["family"] in UNFORGEABLE and row["bits_for"] > 0]
    n_links = max((row["n_links"] for row in solid), default=0)
    if facts.n_links and n_links * 2 > facts.n_links:
        names = " and ".join(row["family"] for row in solid)
        said = f"{n_links:,} of {facts.n_links:,} links have {names} evidence, which others can't make."
        return Test("against", said)
    return Test("untested", "Most links rest on evidence that somebody else could have made.")


_TESTS: dict[str, Callable[[ClusterFacts], Test]] = {
    "carrier_nat": carrier_nat,
    "shared_exit": shared_exit,
    "team": team,
    "reseller": reseller,
    "popular_client": popular_client,
    "benchmark": benchmark,
    "hackathon": hackathon,
    "household": household,
    "framing": framing,
}


def _by_fragility(facts: ClusterFacts, family: str, said: str, *, is_suspect: bool) -> Test:
    """Against when the cluster stays whole without the family; for when it is suspect and mostly falls apart."""
    parts = _parts_without(facts, family)
    if parts <= 1:
        return Test("against", f"{_sentence(said)}; the cluster stays whole without {family} evidence.")
    if is_suspect and parts * 2 > facts.n_accounts:
        return Test("for", f"{_sentence(said)}, and without {family} evidence it falls into {parts:,} parts.")
    if is_suspect:
        return Test("untested", f"{_sentence(said)}; without {family} evidence it falls into {parts:,} parts.")
    return Test("against", f"{_sentence(said)}.")


def _values(facts: ClusterFacts, family: str, kinds: tuple[str, ...]) -> list[Mapping[str, Any]]:
    return [row for row in facts.value_rows if row["family"] == family and (not kinds or row["kind"] in kinds)]


def _others(row: Mapping[str, Any]) -> int:
    return max(int(row["holders"]) - int(row["members"]), 0)


def _parts_without(facts: ClusterFacts, family: str) -> int:
    return max((int(row["parts_without"]) for row in facts.family_rows if row["family"] == family), default=1)


def _span(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
