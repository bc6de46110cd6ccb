"""The units that the engine counts in."""

from __future__ import annotations

SECOND = 1_000_000
"""In microseconds, like HOUR and DAY."""
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
MILLION = 1_000_000
"""Shares and expected numbers are whole numbers of millionths."""
