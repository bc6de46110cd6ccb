"""Rows on public data, read from the folder in REAL_DATA, and on data whose identifiers are permuted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from bench.quality.figures import Figure, Options, at_least, at_most, plain
from bench.quality.worlds import clusters_of, linked, world
from investigations.linkage import Inputs, evaluate
from tests.linkage import real_data

HOP_SIZE = 8


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
