"""Benign explanations of a cluster: each for, against or untested, in words with the numbers behind it.

A test answers `for` or `against` only where the data speak; else the explanation stays `untested`, and says what to
ask. The thresholds are rules of thumb, written into each text with their numbers. See docs/theory/hypotheses.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

HYPOTHESES = (
    "carrier_nat",
    "shared_exit",
    "team",
    "reseller",
    "popular_client",
    "benchmark",
    "hackathon",
    "household",
    "framing",
)
"""The closed list, in the order in which people answer them."""
CROWDED_OTHERS = 20
HOUSEHOLD_MAX = 5
MOST_SHARE = 0.8
HOUR = 3600
RUSH_HOURS = 48
HOME = {"ip": "an address", "device_id": "a device", "payment_fingerprint": "a card", "phone": "a phone number"}


@dataclass(frozen=True)
class Shared:
    """Values of one sort that carry evidence inside a cluster."""

    n_values: int = 0
    n_crowded: int = 0
    """Values with over CROWDED_OTHERS holders outside the cluster."""
    n_common: int = 0
    """Values with more holders outside than inside."""
    n_others: int = 0
    """Holders outside, summed over the values."""
    most_members: int = 0
    """Members with the commonest of them."""


NONE = Shared()


@dataclass(frozen=True)
class ClusterFacts:
    """What the tests look at. Members are accounts; of a declared group each counts."""

    n_accounts: int
    n_links: int
    shared: Mapping[str, Shared] = field(default_factory=dict)
    """By family and by kind, hubs included."""
    parts_without: Mapping[str, int] = field(default_factory=dict)
    """Parts that the cluster falls into without a family; 1 for those left out."""
    n_network_only: int = 0
    """Members all of whose links rest on the network alone."""
    n_template_only: int = 0
    """The same for clients and content."""
    n_plantable: int = 0
    """Members none of whose links has evidence that a stranger can't make: payment, contact or device."""
    open_members: int = 0
    """Members who say openly that they belong to one organisation, the largest; 0: none says so."""
    n_open: int = 0
    """Organisations that members name together with others."""
    n_opened: int = 0
    """Members with reasons that are all who pays, or were seen at sign-up only."""
    n_used: int = 0
    """Members with other reasons, too."""
    first_created_at: int | None = None
    """In seconds, like the next two."""
    last_created_at: int | None = None
    last_seen_at: int | None = None
    n_rush: int = 0
    """The most members that signed up within RUSH_HOURS."""


@dataclass(frozen=True)
class Test:
    """The outcome of one test: for, against or untested, in words, and the numbers it rests on, by name."""

    answer: str
    text: str
    figures: Mapping[str, int] = field(default_factory=dict)


def hypotheses_test(facts: ClusterFacts) -> dict[str, Test]:
    """Every benign explanation with its outcome, in the order of HYPOTHESES."""
    return {name: _TESTS[name](facts) for name in HYPOTHESES}


def carrier_nat(facts: ClusterFacts) -> Test:
    """Do links rest on addresses that many strangers share?"""
    addresses = _of(facts, "ip")
    figures = {
        "addresses": addresses.n_values,
        "crowded_addresses": addresses.n_crowded,
        "members_on_network_only": facts.n_network_only,
        "parts_without_network": _parts(facts, "network"),
    }
    if not addresses.n_values:
        return Test("against", "No link rests on an address.", figures)
    n, of = addresses.n_crowded, addresses.n_values
    said = f"{n:,} of {of:,} shared addresses have over {CROWDED_OTHERS} holders outside the cluster"
    return _by_network(facts, said, figures, is_suspect=n > 0)


def shared_exit(facts: ClusterFacts) -> Test:
    """Would the cluster fall apart without the network?"""
    network = _of(facts, "network")
    figures = {
        "network_values": network.n_values,
        "members_of_commonest": network.most_members,
        "members_on_network_only": facts.n_network_only,
        "parts_without_network": _parts(facts, "network"),
    }
    if not network.n_values:
        return Test("against", "Nothing of the network is shared.", figures)
    said = f"the most common exit is used by {network.most_members:,} of {facts.n_accounts:,} members"
    return _by_network(facts, said, figures, is_suspect=True)


def team(facts: ClusterFacts) -> Test:
    """Do the members say that they are of one organisation?"""
    card = _of(facts, "payment_fingerprint").most_members
    figures = {"members_of_largest": facts.open_members, "organizations": facts.n_open, "members_of_one_card": card}
    if not facts.open_members:
        return Test("untested", "No two members name one organisation. Ask: do they know each other?", figures)
    said = (
        f"{facts.open_members:,} of {facts.n_accounts:,} members name one organisation, {facts.n_open:,} in all; "
        f"one card pays for {card:,}."
    )
    return Test("for" if facts.open_members >= MOST_SHARE * facts.n_accounts else "against", said, figures)


def reseller(facts: ClusterFacts) -> Test:
    """Is who opens and pays all that ties them, as with a reseller's customers?"""
    figures = {"members_by_opening_or_payment": facts.n_opened, "members_by_use": facts.n_used}
    ask = "Ask: are end users named in the traffic, and is there a contract?"
    tied = facts.n_opened + facts.n_used
    if not tied:
        return Test("untested", f"No member has a reason of its own to go by. {ask}", figures)
    if facts.n_opened >= MOST_SHARE * tied:
        said = f"{facts.n_opened:,} of {tied:,} members are tied only by who pays or opened the account. {ask}"
        return Test("for", said, figures)
    said = f"{facts.n_used:,} of {tied:,} members also share what is used long after sign-up"
    if facts.n_used >= MOST_SHARE * tied:
        return Test("against", f"{said}; a reseller's customers don't.", figures)
    return Test("untested", f"{said}. {ask}", figures)


def popular_client(facts: ClusterFacts) -> Test:
    """Are the shared clients and templates common elsewhere?"""
    client, content = _of(facts, "client"), _of(facts, "content")
    n, common = client.n_values + content.n_values, client.n_common + content.n_common
    without = max(_parts(facts, "client"), _parts(facts, "content"))
    figures = {
        "values": n,
        "common_values": common,
        "members_on_these_only": facts.n_template_only,
        "parts_without": without,
    }
    if not n:
        return Test("against", "No link rests on a client or a template.", figures)
    said = f"{common:,} of {n:,} shared clients and templates have more holders outside than in the cluster"
    if common and without > 1:
        return Test("for", f"{said}, and without them it falls into {without:,} parts.", figures)
    ending = "it holds without them" if without <= 1 else "the rest are its own"
    return Test("against", f"{said}; {ending}.", figures)


def benchmark(facts: ClusterFacts) -> Test:
    """Is what they ask asked by many others too?"""
    asked = _of(facts, "content_fingerprint")
    figures = {"requests": asked.n_values, "common_requests": asked.n_common, "others": asked.n_others}
    if not asked.n_values:
        return Test("untested", "There are no equal requests to compare. Ask: do they run a public benchmark?", figures)
    if asked.n_common * 2 > asked.n_values:
        said = f"{asked.n_common:,} of {asked.n_values:,} repeated requests occur more often outside the cluster."
        return Test("for", said, figures)
    where = f"{asked.n_others:,} other accounts in all" if asked.n_others else "no other account"
    said = f"The {asked.n_values:,} repeated requests occur on {where}."
    return Test("against", said, figures)


def hackathon(facts: ClusterFacts) -> Test:
    """Did they arrive at once and leave at once?"""
    if facts.first_created_at is None or facts.last_created_at is None or facts.last_seen_at is None:
        return Test("untested", "Times of creation or use are missing.")
    arrival = (facts.last_created_at - facts.first_created_at) / HOUR
    life = max(facts.last_seen_at - facts.first_created_at, 0) / HOUR
    figures = {
        "created_within_hours": round(arrival),
        "active_hours": round(life),
        "members_within_48_hours": facts.n_rush,
    }
    said = (
        f"The accounts were created within {_span(arrival)}, {facts.n_rush:,} of {facts.n_accounts:,} within "
        f"{RUSH_HOURS} h, and were active over {_span(life)}."
    )
    is_rush = facts.n_rush >= MOST_SHARE * facts.n_accounts and life <= 2 * RUSH_HOURS
    return Test("for" if is_rush else "against", said, figures)


def household(facts: ClusterFacts) -> Test:
    """Is it small enough to live under one roof?"""
    figures = {"accounts": facts.n_accounts}
    if facts.n_accounts > HOUSEHOLD_MAX:
        said = f"{facts.n_accounts:,} accounts are more than the {HOUSEHOLD_MAX} of a household."
        return Test("against", said, figures)
    home = [words for kind, words in HOME.items() if _of(facts, kind).most_members * 2 > facts.n_accounts]
    if home:
        return Test("for", f"{facts.n_accounts} accounts share {' and '.join(home)}.", figures)
    return Test(
        "untested", f"The {facts.n_accounts} accounts have no address, device, card or phone in common.", figures
    )


def framing(facts: ClusterFacts) -> Test:
    """Is there evidence that a stranger can't plant?"""
    solid = facts.n_accounts - facts.n_plantable
    figures = {"members_with_solid_evidence": solid, "accounts": facts.n_accounts}
    said = f"{solid:,} of {facts.n_accounts:,} members have payment, contact or device evidence"
    if solid * 2 > facts.n_accounts:
        return Test("against", f"{said}, which others can't make.", figures)
    return Test("untested", f"Only {said}; what ties the rest could be made by somebody else.", figures)


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


def _by_network(facts: ClusterFacts, said: str, figures: Mapping[str, int], *, is_suspect: bool) -> Test:
    """Against when the cluster stays whole without the network; for when it is suspect and mostly falls apart."""
    parts, said = _parts(facts, "network"), said[:1].upper() + said[1:]
    said += f"; the links of {facts.n_network_only:,} rest on the network alone" if facts.n_network_only else ""
    if parts <= 1:
        return Test("against", f"{said}; the cluster stays whole without network evidence.", figures)
    falls = f"without network evidence it falls into {parts:,} parts"
    if is_suspect and parts * 2 > facts.n_accounts:
        return Test("for", f"{said}, and {falls}.", figures)
    return Test("untested" if is_suspect else "against", f"{said}; {falls}.", figures)


def _of(facts: ClusterFacts, sort: str) -> Shared:
    return facts.shared.get(sort, NONE)


def _parts(facts: ClusterFacts, family: str) -> int:
    return facts.parts_without.get(family, 1)


def _span(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"
