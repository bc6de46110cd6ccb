"""Rows on what is found and who is hurt: the ladder of evasion, nobody abusive, one operator alone, relay and takeover."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median

from bench.quality.figures import Figure, Options, Row, at_least, at_most, plain
from bench.quality.worlds import World, actionable, found_shares, linked, spread, without, world
from investigations.linkage import Result, evaluate

RECALL = {"E0": 0.95, "E1": 0.95, "E2": 0.95, "E3": 0.60}
SMALLEST = 20
"""Operators of fewer accounts are printed too; the target is for those of so many and more."""
MOST_CLUSTERS = 3
LONE_SIZE = 20


def ladder(level: str) -> Row:
    """The row of one level of evasion; without a level the operators of a world differ."""

    def row(options: Options) -> Iterator[Figure]:
        recalls: dict[bool, list[float]] = {True: [], False: []}
        clusters: list[int] = []
        hurt = _Hurt()
        by_kind: dict[str, list[float]] = {}
        for seed in options.seeds:
            given = world(options, seed, evasion=level or None)
            result = linked(given, options.settings)
            owners = given.operators
            shares = found_shares(result, owners)
            for name, share in shares.items():
                recalls[len(owners[name]) >= SMALLEST].append(share)
                by_kind.setdefault(given.kind_of[name], []).append(share)
            clusters.extend(spread(result, {n: a for n, a in owners.items() if len(a) >= SMALLEST}).values())
            hurt.add(given, result)
        yield from _recall_figures(level, recalls, by_kind, clusters, hurt)
        yield from hurt.figures(level)

    return row


def _recall_figures(
    level: str,
    recalls: dict[bool, list[float]],
    by_kind: dict[str, list[float]],
    clusters: list[int],
    hurt: _Hurt,
) -> Iterator[Figure]:
    large, every = recalls[True], recalls[True] + recalls[False]
    name = f"macro recall, {len(large)} operators of {SMALLEST} accounts and more"
    recall = mean(large) if large else 0.0
    yield at_least(name, recall, RECALL[level]) if level in RECALL else plain(name, f"{recall:.3f}")
    yield plain(f"macro recall, all {len(every)} operators", f"{mean(every) if every else 0:.3f}")
    kinds = ", ".join(f"{kind} {mean(shares):.2f}" for kind, shares in sorted(by_kind.items()))
    yield plain("macro recall by kind", kinds)
    yield at_most("clusters an operator, median", median(clusters) if clusters else 0, MOST_CLUSTERS)
    if level == "E4":
        yield at_most("actionable accounts of operators that share nothing", hurt.operators_acted, 0)


class _Hurt:
    """Counts honest accounts in clusters and cores, and pairs, over the seeds of a row."""

    def __init__(self) -> None:
        self.honest: Counter[str] = Counter()
        self.clustered: Counter[str] = Counter()
        self.acted: Counter[str] = Counter()
        self.operators_acted = 0
        self.right = self.together = 0

    def add(self, given: World, result: Result) -> None:
        honest, acted = given.honest, actionable(result)
        members = set(result.members["account"].to_pylist())
        self.honest.update(honest.values())
        self.clustered.update(crowd for account, crowd in honest.items() if account in members)
        self.acted.update(crowd for account, crowd in honest.items() if account in acted)
        self.operators_acted += sum(account in acted for accounts in given.operators.values() for account in accounts)
        pairs = evaluate(result.members, given.truth)["pairwise"]
        self.right += pairs["right"]
        self.together += pairs["together"]

    def figures(self, level: str) -> Iterator[Figure]:
        """Honest accounts in cores and clusters, the worst crowds, and the precision of pairs."""
        n = sum(self.honest.values())
        acted, inside = sum(self.acted.values()), sum(self.clustered.values())
        yield at_most("honest in a core, per 100,000", 100_000 * acted / n, 1, note=f" ({acted} of {n})")
        worst = max(self.honest, key=lambda crowd: (self.acted[crowd] / self.honest[crowd], crowd))
        share = self.acted[worst] / self.honest[worst]
        yield at_most("worst crowd's share in a core", share, 0.001, note=f" ({worst})")
        yield at_most("honest in any cluster, share", inside / n, 0.001, note=f" ({inside} of {n})")
        crowds = ", ".join(f"{crowd} {k} of {self.honest[crowd]}" for crowd, k in self.clustered.most_common(5))
        yield plain("crowds with most in a cluster", crowds or "none")
        if level in ("E0", "E1", "E2"):
            precision = self.right / self.together if self.together else 1.0
            yield at_least("precision of pairs", precision, 0.99)


def nobody(options: Options) -> Iterator[Figure]:
    """Worlds without any abusive account: actionable clusters."""
    seeds = range(options.seeds[0], options.seeds[0] + 20)
    actionable_clusters = clustered = honest = 0
    for seed in seeds:
        given = world(options, seed, prevalence=0.0)
        result = linked(given, options.settings)
        actionable_clusters += sum(n > 0 for n in result.clusters["n_actionable"].to_pylist())
        crowd = given.honest
        members = set(result.members["account"].to_pylist())
        clustered += sum(account in members for account in crowd)
        honest += len(crowd)
    yield at_most(f"actionable clusters in {len(seeds)} worlds", actionable_clusters, 1)
    yield at_most("honest in any cluster, share", clustered / honest, 0.001, note=f" ({clustered} of {honest})")


def lone(options: Options) -> Iterator[Figure]:
    """One operator of twenty accounts, everybody else honest."""
    for level in ("E0", "E1"):
        shares = []
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                given, mine = _alone(world(options, seed, evasion=level), Path(folder))
                result = linked(given, options.settings)
            shares.append(found_shares(result, {"lone": mine})["lone"])
        found = sum(share >= 0.5 for share in shares) / len(shares)
        yield at_least(f"{level}: worlds in which at least half of it is found", found, 1.0)
        yield plain(f"{level}: share found", ", ".join(f"{share:.2f}" for share in shares))


def _alone(given: World, folder: Path) -> tuple[World, list[int]]:
    """The world with twenty accounts of its largest operator as the only abusive ones."""
    largest = max(given.operators.values(), key=len)[:LONE_SIZE]
    others = {account for accounts in given.operators.values() for account in accounts} - set(largest)
    return without(given, others, folder), largest


def pools(options: Options) -> Iterator[Figure]:
    """Relay pools and stolen accounts at E0 to E2."""
    shares: dict[str, list[float]] = {"relay": [], "takeover": []}
    episodes: Counter[str] = Counter()
    for level in ("E0", "E1", "E2"):
        for seed in options.seeds:
            given = world(options, seed, evasion=level)
            result = linked(given, options.settings)
            for name, share in found_shares(result, given.operators).items():
                if given.kind_of[name] in shares:
                    shares[given.kind_of[name]].append(share)
            episodes.update(evaluate(result.members, given.truth)["episodes"])
    for kind, found in shares.items():
        yield at_least(f"{kind}: macro recall", mean(found) if found else 0.0, 0.95)
    spared, right = (episodes[name] / max(episodes["clustered"], 1) for name in ("spared", "right"))
    yield at_least(f"stolen accounts, of {episodes['clustered']}, whose owner's time is not accused", spared, 0.95)
    yield plain("stolen accounts accused from the day of the theft", f"{right:.3f}")
