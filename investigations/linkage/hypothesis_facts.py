"""The numbers that benign explanations are tested with, counted for all clusters at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, column_ints
from investigations.linkage.hypotheses import CROWDED_OTHERS, RUSH_HOURS, ClusterFacts, Shared, hypotheses_test
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.position import Linked, seen_at_opening_only
from investigations.linkage.settings import Settings
from investigations.linkage.units import HOUR, SECOND
from investigations.linkage.usage import Usage

KINDS = ("ip", "content_fingerprint", "device_id", "payment_fingerprint", "phone")
"""Kinds that a test looks at by themselves; the others only with their family."""
UNPLANTABLE = ("payment", "contact", "device")


def hypotheses_table(
    inputs: types.Inputs,
    gathered: Gathered,
    linked: Linked,
    labels: Ints,
    made: dict[str, pa.Table],
    usage: Usage | None,
    settings: Settings,
) -> pa.Table:
    """HYPOTHESES, by cluster and in their fixed order; `made` holds clusters, members and families of the result.

    Cost: a look at the evidence inside clusters, the holders of its values, and when members were last seen.
    """
    rows = [
        (number, name, test.answer, test.text, sorted(test.figures.items()))
        for number, facts in enumerate(cluster_facts(inputs, gathered, linked, labels, made, usage, settings))
        for name, test in hypotheses_test(facts).items()
    ]
    cluster, name, answer, text, figures = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    listed = [[{"name": key, "value": value} for key, value in row] for row in figures]
    return pa.table(
        {"cluster": cluster, "hypothesis": name, "answer": answer, "text": text, "figures": listed},
        schema=types.HYPOTHESES,
    )


def cluster_facts(
    inputs: types.Inputs,
    gathered: Gathered,
    linked: Linked,
    labels: Ints,
    made: dict[str, pa.Table],
    usage: Usage | None,
    settings: Settings,
) -> list[ClusterFacts]:
    """The facts of each cluster, by number."""
    n = made["clusters"].num_rows
    values = _ValuesInside.of(gathered, linked, labels)
    only = _resting_only_on(made["members"], n)
    opened, used = _by_opening(gathered, linked, labels, settings, n)
    largest, several = values.open_groups(gathered, settings, n)
    first, last, seen, rush = _times(inputs, usage, made["members"], n)
    shared, parts = values.shared(gathered, n), _parts(made["cluster_families"], n)
    counts = [column_ints(made["clusters"], name).tolist() for name in ("n_accounts", "n_links")]
    return [
        ClusterFacts(
            n_accounts=counts[0][i],
            n_links=counts[1][i],
            shared=shared[i],
            parts_without=parts[i],
            n_network_only=int(only[0][i]),
            n_template_only=int(only[1][i]),
            n_plantable=int(only[2][i]),
            open_members=int(largest[i]),
            n_open=int(several[i]),
            n_opened=int(opened[i]),
            n_used=int(used[i]),
            first_created_at=_seconds(first[i]),
            last_created_at=_seconds(last[i]),
            last_seen_at=_seconds(seen[i]),
            n_rush=int(rush[i]),
        )
        for i in range(n)
    ]


class _ValuesInside:
    """Values with evidence in a cluster: how many members and how many others have each."""

    def __init__(self, cluster: Ints, value: Ints, members: Ints, others: Ints) -> None:
        self.cluster, self.value, self.members, self.others = cluster, value, members, others

    @classmethod
    def of(cls, gathered: Gathered, linked: Linked, labels: Ints) -> _ValuesInside:
        """Distinct (cluster, value) of the evidence, hubs included."""
        link, value = linked.evidence[:, 0], linked.evidence[:, 1]
        inside = (linked.cluster[link] >= 0) & (gathered.stated[value] == 0)
        span = max(gathered.n_values, 1)
        wanted = np.unique(linked.cluster[link[inside]] * span + value[inside])
        size = gathered.unit_size[gathered.holders].astype(np.float64)
        held = np.repeat(np.arange(gathered.n_values), gathered.value_holders)
        everybody = np.bincount(held, size, gathered.n_values).astype(np.int64)
        label = labels[gathered.holders]
        place = np.searchsorted(wanted, label * span + held)
        mine = (label >= 0) & (place < wanted.size)
        mine[mine] = wanted[place[mine]] == (label * span + held)[mine]
        members = np.bincount(place[mine], size[mine], wanted.size).astype(np.int64)
        return cls(wanted // span, wanted % span, members, everybody[wanted % span] - members)

    def shared(self, gathered: Gathered, n: int) -> list[dict[str, Shared]]:
        """By cluster what is shared of each family and of each of KINDS."""
        out: list[dict[str, Shared]] = [{} for _ in range(n)]
        family, kind = gathered.value_family[self.value], gathered.value_kind[self.value]
        sorts = [(name, family == code) for code, name in enumerate(types.FAMILIES)]
        sorts += [(name, kind == code) for code, name in enumerate(gathered.kinds) if name in KINDS]
        for name, mine in sorts:
            cluster, members, others = self.cluster[mine], self.members[mine], self.others[mine]
            most = np.zeros(n, np.int64)
            np.maximum.at(most, cluster, members)
            figures = (
                np.bincount(cluster, minlength=n),
                np.bincount(cluster[others > CROWDED_OTHERS], minlength=n),
                np.bincount(cluster[others > members], minlength=n),
                np.bincount(cluster, others, n).astype(np.int64),
                most,
            )
            for i in np.flatnonzero(figures[0]).tolist():
                out[i][name] = Shared(*(int(figure[i]) for figure in figures))
        return out

    def open_groups(self, gathered: Gathered, settings: Settings, n: int) -> tuple[Ints, Ints]:
        """By cluster the members of the largest openly named group, and how many groups there are."""
        is_open = np.array([kind in settings.open_kinds for kind in gathered.kinds], bool)
        mine = is_open[gathered.value_kind[self.value]] if self.value.size else np.empty(0, bool)
        largest = np.zeros(n, np.int64)
        np.maximum.at(largest, self.cluster[mine], self.members[mine])
        return largest, np.bincount(self.cluster[mine], minlength=n)


def _resting_only_on(members: pa.Table, n: int) -> tuple[Ints, Ints, Ints]:
    """By cluster the members whose links rest on the network alone, on clients and content alone, and on nothing that
    a stranger can't make."""
    cluster, families = column_ints(members, "cluster"), column_ints(members, "families")
    bit = {name: 1 << i for i, name in enumerate(types.FAMILIES)}
    solid = sum(bit[name] for name in UNPLANTABLE)

    def counted(chosen: npt.NDArray[np.bool_]) -> Ints:
        return np.bincount(cluster[chosen], minlength=n)

    template = (families != 0) & (families & ~(bit["client"] | bit["content"]) == 0)
    return counted(families == bit["network"]), counted(template), counted(families & solid == 0)


def _by_opening(gathered: Gathered, linked: Linked, labels: Ints, settings: Settings, n: int) -> tuple[Ints, Ints]:
    """By cluster the members all of whose reasons are payment or seen at sign-up only, and those with others."""
    link, value, bits = linked.evidence[:, 0], linked.evidence[:, 1], linked.evidence[:, 2]
    keep = (linked.cluster[link] >= 0) & (bits >= round(1000 * settings.actionable_value_bits))
    keep &= gathered.stated[value] == 0
    link, value = link[keep], value[keep]
    span = max(gathered.n_values, 1)
    held = np.unique(np.concatenate([linked.a[link] * span + value, linked.b[link] * span + value]))
    unit, value = held // span, held % span
    opening = seen_at_opening_only(gathered, unit, value, settings)
    opening |= gathered.value_family[value] == types.FAMILIES.index("payment")
    used = np.zeros(gathered.n_units, bool)
    used[unit[~opening]] = True
    tied = np.unique(unit)
    size = gathered.unit_size[tied].astype(np.float64)
    both = [np.bincount(labels[tied][chosen], size[chosen], n) for chosen in (~used[tied], used[tied])]
    return both[0].astype(np.int64), both[1].astype(np.int64)


def _times(inputs: types.Inputs, usage: Usage | None, members: pa.Table, n: int) -> tuple[Ints, Ints, Ints, Ints]:
    """By cluster when its first and its last account was made and when a member was last seen (NO_TIME: unknown), and
    the most members that signed up within RUSH_HOURS."""
    account, cluster = column_ints(members, "account"), column_ints(members, "cluster")
    created = _latest(account, inputs.accounts, "account", "created_at")
    seen = _latest(account, inputs.sightings, "account", "last_at")
    if usage is not None:
        seen = np.maximum(seen, _latest(account, usage.by_account, "account", "last_at"))
    first, last, latest = np.full(n, 2**63 - 1), np.full(n, NO_TIME), np.full(n, NO_TIME)
    known = created != NO_TIME
    np.minimum.at(first, cluster[known], created[known])
    np.maximum.at(last, cluster[known], created[known])
    np.maximum.at(latest, cluster, seen)
    first[last == NO_TIME] = NO_TIME
    return first, last, latest, _rush(cluster[known], created[known], n)


def _rush(cluster: Ints, created: Ints, n: int) -> Ints:
    """The most accounts of each cluster that were made within RUSH_HOURS of each other."""
    most = np.zeros(n, np.int64)
    order = np.lexsort((created, cluster))
    bounds = np.searchsorted(cluster[order], np.arange(n + 1))
    for i in range(n):
        at = created[order[bounds[i] : bounds[i + 1]]]
        within = np.searchsorted(at, at + RUSH_HOURS * HOUR, side="right") - np.arange(at.size)
        most[i] = within.max(initial=0)
    return most


def _latest(account: Ints, table: pa.Table, key: str, name: str) -> Ints:
    """The latest time that the table knows of each account, NO_TIME when none."""
    order = np.argsort(account)
    rows = table.filter(pc.and_(pc.is_in(table[key], pa.array(account)), pc.is_valid(table[name])))
    out = np.full(account.size, NO_TIME, np.int64)
    np.maximum.at(out, order[np.searchsorted(account[order], column_ints(rows, key))], column_ints(rows, name))
    return out


def _parts(families: pa.Table, n: int) -> list[dict[str, int]]:
    """By cluster the parts that it falls into without each family."""
    out: list[dict[str, int]] = [{} for _ in range(n)]
    columns = [families[name].to_pylist() for name in ("cluster", "family", "parts_without")]
    for cluster, family, parts in zip(*columns, strict=True):
        out[cluster][family] = parts
    return out


def _seconds(at: int) -> int | None:
    return None if at == NO_TIME else int(at) // SECOND
