"""Simulated worlds for the rows, made once a seed, and what is done to them: accounts left out, values planted."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from accounts.kinds import families_of
from accounts.simulation import WorldSettings, simulate
from bench.extract import extract_read, inputs_load, inputs_save
from bench.quality.figures import Options
from investigations.linkage import Inputs, Result, Settings, run, types

PREVALENCE = 0.025


@dataclass(frozen=True)
class World:
    """Inputs with labels: the operator of each account that has one, its kind, and the crowd of the others."""

    inputs: Inputs
    truth: pa.Table

    @property
    def operators(self) -> dict[str, list[int]]:
        """Accounts of each abusive operator."""
        out: dict[str, list[int]] = defaultdict(list)
        for account, name, abusive in self._columns("account", "operator", "abusive"):
            if name and abusive:
                out[str(name)].append(int(str(account)))
        return dict(out)

    @property
    def kind_of(self) -> dict[str, str]:
        """The kind of each operator."""
        return {str(name): str(kind) for name, kind in self._columns("operator", "kind") if name}

    @property
    def owner(self) -> dict[int, str]:
        """The operator of each account that has one, teams and households included."""
        return {int(str(account)): str(name) for account, name in self._columns("account", "operator") if name}

    @property
    def honest(self) -> dict[int, str]:
        """The crowd of each account without an operator."""
        rows = self._columns("account", "operator", "kind")
        crowds = {int(str(account)): str(kind or "plain") for account, name, kind in rows if not name}
        labelled = set(self.owner)
        others = (int(account) for account in self.inputs.accounts["account"].to_pylist())
        return {**{account: "plain" for account in others if account not in labelled}, **crowds}

    def _columns(self, *names: str) -> Iterable[tuple[object, ...]]:
        return zip(*(self.truth[name].to_pylist() for name in names), strict=True)


def world(
    options: Options,
    seed: int,
    *,
    evasion: str | None = None,
    prevalence: float = PREVALENCE,
    accounts: int | None = None,
) -> World:
    """The simulated world, from the folder of kept worlds when it is there."""
    size = accounts or options.accounts
    place = options.keep / f"{evasion or 'mixed'}-{seed}-{size}-{prevalence:g}"
    if not (place / "truth.parquet").exists():
        asked = WorldSettings(accounts=size, prevalence=prevalence, seed=seed, evasion=evasion)
        simulate(place / "extract", asked, force=True)
        extract = extract_read(place / "extract", place)
        inputs_save(extract, place / "inputs")
        pq.write_table(extract.truth, place / "truth.parquet")
        shutil.rmtree(place / "extract")
    return World(inputs_load(place / "inputs"), pq.read_table(place / "truth.parquet"))


def linked(given: World | Inputs, settings: Settings) -> Result:
    """The result of a run in a folder of its own."""
    inputs = given.inputs if isinstance(given, World) else given
    with tempfile.TemporaryDirectory() as folder:
        return run(inputs, settings, workdir=Path(folder))


def without(given: World, accounts: Iterable[int], folder: Path) -> World:
    """The world without these accounts; its exchanges go to the folder."""
    gone = pa.array(sorted(accounts), pa.int64())

    def kept(table: pa.Table) -> pa.Table:
        return table.filter(pc.invert(pc.is_in(table["account"], gone)))

    paths = []
    for number, path in enumerate(given.inputs.exchanges):
        paths.append(str(folder / f"exchanges-{number}.parquet"))
        pq.write_table(kept(pq.read_table(path)), paths[-1])
    inputs = replace(
        given.inputs,
        accounts=kept(given.inputs.accounts),
        sightings=kept(given.inputs.sightings),
        exchanges=tuple(paths),
    )
    return World(inputs, kept(given.truth))


def planted(given: World, rows: Iterable[tuple[int, str, int]], *, at: tuple[int, int] | None = None) -> World:
    """The world with these sightings (account, kind, number) more; numbers below 0 are new values."""
    listed = list(rows)
    base = int(np.asarray(given.inputs.sightings["value"]).max())
    first, last = at or (None, None)
    more = pa.table(
        {
            "account": [account for account, _, _ in listed],
            "kind": [kind for _, kind, _ in listed],
            "value": [base - value if value < 0 else value for _, _, value in listed],
            "first_at": [first] * len(listed),
            "last_at": [last] * len(listed),
            "count": [1] * len(listed),
        },
        schema=types.SIGHTINGS,
    )
    sightings = pa.concat_tables([given.inputs.sightings, more])
    families = {**families_of(sorted({kind for _, kind, _ in listed})), **given.inputs.families}
    return replace(given, inputs=replace(given.inputs, sightings=sightings, families=families))


def values_of(given: World, accounts: Iterable[int], kind: str) -> list[int]:
    """The values of a kind that these accounts have, the most shared first."""
    table = given.inputs.sightings
    mine = table.filter(
        pc.and_(
            pc.is_in(table["account"], pa.array(sorted(accounts), pa.int64())),
            pc.equal(table["kind"].cast(pa.string()), kind),
        )
    )
    counts = mine.group_by("value").aggregate([("account", "count_distinct")])
    rows = sorted(zip(counts["account_count_distinct"].to_pylist(), counts["value"].to_pylist(), strict=True))
    return [int(value) for _, value in reversed(rows)]


def clusters_of(result: Result) -> dict[int, list[int]]:
    """Members of each cluster."""
    out: dict[int, list[int]] = defaultdict(list)
    for cluster, account in zip(
        result.members["cluster"].to_pylist(), result.members["account"].to_pylist(), strict=True
    ):
        out[cluster].append(account)
    return dict(out)


def actionable(result: Result) -> set[int]:
    """Accounts in an actionable core."""
    rows = zip(result.members["account"].to_pylist(), result.members["actionable"].to_pylist(), strict=True)
    return {account for account, flag in rows if flag}


def found_shares(result: Result, owners: dict[str, list[int]]) -> dict[str, float]:
    """For each operator the share of its accounts in clusters of which it is more than half."""
    owner = {account: name for name, accounts in owners.items() for account in accounts}
    held: dict[str, int] = defaultdict(int)
    for members in clusters_of(result).values():
        counts: dict[str, int] = defaultdict(int)
        for account in members:
            if account in owner:
                counts[owner[account]] += 1
        for name, n in counts.items():
            if n > 1 and 2 * n > len(members):
                held[name] += n
    return {name: held[name] / len(accounts) for name, accounts in owners.items()}


def spread(result: Result, owners: dict[str, list[int]]) -> dict[str, int]:
    """In how many clusters each operator's found accounts lie, of operators with any."""
    cluster = dict(zip(result.members["account"].to_pylist(), result.members["cluster"].to_pylist(), strict=True))
    counts = {name: len({cluster[a] for a in accounts if a in cluster}) for name, accounts in owners.items()}
    return {name: n for name, n in counts.items() if n}
