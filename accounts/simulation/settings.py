"""What can be asked of a world, checked before anything is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accounts.simulation.errors import SimulationError

LEVELS = ("E0", "E1", "E2", "E3", "E4")
"""The ladder: shared cards; own card; own proxy and card; also random routing and paraphrase; nothing in common."""
FORMATS = ("parquet", "csv")
USUAL_PREVALENCE = 0.025
"""Above this share the world is no longer one that an honest platform would meet; allowed, and said so."""

USUAL_EXCHANGES = 46.0
"""Exchanges an account in the usual world; volumes of operators are given for it."""

_MAX_ACCOUNTS = 20_000_000
_MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """A world's size, share of abusive accounts, evasion and seed; raises SimulationError for values without sense."""

    accounts: int = 20_000
    prevalence: float = 0.01
    """Share of all accounts that are in the hand of an abusive operator."""
    evasion: str | None = None
    """One level for all operators; None mixes the levels."""
    seed: int = 1
    days: int = 45
    exchanges_per_account: float = USUAL_EXCHANGES

    def __post_init__(self) -> None:
        _whole(self.accounts, "accounts", 1, _MAX_ACCOUNTS)
        _whole(self.seed, "seed", 0, _MAX_SEED)
        _whole(self.days, "days", 7, 366)
        _number(self.prevalence, "prevalence", 0.0, 0.5)
        _number(self.exchanges_per_account, "exchanges per account", 1.0, 1000.0)
        if self.evasion is not None and self.evasion not in LEVELS:
            raise SimulationError(f"evasion must be one of {', '.join(LEVELS)}, not {self.evasion!r}.")

    @property
    def n_abusive(self) -> int:
        """How many accounts are in the hand of an abusive operator."""
        return round(self.accounts * self.prevalence)


def _whole(value: int, name: str, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SimulationError(f"{name} must be a whole number from {low} to {high}, not {value!r}.")


def _number(value: float, name: str, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise SimulationError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}.")


DEMO = WorldSettings(accounts=6_000, prevalence=0.025, seed=7, exchanges_per_account=40.0)
"""Small enough to load and link in seconds, rich enough to show every kind of network."""
PRESETS = {"demo": DEMO}
