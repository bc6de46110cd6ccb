"""Mailboxes and phone numbers as text: valid in form, unique per number, and nobody's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from accounts.simulation import catalog as cat
from accounts.simulation.toolkit import Array, shuffled


def mail_text(mailboxes: Array, domains: Array, styles: Array, variants: Array) -> pa.Array:
    """An address per row: the mailbox's own, or with dots moved (style 1) or a tag (style 2) that differ by variant."""
    numbers = shuffled(mailboxes, 30).tolist()
    hosts = [_host(domain) for domain in domains.tolist()]
    rows = zip(numbers, hosts, styles.tolist(), variants.tolist(), strict=True)
    return pa.array([_mail(*row) for row in rows], pa.string())


def phone_text(numbers: Array, countries: Array) -> pa.Array:
    """E.164 numbers; null for -1."""
    rows = zip(numbers.tolist(), shuffled(numbers, 29).tolist(), countries.tolist(), strict=True)
    return pa.array([None if number < 0 else _phone(place, country) for number, place, country in rows], pa.string())


def company_domain(number: int) -> str:
    """The domain of a company."""
    words = cat.COMPANY_WORDS
    rest, tld = divmod(int(shuffled(np.array([number]), 28, 77)[0]), len(cat.TLDS))
    rest, first = divmod(rest, len(words))
    tail, second = divmod(rest, len(words))
    return f"{words[first]}{words[second]}{tail}.{cat.TLDS[tld]}"


def _host(domain: int) -> str:
    return cat.MAIL_DOMAINS[domain] if domain < cat.OWN_DOMAIN else company_domain(domain - cat.OWN_DOMAIN)


def _mail(number: int, host: str, style: int, variant: int) -> str:
    rest, first = divmod(number, len(cat.FIRST_NAMES))
    tail, last = divmod(rest, len(cat.LAST_NAMES))
    given, family = cat.FIRST_NAMES[first], cat.LAST_NAMES[last]
    name = given + family
    if style == 1:
        dotted = "".join(letter + "." * (variant + 1 >> place & 1) for place, letter in enumerate(name))
        return f"{dotted}{tail}@{host}"
    if style == 2:
        return f"{name}{tail}+{cat.COMPANY_WORDS[(number + variant) % len(cat.COMPANY_WORDS)]}@{host}"
    if host == "gmail.com":  # dots do not count there, so a plain address must not look like a moved one
        return f"{name}{tail}@{host}"
    return f"{given}.{family}{tail}@{host}"


def _phone(place: int, country: int) -> str:
    land = cat.COUNTRIES[country]
    if land.dial == "1":  # area codes and exchanges begin with 2 to 9
        area, line = divmod(place, 8 * 10**6)
        return f"+1{land.trunk}{area:02d}{2 + line // 10**6}{line % 10**6:06d}"
    digits = 11 - len(land.trunk)
    return f"+{land.dial}{land.trunk}{place * (18 if digits == 10 else 1):0{digits}d}"
