"""Rows on crowds that look alike and on operators that know the engine: hubs, framing, chaff, a planted bridge."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.quality.figures import Figure, Options, at_least, at_most, plain
from bench.quality.worlds import World, actionable, clusters_of, found_shares, linked, planted, values_of, world
from investigations.linkage import types

DAY = 86_400_000_000
SOFT = sum(1 << types.FAMILIES.index(name) for name in ("timing", "content"))
SEATS = 5_000
LABS = 50


def crowds(options: Options) -> Iterator[Figure]:
    """Crowds with a planted egress, class and benchmark: links between honest accounts by timing or content alone."""
    soft = clustered = acted = n = 0
    for seed in options.seeds:
        given = _crowded(world(options, seed, evasion="E1"), random.Random(seed))
        result = linked(given, options.settings)
        honest = given.honest
        rows = zip(*(result.links[name].to_pylist() for name in ("a", "b", "families")), strict=True)
        soft += sum(a in honest and b in honest and not mask & ~SOFT for a, b, mask in rows)
        members, core = set(result.members["account"].to_pylist()), actionable(result)
        clustered += sum(account in members for account in honest)
        acted += sum(account in core for account in honest)
        n += len(honest)
    yield at_most("links of honest accounts by timing or content alone", soft, 0)
    yield at_most("honest in any cluster, share", clustered / n, 0.001, note=f" ({clustered} of {n})")
    yield at_most("honest in a core, per 100,000", 100_000 * acted / n, 1, note=f" ({acted} of {n})")


def _crowded(given: World, chance: random.Random) -> World:
    """Seats behind one egress, a class of 200 with 30 equal questions, 50 labs with a benchmark of 300."""
    people = sorted(account for account, crowd in given.honest.items() if crowd == "plain")
    seats = chance.sample(people, min(SEATS, len(people) // 2))
    pupils, labs = chance.sample(people, 200), chance.sample(people, LABS)
    rows = [(account, "ip", -1) for account in seats]
    rows += [(account, "system_fingerprint", -2) for account in pupils]
    rows += [(account, "content_fingerprint", -10 - q) for account in pupils for q in chance.sample(range(30), 12)]
    rows += [(account, "ip", -3) for account in pupils]
    rows += [(account, "content_fingerprint", -100 - q) for account in labs for q in chance.sample(range(300), 200)]
    rows += [(account, "system_fingerprint", -4) for account in labs]
    start = int(np.asarray(given.inputs.accounts["created_at"]).max()) - 20 * DAY
    return planted(given, rows, at=(start, start + 20 * DAY))


def majority(options: Options) -> Iterator[Figure]:
    """A network that is 60 % of the users of its only address, with strangers as the rest."""
    shares, swept = [], 0
    for seed in options.seeds:
        given = world(options, seed, evasion="E1")
        name, mine = _largest(given)
        strangers = _strangers(given, seed, len(mine) * 2 // 3)
        table = given.inputs.sightings
        own = pc.and_(
            pc.is_in(table["account"], pa.array(mine, pa.int64())), pc.equal(table["kind"].cast(pa.string()), "ip")
        )
        bare = replace(given, inputs=replace(given.inputs, sightings=table.filter(pc.invert(own))))
        result = linked(planted(bare, [(account, "ip", -1) for account in [*mine, *strangers]]), options.settings)
        shares.append(found_shares(result, {name: mine})[name])
        members = set(result.members["account"].to_pylist())
        swept += sum(account in members for account in strangers)
    yield at_least("share of the network found, least", min(shares), 0.95)
    yield at_most("strangers at its address in a cluster", swept, 0)


def framing(options: Options) -> Iterator[Figure]:
    """Twenty honest accounts are given an operator's template and referrer by a third party."""
    acted = inside = 0
    for seed in options.seeds:
        given = world(options, seed, evasion="E2")
        _, mine = _largest(given)
        victims = _strangers(given, seed, 20)
        templates = _system_of(given, mine)
        rows = [(account, "system_fingerprint", templates) for account in victims]
        rows += [(account, "referrer", -1) for account in [*victims, *mine]]
        result = linked(planted(given, rows), options.settings)
        acted += len(actionable(result) & set(victims))
        members = set(result.members["account"].to_pylist())
        inside += sum(account in members for account in victims)
    yield at_most("framed accounts in a core", acted, 0)
    yield plain("framed accounts in any cluster", str(inside))


def chaff(options: Options) -> Iterator[Figure]:
    """An operator lends its machines and addresses to many empty accounts, so that they look like hubs."""
    shares = []
    for seed in options.seeds:
        given = world(options, seed, evasion="E1")
        name, mine = _largest(given)
        helpers = _strangers(given, seed, 10 * len(mine))
        chance = random.Random(seed)
        lent = [(kind, value) for kind in ("device_id", "ip") for value in values_of(given, mine, kind)[:10]]
        rows = [(account, *chance.choice(lent)) for account in helpers]
        result = linked(planted(given, rows), options.settings)
        clusters = clusters_of(result).values()
        most = max((len(set(mine) & set(members)) for members in clusters), default=0)
        shares.append(max(found_shares(result, {name: [*mine, *helpers]})[name], most / len(mine)))
    yield at_least("share of the operator in one cluster, least", min(shares), 0.8)


def bridge(options: Options) -> Iterator[Figure]:
    """One account that shares a machine and a card with two operators each."""
    fused = 0
    for seed in options.seeds:
        given = world(options, seed, evasion="E1")
        one, two = sorted(given.operators.values(), key=len)[-2:]
        (between,) = _strangers(given, seed, 1)
        rows = [(account, "device_id", -1) for account in (between, *one[:3])]
        rows += [(account, "payment_fingerprint", -2) for account in (between, *two[:3])]
        rows += [(account, "phone", -3) for account in (between, one[0])]
        rows += [(account, "phone", -4) for account in (between, two[0])]
        result = linked(planted(given, rows), options.settings)
        for members in clusters_of(result).values():
            inside = set(members)
            fused += len(inside & set(one)) > len(one) // 2 and len(inside & set(two)) > len(two) // 2
    yield at_most("worlds in which a bridge fuses two operators", fused, 0)


def _largest(given: World) -> tuple[str, list[int]]:
    return max(given.operators.items(), key=lambda item: (len(item[1]), item[0]))


def _strangers(given: World, seed: int, n: int) -> list[int]:
    people = sorted(account for account, crowd in given.honest.items() if crowd == "plain")
    return random.Random(seed).sample(people, min(n, len(people)))


def _system_of(given: World, accounts: list[int]) -> int:
    """The system prompt that these accounts use most."""
    table = pq.read_table(given.inputs.exchanges[0], columns=["account", "system"])
    mine = table.filter(pc.is_in(table["account"], pa.array(accounts, pa.int64()))).drop_null()
    counts = mine.group_by("system").aggregate([("account", "count_distinct")]).to_pylist()
    return int(max(counts, key=lambda row: (row["account_count_distinct"], row["system"]))["system"])
