"""The one exception that a caller of the simulation has to expect."""

from __future__ import annotations


class SimulationError(Exception):
    """What the person who asked for a world can put right; the message says how."""
