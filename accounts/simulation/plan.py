"""The plan of a world: one row per controller of an account, plain arrays, and the books of addresses and pools."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accounts.simulation.catalog import BANNED, NETWORKS
from accounts.simulation.toolkit import Array, mix64, shuffled

_COLUMNS: dict[str, tuple[type, float]] = {
    "account": (np.int32, 0), "created_at": (np.int64, 0), "active_from": (np.int64, 0), "active_until": (np.int64, 0),
    "status": (np.int8, 0), "status_at": (np.int64, -1), "country": (np.int8, 0), "plan": (np.int8, 0),
    "entry": (np.int8, 0), "referrer": (np.int8, 0), "organization": (np.int64, -1), "payment": (np.int64, -1),
    "mail": (np.int64, 0), "mail_domain": (np.int32, 0), "mail_style": (np.int8, 0), "mail_variant": (np.int32, 0),
    "phone": (np.int64, -1),
    "signup_address": (np.int32, 0), "rhythm": (np.int8, 0), "zone": (np.int8, 0), "cron_minute": (np.int16, -1),
    "home": (np.int32, 0), "second": (np.int32, -1), "p_second": (np.float32, 0), "pool": (np.int32, -1),
    "p_pool": (np.float32, 0), "pool_b": (np.int32, -1), "p_pool_b": (np.float32, 0), "device": (np.int64, -1),
    "other_device": (np.int64, -1), "p_other": (np.float32, 0), "tls": (np.int16, 0), "agent": (np.int16, 0),
    "other_tls": (np.int16, 0), "other_agent": (np.int16, 0), "random_stack": (np.bool_, 0), "surface": (np.int8, 0),
    "model": (np.int8, 0), "pivot_at": (np.int64, 2**62), "system": (np.int64, -1), "tools": (np.int64, -1),
    "parameters": (np.int64, -1), "p_continue": (np.float32, 0), "p_popular": (np.float32, 0),
    "bench": (np.int32, -1), "p_bench": (np.float32, 0), "work": (np.int32, -1), "p_work": (np.float32, 0),
    "work_size": (np.int32, 1), "flips": (np.int8, 0), "end_users": (np.int32, 0), "end_user_base": (np.int64, 0),
    "volume": (np.float64, 0), "per_session": (np.float32, 9), "operator": (np.int32, -1), "referral": (np.int64, -1),
    "host": (np.int64, -1), "recovery": (np.int64, -1), "cookie": (np.int64, -1),
}  # fmt: skip


@dataclass
class Plan:
    """Arrays of equal length, a row per controller: an account's owner, or the thief of a stolen one.

    Values are world-wide numbers (a device, a card, a template); -1 is none. Times are microseconds. `p_` columns are
    shares of a row's sessions (addresses, devices) or exchanges (content). `volume` is relative for honest rows and a
    count of exchanges, at the usual 46 an account, for operators.
    """

    account: Array
    created_at: Array
    active_from: Array
    active_until: Array
    status: Array
    status_at: Array
    country: Array
    plan: Array
    entry: Array
    referrer: Array
    organization: Array
    payment: Array
    mail: Array
    mail_domain: Array
    mail_style: Array
    """0 plain, 1 dots moved, 2 a plus tag: both lead to the mailbox of `mail`."""
    mail_variant: Array
    """Which dots or tag; differs among the accounts of a mailbox."""
    phone: Array
    signup_address: Array
    rhythm: Array
    zone: Array
    cron_minute: Array
    home: Array
    second: Array
    p_second: Array
    pool: Array
    p_pool: Array
    pool_b: Array
    p_pool_b: Array
    device: Array
    other_device: Array
    p_other: Array
    tls: Array
    agent: Array
    other_tls: Array
    other_agent: Array
    random_stack: Array
    surface: Array
    model: Array
    pivot_at: Array
    system: Array
    tools: Array
    parameters: Array
    p_continue: Array
    p_popular: Array
    bench: Array
    p_bench: Array
    work: Array
    p_work: Array
    work_size: Array
    flips: Array
    end_users: Array
    end_user_base: Array
    volume: Array
    per_session: Array
    operator: Array
    referral: Array
    host: Array
    recovery: Array
    cookie: Array

    @classmethod
    def blank(cls, n: int) -> Plan:
        """n rows of nobody."""
        return cls(**{name: np.full(n, fill, dtype=dtype) for name, (dtype, fill) in _COLUMNS.items()})

    def ban(self, rows: Array, at: Array) -> None:
        """Ends the rows' lives by a ban at the given times."""
        self.status[rows] = BANNED
        self.status_at[rows] = at
        self.active_until[rows] = np.minimum(self.active_until[rows], at)


class AddressBook:
    """Addresses by number: IPv4, or an IPv6 /64 whose last half changes with each session."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._next = np.zeros(len(NETWORKS), dtype=np.int64)
        self._parts: list[tuple[Array, Array, Array]] = []
        self._n = 0

    def take(self, networks: Array, v6_share: float, rng: np.random.Generator) -> Array:
        """A new address in the network of each entry."""
        networks = np.asarray(networks, dtype=np.int32)
        ordinals = np.empty(len(networks), dtype=np.int64)
        for network in np.unique(networks):
            of_network = networks == network
            k = int(of_network.sum())
            ordinals[of_network] = self._next[network] + np.arange(k)
            self._next[network] += k
        base = np.array([net.base for net in NETWORKS], dtype=np.int64)[networks]
        v4 = base + shuffled(ordinals + networks.astype(np.int64) * 1_000_003, 22, self._seed % 4_194_301)
        v6_block = np.array([net.v6 for net in NETWORKS], dtype=np.uint64)[networks] << np.uint64(32)
        subnet = mix64(ordinals * 128 + networks, self._seed) & np.uint64(0xFFFFFFFF)
        v6 = np.where(rng.random(len(networks)) < v6_share, v6_block | subnet, np.uint64(0))
        asn = np.array([net.asn for net in NETWORKS], dtype=np.int32)[networks]
        self._parts.append((v4, v6, asn))
        numbers = np.arange(self._n, self._n + len(networks), dtype=np.int32)
        self._n += len(networks)
        return numbers

    def columns(self) -> tuple[Array, Array, Array]:
        """IPv4 number, IPv6 prefix (0 for none) and ASN of every address taken."""
        v4, v6, asn = (np.concatenate([part[i] for part in self._parts]) for i in range(3))
        self._parts = [(v4, v6, asn)]
        return v4, v6, asn


class PoolBook:
    """Sets of addresses or devices that several rows draw from."""

    def __init__(self) -> None:
        self._members: list[Array] = []

    def add(self, members: Array) -> int:
        """The number of a new pool."""
        self._members.append(np.asarray(members, dtype=np.int64))
        return len(self._members) - 1

    def draw(self, pools: Array, rng: np.random.Generator) -> Array:
        """A uniform member of each entry's pool (one pool number an entry)."""
        sizes = np.array([len(members) for members in self._members], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        flat = np.concatenate(self._members)
        members: Array = flat[starts[pools] + (rng.random(len(pools)) * sizes[pools]).astype(np.int64)]
        return members

    def draw_from(self, pool: int, n: int, rng: np.random.Generator) -> Array:
        """n uniform members of one pool."""
        return rng.choice(self._members[pool], n)
