"""What a look at a cluster is worth, and what holds it in words. Pure; see docs/guide/runs.md for the meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from investigations.linkage.types import FAMILIES

PART_MEANS = {
    "linkage": "How far the evidence is over the line: half at 16 bits.",
    "behaviour": "Volume against the dataset's ordinary account, and how alike the requests are.",
    "size": "Accounts, on a doubling scale: all of it at 1,024.",
    "novelty": "What is new since the last look: all of it for a cluster that nobody has judged.",
}
PARTS = tuple(PART_MEANS)
PART_FLOOR = 0.1
"""No part takes more than nine tenths away: a small or quiet cluster sinks, it does not vanish."""
LINKAGE_HALF_BITS = 16.0
SIZE_FULL = 1024
SEEN_NOVELTY = 0.3
NO_BEHAVIOUR = 0.5
"""Behaviour of a dataset that knows of no use: neither quiet nor loud."""
MAX_HOLDING = 3
MIN_SHARE = 0.1
"""A family with fewer of a cluster's links than this does not hold it together."""

ONE_AND_MANY = {
    "payment_fingerprint": ("one shared card", "shared cards"),
    "bin_hash": ("one card range", "the same card ranges"),
    "email": ("one e-mail address", "shared e-mail addresses"),
    "phone": ("one phone number", "shared phone numbers"),
    "device_id": ("one device", "shared devices"),
    "ip": ("one address", "shared addresses"),
    "ip_range": ("one address range", "the same address ranges"),
    "asn": ("one network provider", "the same network providers"),
    "tls_fingerprint": ("one TLS stack", "the same TLS stacks"),
    "user_agent": ("one user agent", "the same user agents"),
    "content_fingerprint": ("one repeated request", "the same requests"),
    "system_fingerprint": ("one system prompt", "the same system prompts"),
    "tools_fingerprint": ("one tool set", "the same tool sets"),
    "parameters_fingerprint": ("one set of parameters", "the same parameters"),
    "output_fingerprint": ("one answer", "the same answers"),
    "prefix_fingerprint": ("one continued conversation", "conversations handed on"),
    "near_content": ("near-equal requests", "near-equal requests"),
    "signup_gap": ("close sign-ups", "close sign-ups"),
    "limit_handoff": ("work handed on at a rate limit", "work handed on at rate limits"),
    "shared_object": ("one shared object", "the same shared objects"),
    "organization": ("one organisation", "the same organisations"),
    "api_key_id": ("one API key", "shared API keys"),
    "end_user_id": ("one end user", "the same end users"),
    "referrer": ("one referrer", "the same referrers"),
    "membership": ("values that hardly anybody else has", "values that hardly anybody else has"),
}

ON_PAIRS = {"timing": "close in time", "content": "alike requests", "relation": "values that hardly anybody else has"}
"""What holds accounts together where they share no value of the family."""


@dataclass(frozen=True)
class Volume:
    """What a group of accounts did."""

    n_accounts: int
    n_sessions: int
    n_exchanges: int
    n_output_tokens: int


def worth_parts(
    *,
    bits: int,
    n_accounts: int,
    n_new: int,
    is_judged: bool,
    volume: Volume,
    ordinary: Volume,
    value_rows: Sequence[Mapping[str, Any]],
) -> dict[str, float]:
    """Linkage, behaviour, size and novelty, 0 to 1 each; bits are millibits over the line."""
    over = max(bits, 0) / 1000
    known = [x for x in (_loudness(volume, ordinary), _narrowness(value_rows, n_accounts)) if x is not None]
    behaviour = sum(known) / len(known) if known else NO_BEHAVIOUR
    size = math.log2(max(n_accounts, 1)) / math.log2(SIZE_FULL)
    fresh = min(max(n_new / n_accounts, 0.0), 1.0) if n_accounts else 0.0
    parts = {
        "linkage": over / (over + LINKAGE_HALF_BITS),
        "behaviour": behaviour,
        "size": min(size, 1.0),
        "novelty": max(fresh, SEEN_NOVELTY) if is_judged else 1.0,
    }
    return {name: round(value, 3) for name, value in parts.items()}


def worth_of(parts: Mapping[str, float]) -> float:
    """The expected value of a look: the product of the parts, none below a tenth."""
    return round(math.prod(PART_FLOOR + (1 - PART_FLOOR) * parts[name] for name in PARTS), 6)


def holding_words(
    family_rows: Sequence[Mapping[str, Any]], value_rows: Sequence[Mapping[str, Any]], n_links: int
) -> str:
    """What holds a cluster: its strongest families by their best kind of value, "Shared cards, one TLS stack"."""
    words = [_kind_words(family, value_rows) for family in _holding_families(family_rows, n_links)]
    text = ", ".join(words) or "weak evidence of several kinds"
    return (text[:1].upper() + text[1:])[:300]


def kind_words(kind: str, n: int) -> str:
    """A kind of shared value in words, by how many values there are."""
    one, many = ONE_AND_MANY.get(kind, (f"one {kind.replace('_', ' ')}", f"shared {kind.replace('_', ' ')}"))
    return one if n == 1 else many


def _holding_families(family_rows: Sequence[Mapping[str, Any]], n_links: int) -> list[str]:
    """The families that carry the most bits over all links, in the families' fixed order."""
    carried = [
        (row["bits_for"] * row["n_links"], row["family"])
        for row in family_rows
        if row["bits_for"] > 0 and row["n_links"] >= MIN_SHARE * n_links
    ]
    strongest = {family for _, family in sorted(carried, key=lambda pair: -pair[0])[:MAX_HOLDING]}
    return [family for family in FAMILIES if family in strongest]


def _kind_words(family: str, value_rows: Sequence[Mapping[str, Any]]) -> str:
    """The kind of the family that the most members' bits rest on."""
    carried: dict[str, int] = {}
    count: dict[str, int] = {}
    for row in value_rows:
        if row["family"] == family and not row["hub"]:
            carried[row["kind"]] = carried.get(row["kind"], 0) + row["bits"] * row["members"]
            count[row["kind"]] = count.get(row["kind"], 0) + 1
    if not carried:
        return ON_PAIRS.get(family, f"shared {family}")
    best = max(sorted(carried), key=lambda kind: carried[kind])
    return kind_words(best, count[best])


def _loudness(volume: Volume, ordinary: Volume) -> float | None:
    """Use per account against the dataset's mean: a half at the mean, three quarters at three times of it."""
    for name in ("n_output_tokens", "n_exchanges", "n_sessions"):
        total, everyone = getattr(volume, name), getattr(ordinary, name)
        if everyone and ordinary.n_accounts and volume.n_accounts:
            ratio = (total / volume.n_accounts) / (everyone / ordinary.n_accounts)
            return ratio / (1 + ratio)
    return None


def _narrowness(value_rows: Sequence[Mapping[str, Any]], n_accounts: int) -> float | None:
    """The largest share of members that have one rare content value in common; None without content."""
    counts = [row["members"] for row in value_rows if row["family"] == "content" and not row["hub"]]
    return min(max(counts) / n_accounts, 1.0) if counts and n_accounts else None
