"""One written form per identifier, so that two spellings of a value meet; and what a masked reader sees of it.

A normaliser takes the text as it came in and returns the form that is hashed, or raises `Unusable` with the reason.
`VERSION` is stored with each digest: raise it when a normaliser gives another form, then run `manage.py rederive`.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_address

VERSION = 1
MAX_LENGTH = 1024

_DOT = "•"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)", re.ASCII)
_IPV6 = re.compile(r"(?!(?:.*:)?0:0(?::|$))(?:0|[1-9a-f][0-9a-f]{0,3})(?::(?:0|[1-9a-f][0-9a-f]{0,3})){7}")
"""Addresses of eight groups that are canonical already: lower case, no leading zeros, no two zero groups in a row."""
_PLAIN = re.compile(r"[!-~]+")
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_PHONE_MARKS = re.compile(r"\(0\)|[\s().\-/\u2010-\u2015\u00a0]")


class Unusable(ValueError):
    """A value that has no normalised form; the text says why, in words for the person who sent it."""


def opaque(value: str) -> str:
    """The value trimmed and in Unicode form NFC; upper and lower case stay different."""
    if len(value) <= MAX_LENGTH and _PLAIN.fullmatch(value):
        return value
    text = unicodedata.normalize("NFC", value).strip()
    _require_plain(text)
    return text


def lower_opaque(value: str) -> str:
    """Like `opaque`, in lower case: for hexadecimal digests that tools write in either case."""
    return opaque(value).lower()


def spaced(value: str) -> str:
    """Text with runs of white space as single spaces, trimmed: names of clients and of people."""
    text = " ".join(unicodedata.normalize("NFC", value).split())
    _require_plain(text)
    return text


def email(value: str) -> str:
    """An address as the mailbox sees it: lower case, without +tags, Gmail without dots, domain as ASCII.

    NFKC comes before anything else, so that full-width letters and the ideographic full stop meet their twins.
    """
    text = unicodedata.normalize("NFKC", value).strip().lower()
    _require_plain(text)
    local, at, domain = text.rpartition("@")
    if not at:
        raise Unusable("an e-mail address needs an @")
    if not local or any(c.isspace() for c in local):
        raise Unusable("the part before the @ is empty or has a space")
    domain = _domain(domain)
    local = local.split("+", 1)[0] or local
    if domain in _GMAIL:
        domain = "gmail.com"
        local = local.replace(".", "") or local
    return f"{local}@{domain}"


def phone(value: str) -> str:
    """A number in E.164 form when the country is known (+ or 00 before it), else its digits alone."""
    text = _PHONE_MARKS.sub("", unicodedata.normalize("NFKC", value))
    if text.startswith("00"):
        text = "+" + text[2:]
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise Unusable("a phone number has only digits, spaces, brackets, dashes and a leading +")
    if not 5 <= len(digits) <= 15:
        raise Unusable(f"a phone number has 5 to 15 digits, this one has {len(digits)}")
    return text


def ip(value: str) -> str:
    """The address in its canonical form; an IPv4 address inside IPv6 (::ffff:…) becomes IPv4."""
    if _IPV4.fullmatch(value) or _IPV6.fullmatch(value):
        return value
    return str(_address(value))


def ip_range(value: str) -> str:
    """The network of an address: /64 of IPv6, /24 of IPv4; a network as text stays as it is."""
    if _IPV6.fullmatch(value):
        return ":".join(value.split(":")[:4]).removesuffix(":0") + "::/64"
    text, slash, bits = value.strip().partition("/")
    address = _address(text)
    width = 32 if address.version == 4 else 128
    prefix = 24 if address.version == 4 else 64
    if slash:
        if not (bits.isascii() and bits.isdigit() and int(bits) <= width):
            raise Unusable(f"/{bits[:8]} is no prefix length of an IPv{address.version} network")
        prefix = int(bits)
    kept = int(address) >> (width - prefix) << (width - prefix)
    network = IPv4Address(kept) if address.version == 4 else IPv6Address(kept)
    return f"{network}/{prefix}"


def asn(value: str) -> str:
    """The number of an autonomous system without its AS prefix."""
    text = value.strip()
    digits = text[2:] if text[:2].upper() == "AS" else text
    if not (digits.isascii() and digits.isdigit()):
        raise Unusable("an autonomous system is a number such as 64500 or AS64500")
    number = int(digits[:12])
    if not 0 < number <= 4_294_967_295 or len(digits) > 12:
        raise Unusable("the number of an autonomous system lies between 1 and 4294967295")
    return str(number)


def mask_none(value: str) -> str:
    """The value itself, cut to 80 characters: for kinds that say nothing about a person."""
    return value if len(value) <= 80 else value[:79] + "…"


def mask_opaque(value: str) -> str:
    """The first and last two characters of a long value, nothing of a short one."""
    if len(value) < 8:
        return _DOT * 3
    return f"{value[:2]}{_DOT * 3}{value[-2:]}"


def mask_tail(value: str) -> str:
    """The last four characters, as on a receipt."""
    return f"{_DOT * 4} {value[-4:]}" if len(value) >= 8 else _DOT * 4


def mask_email(value: str) -> str:
    """First letters of mailbox and domain, and the top-level domain: a•••@g•••.com."""
    local, _, domain = value.rpartition("@")
    name, _, top = domain.rpartition(".")
    return f"{local[:1]}{_DOT * 3}@{name[:1]}{_DOT * 3}.{top}"


def mask_phone(value: str) -> str:
    """The first two digits (the country, mostly) and the last two."""
    head = 3 if value.startswith("+") else 0
    return f"{value[:head]} {_DOT * 4} {value[-2:]}".strip()


def mask_ip(value: str) -> str:
    """The first half of an IPv4 address, the first two groups of an IPv6 one, ranges included."""
    address, slash, prefix = value.partition("/")
    if ":" in address:
        groups = address.split("::")[0].split(":")[:2]
        shown = ":".join(group for group in groups if group) + f":{_DOT}"
    else:
        shown = ".".join(address.split(".")[:2]) + f".{_DOT}.{_DOT}"
    return shown + slash + prefix


def _require_plain(text: str) -> None:
    if not text:
        raise Unusable("empty once spaces are trimmed")
    if len(text) > MAX_LENGTH:
        raise Unusable(f"longer than {MAX_LENGTH} characters")
    if _CONTROL.search(text):
        raise Unusable("has a control character")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise Unusable("has half of a surrogate pair, which is no character")


def _domain(domain: str) -> str:
    domain = domain.rstrip(".")
    try:
        name = domain.encode("ascii").decode() if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        raise Unusable("the domain after the @ is not a valid name") from None
    labels = name.split(".")
    if len(labels) < 2 or not all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", x) for x in labels):
        raise Unusable("the domain after the @ is not a valid name")
    return name


def _address(value: str) -> IPv4Address | IPv6Address:
    text = value.strip()
    if "%" in text:
        raise Unusable("an address with a zone (%) means nothing outside its machine")
    try:
        address = ip_address(text)
    except ValueError:
        raise Unusable("not an IPv4 or IPv6 address (no port, no brackets, no leading zeros)") from None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
