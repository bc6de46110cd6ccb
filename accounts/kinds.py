"""The registry of identifier kinds: family, whether it points at a person, how it is normalised and masked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accounts import normalise

FAMILIES = ("payment", "contact", "device", "network", "client", "content", "timing", "relation", "other")
"""The families of evidence in their fixed order (equal to the engine's; a test compares them)."""

FAMILY_LABELS = {
    "payment": "Payment",
    "contact": "Contact",
    "device": "Device",
    "network": "Network",
    "client": "Client",
    "content": "Content",
    "timing": "Timing",
    "relation": "Relation",
    "other": "Other",
}

NAME_PATTERN = r"[a-z][a-z0-9_]{0,39}"
"""What the name of a kind looks like."""


@dataclass(frozen=True)
class Kind:
    """What is known about one kind of identifier."""

    name: str
    family: str
    label: str
    personal: bool
    normalise: Callable[[str], str]
    mask: Callable[[str], str]


def _kind(
    name: str,
    family: str,
    label: str,
    normaliser: Callable[[str], str] = normalise.opaque,
    *,
    mask: Callable[[str], str] | None = None,
    personal: bool = True,
) -> Kind:
    shown = mask or (normalise.mask_opaque if personal else normalise.mask_none)
    return Kind(name=name, family=family, label=label, personal=personal, normalise=normaliser, mask=shown)


_ALL = (
    _kind("payment_fingerprint", "payment", "Payment card", mask=normalise.mask_tail),
    _kind("bin_hash", "payment", "Card range", personal=False),
    _kind("email", "contact", "E-mail address", normalise.email, mask=normalise.mask_email),
    _kind("phone", "contact", "Phone number", normalise.phone, mask=normalise.mask_phone),
    _kind("email_local", "contact", "E-mail name", normalise.spaced),
    _kind("email_domain", "contact", "E-mail domain", normalise.lower_opaque, personal=False),
    _kind("name", "contact", "Name", normalise.spaced),
    _kind("name_token", "contact", "Part of a name", normalise.spaced),
    _kind("device_id", "device", "Device"),
    _kind("cookie_id", "device", "Cookie"),
    _kind("ip", "network", "IP address", normalise.ip, mask=normalise.mask_ip),
    _kind("ip_range", "network", "IP range", normalise.ip_range, mask=normalise.mask_ip),
    _kind("asn", "network", "Network provider", normalise.asn, personal=False),
    _kind("tls_fingerprint", "client", "TLS fingerprint", normalise.lower_opaque, personal=False),
    _kind("user_agent", "client", "User agent", normalise.spaced, personal=False),
    _kind("timezone", "client", "Time zone", personal=False),
    _kind("content_fingerprint", "content", "Request content", personal=False),
    _kind("system_fingerprint", "content", "System prompt", personal=False),
    _kind("tools_fingerprint", "content", "Tool set", personal=False),
    _kind("parameters_fingerprint", "content", "Parameters", personal=False),
    _kind("output_fingerprint", "content", "Answer", personal=False),
    _kind("prefix_fingerprint", "content", "Continued answer", personal=False),
    _kind("near_content", "content", "Near-equal requests", personal=False),
    _kind("shared_object", "content", "Shared object", personal=False),
    _kind("directory", "content", "Directory", personal=False),
    _kind("limit_handoff", "timing", "Hand-off at a rate limit", personal=False),
    _kind("ban_handoff", "timing", "Sign-up after a ban", personal=False),
    _kind("co_sharing", "timing", "Same contents in the same minute", personal=False),
    _kind("signup_gap", "timing", "Time between sign-ups", personal=False),
    _kind("organization", "relation", "Organisation", personal=False),
    _kind("api_key_id", "relation", "API key"),
    _kind("end_user_id", "relation", "End user"),
    _kind("referrer", "relation", "Referrer", personal=False),
    _kind("referral_code", "relation", "Referral code", personal=False),
    _kind("counterparty", "relation", "Counterparty"),
    _kind("transfer", "relation", "Transfer"),
    _kind("membership", "relation", "Values held by this cluster alone", personal=False),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
"""Registered kinds by name, in the order in which pages list them."""


def kind_get(name: str) -> Kind:
    """The registered kind, or one of family `other` that is treated as personal."""
    known = KINDS.get(name)
    return known or _kind(name, "other", name.replace("_", " ").capitalize())


def kind_family(name: str) -> str:
    """The family that a kind's evidence belongs to."""
    known = KINDS.get(name)
    return known.family if known else "other"


def families_of(names: list[str]) -> dict[str, str]:
    """Family by kind, for the engine."""
    return {name: kind_family(name) for name in sorted(set(names))}
