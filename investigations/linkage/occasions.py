"""Occasions: many strangers who came to one place at one time, a hackathon, a course, a conference.

They share the venue's address, the organiser's starter template, a referral and often a tool. Each is rare, and none
follows from another, but one cause brought them all: for a decision they are one reason, not several. A payment
instrument, a contact, a device or a continued conversation is not what an occasion brings about.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.settings import Settings
from investigations.linkage.units import HOUR

MOST = 0.75
"""Share of a place's holders that must have signed up within the time."""
ORDINARY = 0.5
"""Where this share of everybody signed up within the same time, a burst says nothing."""


def occasions_joined(gathered: Gathered, units: Ints, values: Ints, ways: Ints, settings: Settings) -> Ints:
    """The ways of these reasons, (unit, value, way) rows, with those that one occasion explains made one.

    A unit's reasons at places of occasions, and its reasons in `occasion_families` that no place ties to anything,
    become one way; a place of another time stays a way of its own.
    """
    places = occasion_places(gathered, values, settings)
    if not places.size:
        return ways
    network = types.FAMILIES.index("network")
    at_place = np.isin(values, places)
    met = np.zeros(gathered.n_units, bool)
    met[units[at_place]] = True
    soft = [types.FAMILIES.index(name) for name in settings.occasion_families]
    joined = at_place | (met[units] & np.isin(ways, soft) & (ways != network))
    return np.where(joined, len(types.FAMILIES) + len(gathered.kinds), ways)


def occasion_places(gathered: Gathered, values: Ints, settings: Settings) -> Ints:
    """Those of these values that are places most of whose holders signed up within `occasion_hours`."""
    span = round(settings.occasion_hours * HOUR)
    if span <= 0:
        return np.empty(0, np.int64)
    known = np.sort(gathered.unit_created[gathered.unit_created != NO_TIME])
    network = np.unique(values[gathered.value_family[values] == types.FAMILIES.index("network")])
    return np.array([value for value in network.tolist() if _is_burst(gathered, value, known, span)], np.int64)


def _is_burst(gathered: Gathered, value: int, everybody: Ints, span: int) -> bool:
    holders = gathered.holders[gathered.holder_ptr[value] : gathered.holder_ptr[value + 1]]
    created = np.sort(gathered.unit_created[holders])
    created = created[created != NO_TIME]
    if not created.size:
        return False
    within: npt.NDArray[np.int64] = np.searchsorted(created, created + span, side="right") - np.arange(created.size)
    first = int(np.argmax(within))
    if within[first] < MOST * holders.size:
        return False
    low, high = np.searchsorted(everybody, [created[first], created[first] + span + 1])
    return bool(high - low < ORDINARY * everybody.size)
