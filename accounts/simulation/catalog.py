"""What exists in the world before any account does: countries, networks, clients, names, models, daily rhythms.

Networks are invented: their address blocks are ordinary public ones, their numbers and holders mean nobody.
"""

# ruff: noqa: SIM905 - word lists read best as words

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from accounts.simulation.toolkit import Array


@dataclass(frozen=True)
class Country:
    code: str
    dial: str
    trunk: str
    """First digits of a mobile number."""
    zone_hours: int
    weight: float


COUNTRIES = (
    Country("US", "1", "4", -5, 24), Country("US", "1", "6", -8, 10), Country("IN", "91", "9", 5, 14),
    Country("GB", "44", "7", 1, 6), Country("DE", "49", "15", 2, 6), Country("FR", "33", "6", 2, 4),
    Country("BR", "55", "11", -3, 6), Country("JP", "81", "90", 9, 5), Country("KR", "82", "10", 9, 3),
    Country("ID", "62", "81", 7, 4), Country("NG", "234", "80", 1, 2), Country("VN", "84", "9", 7, 3),
    Country("PL", "48", "5", 2, 2), Country("ES", "34", "6", 2, 3), Country("IT", "39", "3", 2, 3),
    Country("CA", "1", "5", -4, 4), Country("AU", "61", "4", 10, 2), Country("MX", "52", "55", -6, 3),
    Country("SG", "65", "9", 8, 2), Country("TR", "90", "5", 3, 2), Country("NL", "31", "6", 2, 2),
    Country("UA", "380", "9", 3, 2), Country("PK", "92", "3", 5, 2), Country("SE", "46", "7", 2, 2),
)  # fmt: skip
COUNTRY_WEIGHTS = np.array([country.weight for country in COUNTRIES]) / sum(c.weight for c in COUNTRIES)


@dataclass(frozen=True)
class Network:
    asn: int
    sort: str
    """isp, mobile, hosting, vpn, campus or office."""
    base: int
    """First IPv4 address; a network has 2**22 of them."""
    v6: int
    """Its IPv6 block, the upper 32 bits."""


_FIRST_OCTETS = (
    24,
    31,
    37,
    46,
    62,
    66,
    68,
    71,
    73,
    76,
    78,
    81,
    82,
    83,
    84,
    86,
    88,
    90,
    93,
    95,
    98,
    109,
    151,
    178,
)


def _networks() -> tuple[Network, ...]:
    sorts = ["isp"] * len(COUNTRIES) * 2 + ["mobile"] * len(COUNTRIES)
    sorts += ["hosting"] * 8 + ["vpn"] * 6 + ["campus"] * 5 + ["office"] * 5
    made = []
    for number, sort in enumerate(sorts):
        octet, quarter = _FIRST_OCTETS[number % len(_FIRST_OCTETS)], number // len(_FIRST_OCTETS)
        base = (octet << 24) | (quarter << 22)
        made.append(
            Network(3_000 + (number * 7_919) % 57_000, sort, base, (0x2A00 + number % 16) << 16 | 0x100 + number)
        )
    return tuple(made)


NETWORKS = _networks()
NETWORK_NUMBERS = {
    sort: np.array([i for i, net in enumerate(NETWORKS) if net.sort == sort], dtype=np.int32)
    for sort in ("isp", "mobile", "hosting", "vpn", "campus", "office")
}


def _browsers() -> list[str]:
    systems = (
        "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64", "Linux; Android 10; K",
    )  # fmt: skip
    made = []
    for version in range(147, 126, -1):
        for system in systems:
            mobile = " Mobile" if "Android" in system else ""
            engine = "AppleWebKit/537.36 (KHTML, like Gecko)"
            made.append(f"Mozilla/5.0 ({system}) {engine} Chrome/{version}.0.0.0{mobile} Safari/537.36")
    for version in range(150, 138, -1):
        made += [f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0" for system in systems[:3]]
    for major, minor in ((26, 4), (26, 3), (26, 1), (18, 6), (18, 5), (17, 6), (17, 4)):
        agent = f"Version/{major}.{minor} Safari/605.1.15"
        made.append(f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) {agent}")
    return made


def _tools() -> list[str]:
    made = []
    for name, versions in (
        (
            "model-sdk-python",
            [f"{a}.{b}.{c}" for a, b in ((2, 4), (2, 3), (2, 1), (1, 9)) for c in range(9, -1, -1)],
        ),
        ("model-sdk-js", [f"5.{b}.{c}" for b in (8, 7, 5, 2) for c in range(7, -1, -1)]),
        ("python-httpx", [f"0.{b}.{c}" for b in (28, 27, 26) for c in (2, 1, 0)]),
        ("python-requests", [f"2.{b}.{c}" for b in (33, 32, 31, 28) for c in (2, 1, 0)]),
        ("axios", [f"1.{b}.0" for b in range(13, 3, -1)]),
        ("okhttp", [f"5.{b}.0" for b in range(4, -1, -1)]),
        ("Go-http-client", ["2.0", "1.1"]),
        ("curl", [f"8.{b}.0" for b in range(17, 4, -1)]),
        ("chain-runner", [f"1.{b}.{c}" for b in (3, 2, 0) for c in (4, 2, 0)]),
        ("eval-harness", [f"0.{b}" for b in range(9, 3, -1)]),
        ("Java-http-client", ["21.0.4", "21.0.2", "17.0.12"]),
    ):
        made += [f"{name}/{version}" for version in versions]
    return made


BROWSERS = _browsers()
TOOLS = _tools()
USER_AGENTS = BROWSERS + TOOLS
N_STACKS = 400


def _stack(number: int) -> str:
    digest = hashlib.sha256(f"stack {number}".encode()).hexdigest()
    ciphers, extensions = 13 + number % 9, 9 + number % 11
    protocol = ("h2", "h1", "h2", "h3")[number % 4]
    return f"t13d{ciphers:02d}{extensions:02d}{protocol}_{digest[:12]}_{digest[12:24]}"


TLS_STACKS = [_stack(number) for number in range(N_STACKS)]

PUBLIC_MAIL = (
    "gmail.com",
    "outlook.com",
    "yahoo.com",
    "icloud.com",
    "hotmail.com",
    "proton.me",
    "gmx.net",
    "mail.com",
)
DISPOSABLE_MAIL = ("mailinator.com", "guerrillamail.com", "10minutemail.com", "temp-mail.org")
MAIL_DOMAINS = PUBLIC_MAIL + DISPOSABLE_MAIL
OWN_DOMAIN = 1_000
"""From this number on a mail domain is a company's own."""

FIRST_NAMES = (
    "anna ben carla david elena felix grace hassan irene jonas kate liam maria nina omar paula quinn rosa sam tara uma "
    "victor wei xenia yusuf zoe arjun bea chen diego emma farid gita hugo ines jack kofi lena mateo noor olga pavel "
    "ravi sofia tom valeria will yara alice bruno clara dan esra finn hana ivan julia karim lucas mei nora oscar priya "
    "rafael"
).split()
LAST_NAMES = (
    "adams baker costa diaz evans fischer garcia huang ivanov jensen kim lopez meyer nguyen okafor patel quist rossi "
    "santos tanaka usman vogel wang young zhang ali berg chopra dubois eriksen ferrari gupta hoffman ito jones kumar "
    "lee martin novak oliveira park reyes schmidt turner vasquez weber yilmaz zimmer abbas brown clarke das ekwueme "
    "flores green hall iqbal johnson kowalski lindgren moreau nakamura ortiz popescu rahman silva torres uddin varga "
    "wilson"
).split()
COMPANY_WORDS = (
    "alder amber atlas beacon birch blue bright canyon cedar cinder clear cobalt copper coral crest delta drift dune "
    "echo ember falcon fern flint forge garnet glade granite grove harbor hazel heron indigo iron juniper kestrel "
    "lantern larch lumen maple marsh meadow mesa north oak onyx orchard otter pebble pine quartz quill raven reed "
    "ridge river sable sage slate spruce stone summit tern thistle timber topaz vale verge willow wren"
).split()
TLDS = ("com", "io", "dev", "co", "net", "ai")

MODELS = ("aurora-3", "aurora-3-mini", "aurora-2", "aurora-4")
NEW_MODEL = 3
"""The one that is released inside the window."""
STATUSES = ("active", "suspended", "banned", "closed")
ACTIVE, SUSPENDED, BANNED, CLOSED = range(4)
PLANS = ("free", "plus", "team", "api")
FREE, PLUS, TEAM, API = range(4)
ENTRY_PATHS = ("web", "mobile_app", "api_console", "invite", "promo", "marketplace")
REFERRERS = ("", "search", "newsletter", "video", "forum", "hackathon", "partner")
SURFACES = ("api", "web", "cloud")
OUTCOMES = ("ok", "rate_limited", "refused", "error")

EVENING, OFFICE, NIGHT, FLAT, SHIFT_A, SHIFT_B, SHIFT_C, CRON, STUDENT = range(9)
"""Rhythms of a week; a shift and a cron run are in UTC, the others in the account's own time zone."""


def rhythm_quantiles(size: int = 4_096) -> Array:
    """Per rhythm the hour of the week (from Monday 00:00) at each quantile: shape (rhythms, size)."""
    hours = np.arange(24)
    day = {
        EVENING: np.exp(-(((hours - 20) % 24 - 0) ** 2) / 30.0)
        + np.exp(-((hours - 20) ** 2) / 18.0)
        + 0.15 * (hours > 7)
        + 0.02,
        OFFICE: 1.0 * ((hours >= 9) & (hours < 18))
        + 0.3 * ((hours == 8) | (hours == 18))
        + 0.02
        - 0.35 * (hours == 12),
        NIGHT: 1.0 * ((hours >= 22) | (hours < 4)) + 0.05,
        FLAT: np.ones(24),
        SHIFT_A: 1.0 * (hours < 8) + 0.01,
        SHIFT_B: 1.0 * ((hours >= 8) & (hours < 16)) + 0.01,
        SHIFT_C: 1.0 * (hours >= 16) + 0.01,
        CRON: 1.0 * (hours % 6 == 0) + 0.1,
        STUDENT: 1.0 * (hours >= 13) + 0.4 * (hours < 2) + 0.05,
    }
    weekend = {
        EVENING: 1.3,
        OFFICE: 0.06,
        NIGHT: 1.2,
        FLAT: 1.0,
        SHIFT_A: 0.9,
        SHIFT_B: 0.9,
        SHIFT_C: 0.9,
        CRON: 1.0,
    }
    table = np.empty((len(day), size), dtype=np.int16)
    for rhythm, shape in day.items():
        week = np.concatenate([shape] * 5 + [shape * weekend.get(rhythm, 0.7)] * 2)
        edges = np.cumsum(week) / week.sum()
        table[rhythm] = np.searchsorted(edges, (np.arange(size) + 0.5) / size)
    return table
