"""How well a run's clusters agree with labels. What each figure means is in docs/theory/evaluation.md.

Labels name an operator for some accounts; accounts without one are unlabelled, and their kind names the honest
crowd that they belong to. Staff of one company (kind `team`) counts neither way: not as something to find, and not as
wrong when it is found together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

UNLABELLED = ("wrong", "ignore")
NEUTRAL_KINDS = frozenset({"team"})
NO_CROWD = "none"
"""The name of the crowd of accounts without operator and kind."""
SINCE_TOLERANCE = 86_400_000_000
"""An episode is right when it starts within a day, in microseconds, of the label's."""

TRUTH = pa.schema(
    [
        ("account", pa.int64()),
        ("operator", pa.string()),  # null: unlabelled
        ("kind", pa.string()),
        ("abusive", pa.bool_()),
        ("since", pa.int64()),  # microseconds, null: all of the account's life
        ("until", pa.int64()),
    ]
)
"""Labels, at most one row an account. `since` and `until` may be left out."""


@dataclass(frozen=True)
class _Case:
    """Accounts that take part: their operator and kind, their cluster if it is large enough."""

    operator: dict[int, str]  # not neutral
    neutral: dict[int, str]
    crowd: dict[int, str]  # unlabelled accounts
    kind: dict[int, str]
    cluster: dict[int, int]
    actionable: frozenset[int]


def evaluate(
    members: pa.Table,
    truth: pa.Table,
    *,
    ignore_kinds: Collection[str] = (),
    min_size: int = 2,
    unlabelled: str = "wrong",
) -> dict[str, Any]:
    """Every measure of a run, JSON-able. `members` has schema MEMBERS, `truth` TRUTH.

    Accounts of ignored kinds are taken out altogether, then clusters smaller than min_size. With unlabelled="ignore",
    pairs of two unlabelled accounts don't count. Raises ValueError for anything else.
    """
    if unlabelled not in UNLABELLED:
        raise ValueError(f"unlabelled: {unlabelled!r} is not allowed; one of {', '.join(UNLABELLED)}")
    if min_size < 1:
        raise ValueError(f"min_size: {min_size!r} is not allowed; a whole number from 1")
    case = _case(members, truth, frozenset(ignore_kinds), min_size)
    ignore = unlabelled == "ignore"
    shares = _majority_shares(case)
    return {
        "accounts": len(case.operator) + len(case.neutral) + len(case.crowd),
        "operators": len(set(case.operator.values())),
        "clusters": len(set(case.cluster.values())),
        "min_size": min_size,
        "unlabelled": unlabelled,
        "ignored_kinds": sorted(ignore_kinds),
        "pairwise": _pairwise(case, ignore=ignore),
        "bcubed": _bcubed(case, ignore=ignore),
        "account_level": _account_level(case, case.cluster),
        "account_level_actionable": _account_level(case, case.actionable),
        "macro_recall": _mean(shares.values()),
        "recall_by_kind": _recall_by_kind(case, shares),
        "swept_in": _swept_in(case),
        "episodes": _episodes(members, truth, case),
    }


def _case(members: pa.Table, truth: pa.Table, ignored: frozenset[str], min_size: int) -> _Case:
    operator: dict[int, str] = {}
    neutral: dict[int, str] = {}
    crowd: dict[int, str] = {}
    kinds: dict[int, str] = {}
    left_out: set[int] = set()
    columns = (truth[name].to_pylist() for name in ("account", "operator", "kind"))
    for account, name, kind in zip(*columns, strict=True):
        if kind in ignored:
            left_out.add(account)
        elif not name:
            crowd[account] = kind or NO_CROWD
        else:
            (neutral if kind in NEUTRAL_KINDS else operator)[account] = name
            kinds[account] = kind or NO_CROWD
    cluster = dict(zip(members["account"].to_pylist(), members["cluster"].to_pylist(), strict=True))
    cluster = {account: number for account, number in cluster.items() if account not in left_out}
    size = Counter(cluster.values())
    cluster = {account: number for account, number in cluster.items() if size[number] >= min_size}
    for account in cluster:
        if account not in operator and account not in neutral:
            crowd.setdefault(account, NO_CROWD)
    flags = zip(members["account"].to_pylist(), members["actionable"].to_pylist(), strict=True)
    actionable = frozenset(account for account, flag in flags if flag and account in cluster)
    return _Case(operator, neutral, crowd, kinds, cluster, actionable)


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


def _pairwise(case: _Case, *, ignore: bool) -> dict[str, float]:
    """Pairs of accounts in one cluster against pairs of one operator."""
    size = Counter(case.cluster.values())
    together = sum(_pairs(n) for n in size.values())
    right = sum(_pairs(n) for n in Counter(_in_clusters(case, case.operator)).values())
    together -= sum(_pairs(n) for n in Counter(_in_clusters(case, case.neutral)).values())
    if ignore:
        plain = Counter(case.cluster[account] for account in case.crowd if account in case.cluster)
        together -= sum(_pairs(n) for n in plain.values())
    wanted = sum(_pairs(n) for n in Counter(case.operator.values()).values())
    return _measures(right, together, wanted) | {"right": right, "together": together, "wanted": wanted}


def _in_clusters(case: _Case, owners: dict[int, str]) -> Iterable[tuple[int, str]]:
    """(cluster, operator) of each clustered account of these owners."""
    return ((case.cluster[account], name) for account, name in owners.items() if account in case.cluster)


def _bcubed(case: _Case, *, ignore: bool) -> dict[str, float]:
    """B-cubed (Bagga and Baldwin 1998): precision over clustered accounts, recall over accounts with an operator.

    The mean over all accounts would be one of singletons, since nearly all of them are. Teams are no items; they
    count in the size of a cluster only for items that are not of the same team, which is always.
    """
    size = Counter(case.cluster.values())
    shared = Counter(_in_clusters(case, case.operator))
    wanted = Counter(case.operator.values())
    plain = Counter(case.cluster[account] for account in case.crowd if account in case.cluster)
    precision, recall = [], []
    for account, name in case.operator.items():
        number = case.cluster.get(account)
        both = shared[number, name] if number is not None else 1
        recall.append(both / wanted[name])
        if number is not None:
            precision.append(both / size[number])
    if ignore:
        return _from_rates(_mean(precision), _mean(recall))
    precision.extend(1 / size[number] for number, n in plain.items() for _ in range(n))
    return _from_rates(_mean(precision), _mean(recall))


def _account_level(case: _Case, flagged: Collection[int]) -> dict[str, float]:
    """Flagged accounts against accounts with an operator, teams left out."""
    right = sum(account in case.operator for account in flagged)
    wrong = sum(account in case.crowd for account in flagged)
    return _measures(right, right + wrong, len(case.operator)) | {
        "right": right,
        "flagged": right + wrong,
        "wanted": len(case.operator),
    }


def _majority_shares(case: _Case) -> dict[str, float]:
    """For each operator, the share of its accounts in clusters of which it is more than half."""
    size = Counter(case.cluster.values())
    held: dict[str, int] = defaultdict(int)
    for (number, name), n in Counter(_in_clusters(case, case.operator)).items():
        if 2 * n > size[number] and n > 1:
            held[name] += n
    return {name: held[name] / n for name, n in sorted(Counter(case.operator.values()).items())}


def _recall_by_kind(case: _Case, shares: dict[str, float]) -> dict[str, dict[str, float]]:
    """For each kind: operators, accounts, mean share over operators, and share of the accounts themselves."""
    accounts: dict[str, Counter[str]] = defaultdict(Counter)
    for account, name in case.operator.items():
        accounts[case.kind[account]][name] += 1
    out = {}
    for kind, owners in sorted(accounts.items()):
        n = sum(owners.values())
        found = sum(shares[name] * count for name, count in owners.items())
        out[kind] = {
            "operators": len(owners),
            "accounts": n,
            "macro_recall": _mean([shares[name] for name in owners]),
            "recall": found / n,
        }
    return out


def _swept_in(case: _Case) -> dict[str, dict[str, float]]:
    """For each crowd: accounts, and how many of them are in a cluster or actionable."""
    size = Counter(case.crowd.values())
    inside = Counter(crowd for account, crowd in case.crowd.items() if account in case.cluster)
    acted = Counter(crowd for account, crowd in case.crowd.items() if account in case.actionable)
    return {
        crowd: {
            "accounts": n,
            "all": inside[crowd],
            "actionable": acted[crowd],
            "all_share": inside[crowd] / n,
            "actionable_share": acted[crowd] / n,
        }
        for crowd, n in sorted(size.items())
    }


def _episodes(members: pa.Table, truth: pa.Table, case: _Case) -> dict[str, int]:
    """Clustered accounts of which a part of life is the operator's; of how many nothing before is accused (`spared`),
    and of how many the right start (`right`)."""
    if "since" not in truth.schema.names:
        return {"labelled": 0, "clustered": 0, "spared": 0, "right": 0}
    starts = dict(zip(truth["account"].to_pylist(), truth["since"].to_pylist(), strict=True))
    partial = {account: start for account, start in starts.items() if start is not None and account in case.operator}
    accused = dict(zip(members["account"].to_pylist(), members["since"].to_pylist(), strict=True))
    clustered = [account for account in partial if account in case.cluster]
    late = [accused[account] - partial[account] for account in clustered if accused[account] is not None]
    spared = sum(start >= 0 for start in late)
    right = sum(abs(start) <= SINCE_TOLERANCE for start in late)
    return {"labelled": len(partial), "clustered": len(clustered), "spared": spared, "right": right}


def _measures(right: int, given: int, wanted: int) -> dict[str, float]:
    return _from_rates(right / given if given else 0.0, right / wanted if wanted else 0.0)


def _from_rates(precision: float, recall: float) -> dict[str, float]:
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0.0}


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
