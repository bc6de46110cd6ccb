"""Where shared values come from: one signal a file, all of them in SIGNALS."""

from __future__ import annotations

from investigations.linkage.signals.content import CONTENT
from investigations.linkage.signals.migration import MIGRATION
from investigations.linkage.signals.protocol import SHARED, Signal, Source
from investigations.linkage.signals.relation import RELATION
from investigations.linkage.signals.sighting import SIGHTING

SIGNALS: tuple[Signal, ...] = (SIGHTING, CONTENT, MIGRATION, RELATION)
"""Every signal, in the order in which the gather step asks them."""

__all__ = ["SHARED", "SIGNALS", "Signal", "Source"]
