"""Rows on public data, read from the folder in REAL_DATA, and on data whose identifiers are permuted."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bench.quality.figures import Figure, Options, at_least, at_most, plain
from bench.quality.worlds import clusters_of, linked, world
from investigations.linkage import Inputs, evaluate
from investigations.linkage.gather import units_from
from investigations.linkage.signals import PairSource
from investigations.linkage.signals.co_sharing import WITHIN, Shares, judged, meetings, shares_read, significant
from investigations.linkage.units import DAY
from tests.linkage import real_data

HOP_SIZE = 8
PERMUTATIONS = 30
CO_SHARING_PAIRS = 6206
"""Pairs of accounts that shared one object within a minute, by the description of the data."""


def hop(options: Options) -> Iterator[Figure]:
    """Wallets operated in groups; groups built from the very edges are left out."""
    extract = real_data.load("hop")
    result = linked(extract.inputs, options.settings)
    found = evaluate(result.members, extract.truth, ignore_kinds=["circular"], min_size=HOP_SIZE)
    yield at_least("accounts: precision", found["account_level"]["precision"], 0.90)
    yield at_least("accounts: recall", found["account_level"]["recall"], 0.45)
    sizes = result.clusters["n_accounts"].to_pylist()
    yield at_most("largest cluster", max(sizes, default=0), 849)
    yield at_least("operators recovered by half", _by_half(extract.truth, result.members), 0.5)
    core = found["account_level_actionable"]
    yield plain("actionable: precision / recall", f"{core['precision']:.3f} / {core['recall']:.3f}")


def _by_half(truth: pa.Table, members: pa.Table) -> float:
    """Share of the reported operators of which one cluster holds half."""
    cluster = dict(zip(members["account"].to_pylist(), members["cluster"].to_pylist(), strict=True))
    owned: dict[str, list[int]] = defaultdict(list)
    for account, name, kind in zip(*(truth[c].to_pylist() for c in ("account", "operator", "kind")), strict=True):
        if kind == "report" and name:
            owned[name].append(account)
    recovered = 0
    for accounts in owned.values():
        counts: dict[int, int] = defaultdict(int)
        for account in accounts:
            if account in cluster:
                counts[cluster[account]] += 1
        recovered += 2 * max(counts.values(), default=0) >= len(accounts)
    return recovered / max(len(owned), 1)


def numpy_identities(options: Options) -> Iterator[Figure]:
    """Identities of authors, pairs of two unlabelled ones left out."""
    extract = real_data.load("numpy-identities")
    result = linked(extract.inputs, options.settings)
    found = evaluate(result.members, extract.truth, unlabelled="ignore")["pairwise"]
    yield at_least("pairs: precision", found["precision"], 0.90)
    yield at_least("pairs: recall", found["recall"], 0.80)
    every = evaluate(result.members, extract.truth)["pairwise"]
    yield plain("pairs, unlabelled ones wrong: precision / recall", f"{every['precision']:.3f} / {every['recall']:.3f}")


def shuffled(options: Options) -> Iterator[Figure]:
    """Identifiers permuted inside their kind: whatever is clustered then is chance."""
    sources = {name: real_data.load(name).inputs for name in ("hop", "numpy-identities") if real_data.DATA}
    sources["E1 world"] = world(options, options.seeds[0], evasion="E1").inputs
    for name, inputs in sources.items():
        clustered = 0
        for seed in range(options.shuffles):
            result = linked(permuted(inputs, seed), options.settings)
            clustered += sum(len(members) for members in clusters_of(result).values())
        share = clustered / (options.shuffles * inputs.accounts.num_rows)
        yield at_most(f"{name}: share clustered, {options.shuffles} shuffles", share, 0.0002, note=f" ({clustered})")


def permuted(inputs: Inputs, seed: int) -> Inputs:
    """The sightings with their values (and times) dealt anew among the rows of each kind; no exchanges."""
    table = inputs.sightings
    chance = np.random.default_rng(seed)
    kinds = np.asarray(table["kind"].cast(pa.string()).to_numpy(zero_copy_only=False))
    order = np.arange(table.num_rows)
    for kind in sorted(set(kinds.tolist())):
        mine = np.flatnonzero(kinds == kind)
        order[mine] = chance.permutation(mine)
    dealt = table.take(pa.array(order))
    sightings = dealt.set_column(dealt.schema.get_field_index("account"), "account", table["account"])
    return replace(inputs, sightings=sightings, exchanges=())


def coortweet(options: Options) -> Iterator[Figure]:
    """Accounts that shared the same objects within a minute, through the product's mapping."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = real_data.load_mapped("coortweet", Path(folder))
        accounts, unit_of = units_from(inputs.accounts, inputs.declared)
        shares = shares_read(PairSource(inputs, accounts, unit_of, accounts.size, lambda: 0))
        met = meetings(shares, shares.unit)
        true = _pairs_by_join(inputs.exchanges[0])
        result = linked(inputs, options.settings)
    found = set(met.by_pair()[0].tolist())
    yield at_least("co-sharing pairs inside 60 s found, share", len(found & true) / CO_SHARING_PAIRS, 1)
    yield at_most("found pairs that a join over all shares does not have", len(found - true), 0)
    yield at_most("self-loops", sum(pair >> 32 == pair & 0xFFFFFFFF for pair in found), 0)
    several, by_chance = judged(shares)
    called = int(significant(several, by_chance).sum())
    yield at_least(f"called significant, of {several.pair.size} that share twice or more", called, 30)
    dealt = [_called_by_chance(shares, seed) for seed in range(PERMUTATIONS)]
    yield at_most(f"called, {PERMUTATIONS} permutations among a day's shares, mean", float(np.mean(dealt)), 12)
    yield plain("accounts linked: timing and content alone link nobody", str(result.members.num_rows))


def _pairs_by_join(path: str) -> set[int]:
    """Pairs of units with a content within the time of each other, by a join of all shares; accounts count from 1."""
    rows = duckdb.sql(
        f"""SELECT DISTINCT ((a.account - 1) << 32) | (b.account - 1) FROM '{path}' AS a JOIN '{path}' AS b
        ON a.content = b.content AND a.account < b.account AND abs(a."at" - b."at") <= {WITHIN}"""
    ).fetchall()
    return {pair for (pair,) in rows}


def _called_by_chance(shares: Shares, seed: int) -> int:
    """How many pairs are called significant with accounts permuted among the shares of each day."""
    chance = np.random.default_rng([seed, 1])
    units, day = shares.unit.copy(), shares.at // DAY
    for number in np.unique(day):
        mine = np.flatnonzero(day == number)
        units[mine] = units[chance.permutation(mine)]
    order = np.lexsort((units, shares.at, shares.content))
    dealt = Shares(shares.content[order], units[order], shares.at[order])
    return int(significant(*judged(dealt)).sum())
