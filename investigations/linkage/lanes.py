"""Lanes: values that are evidence of one another are weighed together, lanes are added.

A family is a lane; so is each kind that comes about in another way than the rest of its family (`apart`), and what of
a family a stranger alone can copy or create (`third_party_kinds`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from investigations.linkage import types
from investigations.linkage.settings import FamilySettings, Settings


@dataclass(frozen=True)
class Lanes:
    """The lane of each kind and whether its evidence is cheap to come by; name and family of each lane."""

    of_kind: npt.NDArray[np.int16]
    cheap: npt.NDArray[np.bool_]
    names: tuple[str, ...]
    families: tuple[str, ...]

    @property
    def n(self) -> int:
        """How many lanes there are."""
        return len(self.names)

    def settings(self, settings: Settings) -> list[FamilySettings]:
        """The settings of each lane's family."""
        return [settings.family(family) for family in self.families]


def lanes_of(kinds: tuple[str, ...], kind_family: npt.NDArray[np.int8], settings: Settings) -> Lanes:
    """The lanes of these kinds: all families in their order, then the others by name."""
    keys = [_key(kind, types.FAMILIES[kind_family[code]], settings) for code, kind in enumerate(kinds)]
    extra = sorted({key for key in keys if key[0] not in types.FAMILIES})
    every = [(family, family) for family in types.FAMILIES] + extra
    number = {name: lane for lane, (name, _) in enumerate(every)}
    return Lanes(
        np.array([number[name] for name, _ in keys], np.int16),
        np.array([_is_cheap(kind, key[1], settings) for kind, key in zip(kinds, keys, strict=True)], bool),
        tuple(name for name, _ in every),
        tuple(family for _, family in every),
    )


def _key(kind: str, family: str, settings: Settings) -> tuple[str, str]:
    """Name and family of a kind's lane."""
    if kind in settings.apart:
        return f"{family}: {kind}", family
    if kind in settings.third_party_kinds:
        return f"{family}: by others", family
    return family, family


def _is_cheap(kind: str, family: str, settings: Settings) -> bool:
    """Whether values of the kind are easy to copy, come about by occasion, or follow from finer ones."""
    if kind in settings.apart:
        return False
    return settings.family(family).cheap or kind in settings.cheap_kinds or kind in settings.coarser
