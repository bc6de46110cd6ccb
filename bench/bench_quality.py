"""How much the engine finds, and whom it sweeps in: simulated worlds by evasion level, and the public data.

    python bench/bench_quality.py [--accounts N] [--seeds S ...] > docs/theory/quality.md

The public data is read from the folder in REAL_DATA; without it that part says that it was left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from accounts.simulation import WorldSettings, simulate  # noqa: E402
from bench.extract import Extract, extract_read  # noqa: E402
from investigations.linkage import Result, Settings, evaluate, run  # noqa: E402
from tests.linkage import real_data  # noqa: E402

LEVELS = ("E0", "E1", "E2", "E3", "E4")


def main() -> None:
    """Prints the tables as Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--prevalence", type=float, default=0.025)
    options = parser.parse_args()
    settings = Settings()
    print("# What the engine finds, measured\n")
    print(
        f"Command: `python bench/bench_quality.py --accounts {options.accounts} --seeds "
        f"{' '.join(map(str, options.seeds))} --prevalence {options.prevalence:g}`, default settings.\n"
    )
    worlds_print(options.accounts, options.seeds, options.prevalence, settings)
    real_print(settings)


def worlds_print(accounts: int, seeds: list[int], prevalence: float, settings: Settings) -> None:
    """Simulated worlds: one table of measures, one by kind and level, one of honest crowds."""
    found: Counter[tuple[str, str]] = Counter()
    wanted: Counter[tuple[str, str]] = Counter()
    crowds: dict[str, Counter[str]] = defaultdict(Counter)
    print(f"## Simulated worlds: {accounts} accounts, {100 * prevalence:g} % in abusive hands, mixed levels\n")
    head_print("seed")
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            extract = world(Path(folder), accounts, prevalence, seed)
            result = run(extract.inputs, settings, workdir=Path(folder) / "run")
        measures = evaluate(result.members, extract.truth)
        print(f"| {seed} | {measures_row(measures)} |", flush=True)
        by_level(result, extract, found, wanted)
        for crowd, row in measures["swept_in"].items():
            crowds[crowd].update({key: int(row[key]) for key in ("accounts", "all", "actionable")})
    levels_print(found, wanted)
    print(
        "\n## Honest crowds, all seeds together\n\n| crowd | accounts | in a cluster | actionable |\n|---|---|---|---|"
    )
    for crowd, row in sorted(crowds.items()):
        print(f"| {crowd} | {row['accounts']} | {row['all']} | {row['actionable']} |")


MEASURES = (
    "pairs P / R",
    "B-cubed P / R",
    "accounts P / R",
    "actionable P / R",
    "macro recall",
    "swept in",
    "and acted",
)


def head_print(*first: str) -> None:
    """The head of a table of measures."""
    names = (*first, *MEASURES)
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))


def world(folder: Path, accounts: int, prevalence: float, seed: int) -> Extract:
    """A simulated world, read for the engine."""
    simulate(folder / "extract", WorldSettings(accounts=accounts, prevalence=prevalence, seed=seed))
    return extract_read(folder / "extract", folder)


def measures_row(measures: dict[str, Any]) -> str:
    """The cells of a row of measures."""
    names = ("pairwise", "bcubed", "account_level", "account_level_actionable")
    cells = [f"{measures[name]['precision']:.3f} / {measures[name]['recall']:.3f}" for name in names]
    swept = [sum(row[key] for row in measures["swept_in"].values()) for key in ("all", "actionable")]
    return " | ".join([*cells, f"{measures['macro_recall']:.3f}", str(swept[0]), str(swept[1])])


def by_level(
    result: Result, extract: Extract, found: Counter[tuple[str, str]], wanted: Counter[tuple[str, str]]
) -> None:
    """Adds the accounts of each kind and level, and those in clusters of which their operator is more than half."""
    columns = (extract.truth[name].to_pylist() for name in ("account", "operator", "kind", "evasion"))
    labels = {
        account: (owner, kind, level or "") for account, owner, kind, level in zip(*columns, strict=True) if owner
    }
    wanted.update((kind, level) for _, kind, level in labels.values())
    clusters: dict[int, list[int]] = defaultdict(list)
    for number, account in zip(*(result.members[name].to_pylist() for name in ("cluster", "account")), strict=True):
        clusters[number].append(account)
    for members in clusters.values():
        owners = Counter(labels[account][0] for account in members if account in labels)
        owner, n = owners.most_common(1)[0] if owners else ("", 0)
        if 2 * n > len(members):
            found.update(labels[one][1:] for one in members if one in labels and labels[one][0] == owner)


def levels_print(found: Counter[tuple[str, str]], wanted: Counter[tuple[str, str]]) -> None:
    """Accounts found of each kind, a column a level."""
    print("\n## Found by kind and level, all seeds together\n")
    print("Accounts in clusters of which their operator is more than half, of all its accounts. E4 shares nothing.\n")
    print("| kind | " + " | ".join([*LEVELS, "no level"]) + " |\n|" + "---|" * (len(LEVELS) + 2))
    for kind in sorted({kind for kind, _ in wanted}):
        cells = [
            f"{found[kind, level]} of {wanted[kind, level]}" if wanted[kind, level] else "" for level in (*LEVELS, "")
        ]
        print(f"| {kind} | " + " | ".join(cells) + " |")


def real_print(settings: Settings) -> None:
    """The public data, by the rules of their README."""
    print("\n## Public data\n")
    if not real_data.DATA:
        print("Left out: REAL_DATA is not set.")
        return
    head_print("data", "rules")
    rules: list[tuple[str, str, dict[str, Any]]] = [
        ("hop", "without `circular`, clusters of 8 or more", {"ignore_kinds": ["circular"], "min_size": 8}),
        ("hop", "without `circular`", {"ignore_kinds": ["circular"]}),
        ("numpy-identities", "all", {}),
        ("numpy-identities", "pairs of two unlabelled accounts left out", {"unlabelled": "ignore"}),
    ]
    done: dict[str, tuple[Result, Any]] = {}
    for name, rule, options in rules:
        if name not in done:
            extract = real_data.load(name)
            with tempfile.TemporaryDirectory() as folder:
                done[name] = (run(extract.inputs, settings, workdir=Path(folder)), extract.truth)
        result, truth = done[name]
        print(f"| {name} | {rule} | {measures_row(evaluate(result.members, truth, **options))} |", flush=True)


if __name__ == "__main__":
    main()
