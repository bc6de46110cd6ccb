"""The row on time: a world lived through day by day, and how much an operator has spent before triage shows it.

Every third day the engine links what was known by then. Whoever works there looks at the first 20 clusters of triage and
judges them, so that at the next look only what is new in them counts; printed, too, is a list at which nobody works.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.quality.figures import Figure, Options, Row, at_most, plain
from bench.quality.worlds import World, linked, world
from investigations.linkage import Inputs, Result
from investigations.linkage.lineage import match_clusters
from investigations.linkage.triage import Looked, triage

DAY = 86_400_000_000
EVERY = 3
"""Days between two runs."""
FIRST = 20
"""Clusters that are looked at each time."""
MOST_SPENT = 0.2
Ints = npt.NDArray[np.int64]


def replay(*levels: str) -> Row:
    """The row of these levels of evasion together."""

    def row(options: Options) -> Iterator[Figure]:
        for level in levels:
            worked: list[float] = []
            untouched: list[float] = []
            large: list[float] = []
            for seed in options.seeds:
                given = world(options, seed, evasion=level)
                spent, idle = lived_through(given, options)
                worked.extend(spent.values())
                untouched.extend(idle.values())
                large.extend(share for name, share in spent.items() if len(given.operators[name]) >= FIRST)
            name = (
                f"{level}: share of tokens spent before the first {FIRST} of triage, median of {len(worked)} operators"
            )
            yield at_most(name, median(worked), MOST_SPENT)
            yield plain(
                f"{level}: the same, {len(large)} operators of {FIRST} accounts and more", f"{median(large):.3f}"
            )
            yield plain(f"{level}: operators never among them", str(sum(share == 1 for share in worked)))
            yield plain(f"{level}: median, where nobody judges", f"{median(untouched):.3f}")

    return row


def lived_through(given: World, options: Options) -> tuple[dict[str, float], dict[str, float]]:
    """Of each abusive operator the share of its tokens that is spent when it first stands in the first clusters of
    triage, 1 when it never does: where those are judged each time, and where nobody judges."""
    spending = _Spending(given)
    desks = (_Desk(judging=True), _Desk(judging=False))
    shares: tuple[dict[str, float], dict[str, float]] = ({}, {})
    with tempfile.TemporaryDirectory() as folder:
        for day in range(EVERY, spending.days + 1, EVERY):
            until = spending.start + day * DAY
            result = linked(known_by(given.inputs, until, Path(folder)), options.settings)
            for desk, found in zip(desks, shares, strict=True):
                for name in sorted(_shown(desk.first(result), given.owner) & set(given.operators)):
                    found.setdefault(name, spending.share(name, until))
    everybody = dict.fromkeys(given.operators, 1.0)
    return everybody | shares[0], everybody | shares[1]


def known_by(inputs: Inputs, until: int, folder: Path) -> Inputs:
    """What was known at that moment: accounts, sightings and exchanges from before it, and no ban from after it."""
    accounts = inputs.accounts.filter(pc.less(inputs.accounts["created_at"], until))
    later = pc.fill_null(pc.greater_equal(accounts["status_changed_at"], until), False)
    states = {
        "status": pc.if_else(later, pa.scalar("active"), accounts["status"].cast(pa.string())),
        "status_changed_at": pc.if_else(later, pa.scalar(None, pa.int64()), accounts["status_changed_at"]),
    }
    for name, column in states.items():
        accounts = accounts.set_column(accounts.schema.get_field_index(name), name, column)
    seen = pc.and_(
        pc.is_in(inputs.sightings["account"], accounts["account"].combine_chunks()),
        pc.less(pc.fill_null(inputs.sightings["first_at"], 0), until),
    )
    sightings = inputs.sightings.filter(seen)
    place = sightings.schema.get_field_index("last_at")
    sightings = sightings.set_column(
        place, "last_at", pc.min_element_wise(sightings["last_at"], until, skip_nulls=False)
    )
    paths = []
    for number, path in enumerate(inputs.exchanges):
        paths.append(str(folder / f"known-{until}-{number}.parquet"))
        pq.write_table(pq.read_table(path, filters=[("at", "<", until)]), paths[-1], compression="lz4")
    return replace(inputs, accounts=accounts, sightings=sightings, exchanges=tuple(paths), now=until)


class _Desk:
    """What has been judged, and who was in it then."""

    def __init__(self, *, judging: bool) -> None:
        self.judging = judging
        self.before: dict[int, int] = {}
        """Account to cluster of the run before."""
        self.judged: dict[int, set[int]] = {}
        """Members at the look, by cluster of the run before."""

    def first(self, result: Result) -> list[list[int]]:
        """Members of the first clusters of triage, which are judged by that."""
        now = dict(zip(*(result.members[name].to_pylist() for name in ("account", "cluster")), strict=True))
        identity = match_clusters(self.before, now).identity
        judged = {new: self.judged[old] for new, old in identity.items() if old is not None and old in self.judged}
        members: dict[int, list[int]] = {}
        for account, cluster in now.items():
            members.setdefault(cluster, []).append(account)
        first = sorted(members, key=lambda cluster: (-_worth(result, cluster, members[cluster], judged), cluster))[
            :FIRST
        ]
        if self.judging:
            judged |= {cluster: set(members[cluster]) for cluster in first}
        self.before, self.judged = now, judged
        return [members[cluster] for cluster in first]


def _worth(result: Result, cluster: int, members: list[int], judged: Mapping[int, set[int]]) -> float:
    row = result.clusters.slice(cluster, 1).to_pylist()[0]
    rows = [
        table.filter(pc.equal(table["cluster"], cluster)).to_pylist() for table in (result.behaviour, result.hypotheses)
    ]
    n_new = len(set(members) - judged.get(cluster, set()))
    return triage(Looked(row["bits"], row["n_accounts"], row["n_actionable"], n_new, cluster in judged, *rows)).worth


def _shown(clusters: list[list[int]], owner: Mapping[int, str]) -> set[str]:
    """Operators that are more than half of one of these clusters."""
    shown = set()
    for members in clusters:
        name, n = Counter(owner.get(account, "") for account in members).most_common(1)[0]
        if name and 2 * n > len(members):
            shown.add(name)
    return shown


class _Spending:
    """Tokens of each operator's accounts by time, of a stolen account those of the theft only."""

    def __init__(self, given: World) -> None:
        columns = ["account", "at", "input_tokens", "output_tokens"]
        table = pa.concat_tables([pq.read_table(path, columns=columns) for path in given.inputs.exchanges])
        account, self.at = (np.asarray(table[name].to_numpy()) for name in ("account", "at"))
        self.tokens: Ints = sum(
            np.asarray(table[name].fill_null(0).to_numpy(), np.int64) for name in ("input_tokens", "output_tokens")
        )
        truth = given.truth.to_pylist()
        since = {row["account"]: row["since"] or 0 for row in truth}
        until = {row["account"]: row["until"] or np.iinfo(np.int64).max for row in truth}
        size = int(account.max()) + 1
        starts, ends = (np.array([one.get(i, 0) for i in range(size)], np.int64) for one in (since, until))
        operators = sorted(given.operators)
        number = np.full(size, -1, np.int64)
        for place, name in enumerate(operators):
            number[given.operators[name]] = place
        mine = (number[account] >= 0) & (self.at >= starts[account]) & (self.at < ends[account])
        self.start = int(self.at.min()) // DAY * DAY
        self.days = -(-(int(self.at.max()) - self.start) // DAY)
        self.place = {name: place for place, name in enumerate(operators)}
        self.at, self.tokens, self.operator = self.at[mine], self.tokens[mine], number[account][mine]

    def share(self, name: str, until: int) -> float:
        """Of the operator's tokens those spent before the moment."""
        mine = self.operator == self.place[name]
        return float(self.tokens[mine & (self.at < until)].sum() / max(self.tokens[mine].sum(), 1))
