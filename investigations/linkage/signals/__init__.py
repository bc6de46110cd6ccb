"""Where evidence comes from: one signal a file; shared values in SIGNALS, pairs that share none in PAIR_SIGNALS."""

from __future__ import annotations

from investigations.linkage.signals.co_sharing import CO_SHARING
from investigations.linkage.signals.content import CONTENT
from investigations.linkage.signals.limit_handoff import LIMIT_HANDOFF
from investigations.linkage.signals.migration import MIGRATION
from investigations.linkage.signals.near_content import NEAR_CONTENT
from investigations.linkage.signals.protocol import (
    SHARED,
    PairRows,
    PairSignal,
    PairSource,
    Signal,
    Source,
)
from investigations.linkage.signals.relation import RELATION
from investigations.linkage.signals.sighting import SIGHTING

SIGNALS: tuple[Signal, ...] = (SIGHTING, CONTENT, MIGRATION, RELATION)
"""Every signal, in the order in which the gather step asks them."""
PAIR_SIGNALS: tuple[PairSignal, ...] = (LIMIT_HANDOFF, NEAR_CONTENT, CO_SHARING)
"""Every signal on pairs that need not share a value."""

__all__ = [
    "PAIR_SIGNALS",
    "SHARED",
    "SIGNALS",
    "PairRows",
    "PairSignal",
    "PairSource",
    "Signal",
    "Source",
]
