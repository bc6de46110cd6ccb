"""What holds a cluster, in words, and how much its accounts did. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from investigations.linkage.types import FAMILIES

MAX_HOLDING = 3
MIN_SHARE = 0.1
"""A family with fewer of a cluster's links than this does not hold it together."""

ONE_AND_MANY = {
    "payment_fingerprint": ("one shared card", "shared cards"),
    "bin_hash": ("one card range", "the same card ranges"),
    "email": ("one e-mail address", "shared e-mail addresses"),
    "phone": ("one phone number", "shared phone numbers"),
    "email_local": ("one e-mail name", "the same e-mail names"),
    "email_domain": ("one e-mail domain", "the same e-mail domains"),
    "name": ("one name", "the same names"),
    "name_token": ("one part of a name", "the same parts of names"),
    "device_id": ("one device", "shared devices"),
    "cookie_id": ("one cookie", "shared cookies"),
    "ip": ("one address", "shared addresses"),
    "ip_range": ("one address range", "the same address ranges"),
    "asn": ("one network provider", "the same network providers"),
    "tls_fingerprint": ("one TLS stack", "the same TLS stacks"),
    "user_agent": ("one user agent", "the same user agents"),
    "timezone": ("one time zone", "the same time zones"),
    "content_fingerprint": ("one repeated request", "the same requests"),
    "system_fingerprint": ("one system prompt", "the same system prompts"),
    "tools_fingerprint": ("one tool set", "the same tool sets"),
    "parameters_fingerprint": ("one set of parameters", "the same sets of parameters"),
    "output_fingerprint": ("one answer", "the same answers"),
    "prefix_fingerprint": ("one continued conversation", "conversations handed on"),
    "near_content": ("near-equal requests", "near-equal requests"),
    "signup_gap": ("close sign-ups", "close sign-ups"),
    "limit_handoff": ("work handed on at a rate limit", "work handed on at rate limits"),
    "ban_handoff": ("a sign-up right after a ban", "sign-ups right after bans"),
    "co_sharing": ("the same requests in the same minute", "the same requests in the same minute"),
    "shared_object": ("one shared object", "the same shared objects"),
    "directory": ("one directory", "the same directories"),
    "organization": ("one organisation", "the same organisations"),
    "api_key_id": ("one API key", "shared API keys"),
    "end_user_id": ("one end user", "the same end users"),
    "referrer": ("one referrer", "the same referrers"),
    "referral_code": ("one referral code", "the same referral codes"),
    "counterparty": ("one counterparty", "the same counterparties"),
    "transfer": ("a transfer between them", "transfers between them"),
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


def holding_words(
    family_rows: Sequence[Mapping[str, Any]], value_rows: Sequence[Mapping[str, Any]], n_links: int
) -> str:
    """What holds a cluster: its strongest families by their best kind of value, "Shared cards, one TLS stack"."""
    words = [family_words(family, value_rows) for family in _holding_families(family_rows, n_links)]
    text = ", ".join(words) or "weak evidence of several kinds"
    return (text[:1].upper() + text[1:])[:300]


def family_words(family: str, value_rows: Sequence[Mapping[str, Any]]) -> str:
    """The kind of the family that the most members' bits rest on, in words."""
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
