"""How a cluster's members use the platform, beside accounts in no cluster. Apart from linkage: nothing here links.

Each measure is a number of the cluster, the same number of ordinary accounts (or by chance), and how far apart they
are. What the data lacks is not known, never unusual. Country is no measure. See docs/theory/behaviour.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, column_ints
from investigations.linkage.position import Linked
from investigations.linkage.types import MEASURES
from investigations.linkage.units import MILLION
from investigations.linkage.usage import NO_CLUSTER, Usage

Floats = npt.NDArray[np.float64]
ENOUGH = 20
"""Fewer ordinary accounts, exchanges of an account, days or account-hours say nothing."""
WEEK_HOURS = 168
NEAR_QUOTA = 0.8
NARROW_CHANCE = 0.02
"""Coverage says nothing where chance alone would have nearly no two members active at once."""


@dataclass(frozen=True)
class Measured:
    """A measure of every cluster; NaN where it is not known."""

    value: Floats
    ordinary: Floats
    unusual: Floats
    texts: tuple[str, ...]


def behaviour_table(usage: Usage | None, gathered: Gathered, linked: Linked, n: int) -> pa.Table:
    """BEHAVIOUR: by cluster and measure in their fixed order."""
    found = dict.fromkeys(MEASURES, unknown(n)) | {"handoff": handoff(gathered, linked, n)}
    if usage is not None:
        found |= {
            "volume": volume(usage, n),
            "narrowness": narrowness(usage, n),
            "template": template(usage, n),
            "coverage": coverage(usage, n),
            "hours": hours(usage, n),
            "quota": quota(usage, n),
        }
    columns = [
        np.stack([getattr(found[name], part) for name in MEASURES], axis=1).reshape(-1)
        for part in ("value", "ordinary", "unusual")
    ]
    known = ~np.isnan(columns[2])
    millionths = [pa.array(np.rint(np.where(known, c, 0) * MILLION).astype(np.int64), mask=~known) for c in columns]
    return pa.table(
        {
            "cluster": np.repeat(np.arange(n), len(MEASURES)),
            "measure": list(MEASURES) * n,
            **dict(zip(("value", "ordinary", "unusual"), millionths, strict=True)),
            "text": [found[name].texts[i] for i in range(n) for name in MEASURES],
        },
        schema=types.BEHAVIOUR,
    )


def unknown(n: int) -> Measured:
    """Nothing known of any cluster."""
    none = np.full(n, np.nan)
    return Measured(none, none, none, ("This is not known here.",) * n)


def volume(usage: Usage, n: int) -> Measured:
    """Where members stand by tokens put out (exchanges, where tokens are unknown) among other accounts of their plan."""
    has_tokens = usage.by_account["tokens"].null_count < usage.by_account.num_rows
    used = usage.per_account(usage.by_account, "tokens" if has_tokens else "n")
    rank, share = _rank_in_plan(used, usage)
    value = _median_by(usage.cluster, rank, n)
    together = np.bincount(usage.cluster[usage.cluster >= 0], share[usage.cluster >= 0], n)
    return _measured(
        value,
        np.full(n, 0.5),
        2 * value - 1,
        lambda i: (
            f"A typical member uses more than {_percent(min(value[i], 0.99))} of other accounts of its plan; "
            f"together they use as much as {together[i]:,.0f} average ones."
        ),
    )


def narrowness(usage: Usage, n: int) -> Measured:
    """The share of a typical member's exchanges that are of its commonest shape: system prompt, tools, parameters."""
    most, of = usage.per_account(usage.shapes, "most"), usage.per_account(usage.shapes, "n")
    share = np.where(of >= ENOUGH, most / np.maximum(of, 1), np.nan)
    value, ordinary = _median_by(usage.cluster, share, n), _ordinary(share, usage)
    return _measured(
        value,
        np.full(n, ordinary),
        _above(value, np.full(n, ordinary)),
        lambda i: (
            f"A typical member sends {_percent(value[i])} of its requests with the same system prompt, tools and "
            f"parameters; others send {_percent(ordinary)}."
        ),
    )


def template(usage: Usage, n: int) -> Measured:
    """The share of the cluster's exchanges that bear its commonest system prompt, and of others' that bear the same."""
    cluster, system, count = (column_ints(usage.templates, name) for name in ("cluster", "system", "n"))
    totals = np.bincount(cluster[cluster >= 0], count[cluster >= 0], n)
    others = dict(zip(system[cluster == NO_CLUSTER].tolist(), count[cluster == NO_CLUSTER].tolist(), strict=True))
    n_others = max(sum(others.values()), 1)
    value, ordinary = np.full(n, np.nan), np.full(n, np.nan)
    inside, first = np.unique(cluster, return_index=True)
    for i, at in zip(inside.tolist(), first.tolist(), strict=True):
        if i >= 0 and totals[i] >= ENOUGH:
            value[i] = count[at] / totals[i]
            ordinary[i] = others.get(int(system[at]), 0) / n_others
    return _measured(
        value,
        ordinary,
        value - ordinary,
        lambda i: (
            f"{_percent(value[i])} of their requests bear one system prompt; {_percent(ordinary[i])} of others' do."
        ),
    )


def coverage(usage: Usage, n: int) -> Measured:
    """Hours with a member active over the members' active hours: how seldom two are active at once. Chance keeps each
    cluster's own hours of the week and how much its members are active."""
    cluster, hour, active = (column_ints(usage.together, name) for name in ("cluster", "hour", "n"))
    value, ordinary = np.full(n, np.nan), np.full(n, np.nan)
    bounds = np.searchsorted(cluster, np.arange(n + 1))
    for i in range(n):
        mine = slice(bounds[i], bounds[i + 1])
        total = int(active[mine].sum())
        if total < ENOUGH or mine.stop - mine.start < 2:
            continue
        first, last = int(hour[mine].min()), int(hour[mine].max())
        weekly = np.bincount(hour[mine] % WEEK_HOURS, active[mine], WEEK_HOURS)
        slots = np.bincount(np.arange(first, last + 1) % WEEK_HOURS, minlength=WEEK_HOURS)
        expected = float((slots * -np.expm1(-weekly / np.maximum(slots, 1))).sum())
        value[i], ordinary[i] = (mine.stop - mine.start) / total, min(expected / total, 1.0)
    telling = 1 - ordinary >= NARROW_CHANCE
    unusual = np.where(telling, _above(value, ordinary), np.where(np.isnan(ordinary), np.nan, 0.0))
    return _measured(
        value,
        ordinary,
        unusual,
        lambda i: (
            f"100 active hours of members fall on {100 * value[i]:.0f} different hours; by chance they would fall on "
            f"{100 * ordinary[i]:.0f}."
        ),
    )


def hours(usage: Usage, n: int) -> Measured:
    """Over how many hours of the day a typical member's exchanges spread (perplexity), as a share of 24."""
    place = np.searchsorted(usage.account, column_ints(usage.hours, "account"))
    counts = np.zeros((usage.account.size, 24))
    counts[place, column_ints(usage.hours, "hour")] = column_ints(usage.hours, "n")
    total = counts.sum(axis=1)
    share = counts / np.maximum(total, 1)[:, None]
    spread = np.exp(-(share * np.log(np.where(share > 0, share, 1))).sum(axis=1)) / 24
    spread = np.where(total >= ENOUGH, spread, np.nan)
    value, ordinary = _median_by(usage.cluster, spread, n), _ordinary(spread, usage)
    return _measured(
        value,
        np.full(n, ordinary),
        _above(value, np.full(n, ordinary)),
        lambda i: (
            f"A typical member is active over {24 * value[i]:.0f} hours of the day; others are over {24 * ordinary:.0f}."
        ),
    )


def quota(usage: Usage, n: int) -> Measured:
    """The share of a cluster's days of use that come near the quota, which is the median of what accounts of the plan
    get through on days with a rate limit."""
    place = np.searchsorted(usage.account, column_ints(usage.days, "account"))
    through = column_ints(usage.days, "n")
    limited = np.asarray(usage.days["limited"].to_numpy(zero_copy_only=False), bool)
    names = sorted({plan or "" for plan in usage.plan})
    plan = np.array([names.index(name or "") for name in usage.plan], np.int64)[place]
    limit = np.full(len(names), np.nan)
    for code in range(len(names)):
        seen = through[limited & (plan == code)]
        limit[code] = np.median(seen) if seen.size >= ENOUGH and seen.any() else np.nan
    near = np.where(np.isnan(limit[plan]), np.nan, through >= NEAR_QUOTA * limit[plan])
    cluster, known = usage.cluster[place], ~np.isnan(near)
    ordinary = (
        float(np.mean(near[known & (cluster == NO_CLUSTER)])) if (known & (cluster == NO_CLUSTER)).any() else np.nan
    )
    mine = known & (cluster >= 0)
    days = np.bincount(cluster[mine], minlength=n)
    value = np.where(days >= ENOUGH, np.bincount(cluster[mine], near[mine], n) / np.maximum(days, 1), np.nan)
    return _measured(
        value,
        np.full(n, ordinary),
        _above(value, np.full(n, ordinary)),
        lambda i: (
            f"On {_percent(value[i])} of their days of use they come near the quota; others do on {_percent(ordinary)}."
        ),
    )


def handoff(gathered: Gathered, linked: Linked, n: int) -> Measured:
    """How often one member begins where another was stopped, and how often chance would bring that about."""
    codes = [code for code, kind in enumerate(gathered.kinds) if kind.endswith("_handoff")]
    if not codes:
        return unknown(n)
    row, value = linked.evidence[:, 0], linked.evidence[:, 1]
    mine = np.isin(gathered.value_kind[value], codes) & (linked.cluster[row] >= 0)
    cluster, value = linked.cluster[row[mine]], value[mine]
    seen = np.bincount(cluster, gathered.seen[value], n)
    expected = np.bincount(cluster, gathered.expected[value] / MILLION, n)
    unusual = np.where(seen >= 3, 1 - expected / np.maximum(seen, 1), 0.0)
    return _measured(
        seen,
        expected,
        unusual,
        lambda i: (
            f"{seen[i]:,.0f} times a member began where another was stopped; chance would bring about "
            f"{'less than 0.1' if expected[i] < 0.1 else format(expected[i], ',.1f')}."
        ),
    )


def _measured(value: Any, ordinary: Any, unusual: Any, say: Callable[[int], str]) -> Measured:
    """With texts; what one of the numbers is missing for is not known."""
    known = ~(np.isnan(value) | np.isnan(ordinary) | np.isnan(unusual))
    texts = tuple(say(i) if known[i] else "This is not known here." for i in range(value.size))
    none = np.where(known, 0.0, np.nan)
    return Measured(value + none, ordinary + none, np.clip(unusual, 0, 1) + none, texts)


def _rank_in_plan(used: Ints, usage: Usage) -> tuple[Floats, Floats]:
    """By account its mid-rank, 0 to 1, among the sample of its plan, and its use over the sample's mean there; all of
    the sample stands in for a plan with too few."""
    rank, share = np.full(used.size, np.nan), np.zeros(used.size)
    everybody = np.sort(used[usage.is_sample])
    for plan in sorted({plan or "" for plan in usage.plan}):
        mine = np.array([(name or "") == plan for name in usage.plan], bool)
        peers = np.sort(used[mine & usage.is_sample])
        peers = peers if peers.size >= ENOUGH else everybody
        if peers.size < ENOUGH:
            continue
        below, upto = np.searchsorted(peers, used[mine], "left"), np.searchsorted(peers, used[mine], "right")
        rank[mine] = (below + upto) / (2 * peers.size)
        share[mine] = used[mine] / max(float(np.mean(peers)), 1.0)
    return rank, share


def _median_by(cluster: Ints, values: Floats, n: int) -> Floats:
    """The median of each cluster's known values; NaN without one."""
    out = np.full(n, np.nan)
    known = ~np.isnan(values) & (cluster >= 0)
    cluster, values = cluster[known], values[known]
    order = np.lexsort((values, cluster))
    for mine in _runs(cluster[order]):
        out[cluster[order[mine.start]]] = np.median(values[order[mine]])
    return out


def _runs(keys: Ints) -> Iterable[slice]:
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(keys)) + 1, [keys.size]]) if keys.size else np.zeros(1, int)
    return [slice(start, end) for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]


def _ordinary(values: Floats, usage: Usage) -> float:
    """The median of the sample's known values; NaN when they are too few."""
    known = values[usage.is_sample & ~np.isnan(values)]
    return float(np.median(known)) if known.size >= ENOUGH else float("nan")


def _above(value: Floats, ordinary: Floats) -> Floats:
    """How much of the way from ordinary to all the value has gone, 0 when it is below."""
    return np.asarray((value - ordinary) / np.maximum(1 - ordinary, 1e-9))


def _percent(share: Any) -> str:
    return f"{100 * share:.0f} %"
