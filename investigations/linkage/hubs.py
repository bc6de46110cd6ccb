"""Step 2: hubs, values whose holders are independent of each other given everything else that they have.

A carrier's address, a campus, a VPN exit, a popular client: many strangers. A network's own proxy also has many
holders, but they are tied to each other by cards, devices or other addresses far more often than chance explains.
Size alone tells the two apart in neither direction, so it is not asked. See docs/theory/hubs.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from investigations.linkage import types
from investigations.linkage.gather import Gathered, column_ints
from investigations.linkage.kernels import dependence
from investigations.linkage.settings import Settings
from investigations.linkage.threads import each
from investigations.linkage.units import MILLION

PIECES = 16
"""Parts of the tested values that are looked at beside each other."""


@dataclass(frozen=True)
class Hubs:
    """For each value: whether it is a hub, and its holders' independence in millionths (-1: not tested)."""

    is_hub: npt.NDArray[np.bool_]
    independence: npt.NDArray[np.int32]
    is_marked: npt.NDArray[np.bool_]
    """People marked it as shared by strangers: a hub, whatever the test says."""


def find_hubs(gathered: Gathered, settings: Settings, marked: pa.Table | None = None) -> Hubs:
    """The hubs, with those that people marked (types.MARKED). Cost: a bounded look at hub_sample holders of each value
    that has enough of them."""
    minimum = np.array([settings.family(name).hub_min_holders for name in types.FAMILIES], np.int64)
    tested = np.flatnonzero(gathered.value_holders >= minimum[gathered.value_family])
    pointers, values, _, _ = gathered.by_unit
    arguments = (
        gathered.holder_ptr,
        gathered.holders,
        pointers,
        values,
        gathered.value_kind,
        showing_kinds(gathered, settings),
        settings.hub_sample,
        settings.hub_rare_holders,
        gathered.n_units,
    )
    independence = np.full(gathered.n_values, -1, np.int32)
    pieces = [tested[start::PIECES] for start in range(PIECES)]
    for piece, counts in zip(pieces, each(lambda piece: dependence(piece, *arguments), pieces), strict=True):
        independence[piece] = independence_from(*counts)
    is_marked = marked_values(gathered, types.MARKED.empty_table() if marked is None else marked)
    return Hubs((independence >= round(settings.hub_independence * MILLION)) | is_marked, independence, is_marked)


def marked_values(gathered: Gathered, marked: pa.Table) -> npt.NDArray[np.bool_]:
    """Which of the shared values are in the table; what is in it and not shared is no value here."""
    out = np.zeros(gathered.n_values, bool)
    kinds, numbers = marked["kind"].cast(pa.string()).to_pylist(), column_ints(marked, "value")
    for code, kind in enumerate(gathered.kinds):
        mine = np.flatnonzero(gathered.value_kind == code) if kind in kinds else np.empty(0, np.int64)
        wanted = numbers[np.array([name == kind for name in kinds], bool)]
        out[mine[np.isin(gathered.value_number[mine], wanted)]] = True
    return out


def kind_groups(kinds: tuple[str, ...], kind_family: npt.NDArray[np.int8], settings: Settings) -> npt.NDArray[np.int16]:
    """A number for each kind, the same for those whose values come to strangers together (`collections`)."""
    first: dict[str, int] = {}
    groups = np.zeros(len(kinds), np.int16)
    for code, kind in enumerate(kinds):
        family = types.FAMILIES[kind_family[code]]
        together = settings.family(family).collections and kind not in settings.apart
        groups[code] = first.setdefault(family if together else f"kind {kind}", code)
    return groups


def showing_kinds(gathered: Gathered, settings: Settings) -> npt.NDArray[np.bool_]:
    """[kind, other]: whether a shared value of the other kind shows that holders of a value of the kind are tied.

    Not when one follows from the other (an address and its range), nor inside a group of kinds that come together,
    unless there is but one group to look at.
    """
    groups = kind_groups(gathered.kinds, gathered.kind_family, settings)
    finer = finer_matrix(gathered.kinds, settings)
    shows = ~(finer | finer.T)
    if np.unique(groups[gathered.value_kind]).size > 1:
        collections = [settings.family(types.FAMILIES[family]).collections for family in gathered.kind_family]
        shows &= ~((groups[:, None] == groups[None, :]) & np.array(collections, bool)[:, None])
    return shows


def finer_matrix(kinds: tuple[str, ...], settings: Settings) -> npt.NDArray[np.bool_]:
    """[coarse, fine]: whether a value of the coarse kind follows from one of the fine kind."""
    matrix = np.zeros((len(kinds), len(kinds)), bool)
    for i, coarse in enumerate(kinds):
        for j, fine in enumerate(kinds):
            matrix[i, j] = fine in settings.coarser.get(coarse, ())
    return matrix


def independence_from(
    looked: npt.NDArray[np.int32], tied: npt.NDArray[np.int32], chance: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    """Millionths of holders that have nothing in common beyond chance: 1 - (seen - chance) / (1 - chance).

    Where chance alone ties nearly everybody (a value that almost all have) nothing can be seen: independent.
    """
    room = looked - chance
    excess = np.where(room > 0.05 * looked, (tied - chance) / np.maximum(room, 1e-9), 0.0)
    return np.asarray(np.rint((1.0 - np.clip(excess, 0.0, 1.0)) * MILLION), dtype=np.int32)


def hub_table(gathered: Gathered, hubs: Hubs) -> pa.Table:
    """HUBS: every value that was tested or marked, by kind and number."""
    at = np.flatnonzero((hubs.independence >= 0) | hubs.is_marked)
    table = pa.table(
        {
            "kind": pa.array([gathered.kinds[code] for code in gathered.value_kind[at]], pa.string()),
            "value": gathered.value_number[at],
            "holders": gathered.value_holders[at],
            "independence": pa.array(hubs.independence[at] / MILLION, mask=hubs.independence[at] < 0),
            "is_hub": hubs.is_hub[at],
            "marked": hubs.is_marked[at],
        },
        schema=types.HUBS,
    )
    return table.sort_by([("kind", "ascending"), ("value", "ascending")])
