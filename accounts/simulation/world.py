"""A world while it is being made: who exists, who is whose, and the truth about both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from accounts.simulation.catalog import NETWORK_NUMBERS
from accounts.simulation.plan import AddressBook, Plan, PoolBook
from accounts.simulation.settings import LEVELS, WorldSettings
from accounts.simulation.toolkit import DAY, HOUR, MINUTE, Array, stream

END = 1_782_777_600 * 1_000_000
"""The newest moment of every world: Tuesday 2026-06-30 00:00 UTC."""


@dataclass(frozen=True)
class Habits:
    """What an operator's accounts do together: shares of sessions, and windows in which all of them rest."""

    handoff: float = 0.0
    migration: float = 0.0
    same_content: bool = False
    """A retry after a hand-off carries the same fingerprint."""
    stops: int = 0


@dataclass(frozen=True)
class Operator:
    """One hand. `rows` are plan rows; `coordinated` operators are expanded together, with their habits."""

    number: int
    kind: str
    level: str
    rows: Array
    abusive: bool
    habits: Habits = field(default_factory=Habits)
    coordinated: bool = False


class World:
    """Settings, plan, books and truth, filled by people, crowds and operators in that order."""

    def __init__(self, settings: WorldSettings, n_thieves: int) -> None:
        self.settings = settings
        self.n = settings.accounts
        self.end = END
        self.start = END - settings.days * DAY
        self.released_at = self.start + int(settings.days * 0.6) * DAY + 17 * HOUR
        self.plan = Plan.blank(self.n + n_thieves)
        self.plan.account[: self.n] = np.arange(self.n)
        self.addresses = AddressBook(settings.seed)
        self.pools = PoolBook()
        self.operators: list[Operator] = []
        self.crowd = np.zeros(self.n, dtype=np.int16)
        self.crowds: list[str] = [""]
        self.owner = np.full(self.n, -1, dtype=np.int32)
        self.since = np.full(self.n, -1, dtype=np.int64)
        self.until = np.full(self.n, -1, dtype=np.int64)
        self._order = self.stream("slots").permutation(self.n).astype(np.int32)
        self._taken = 0
        self._thieves = self.n
        self._numbers = 8 * (self.n + n_thieves)

    def stream(self, name: str, *numbers: int) -> np.random.Generator:
        """The random stream of one part of this world."""
        return stream(self.settings.seed, name, *numbers)

    def take(self, n: int) -> Array:
        """n accounts that nobody has a part for yet, anywhere in the world; fewer when it runs out."""
        rows = self._order[self._taken : self._taken + n]
        self._taken += len(rows)
        return rows

    def take_thieves(self, victims: Array) -> Array:
        """Plan rows for second controllers of the victims' accounts."""
        rows = np.arange(self._thieves, self._thieves + len(victims))
        self._thieves += len(victims)
        self.plan.account[rows] = victims
        return rows

    def fresh(self, n: int) -> Array:
        """n numbers that no device, card, template, mailbox or phone has."""
        numbers = np.arange(self._numbers, self._numbers + n, dtype=np.int64)
        self._numbers += n
        return numbers

    def label(self, rows: Array, crowd: str) -> None:
        """Names the honest crowd of the rows."""
        if crowd not in self.crowds:
            self.crowds.append(crowd)
        self.crowd[rows] = self.crowds.index(crowd)

    def next_level(self, cycle: Sequence[str], turn: int) -> str:
        """The level of the turn-th operator of a kind: the asked one, or the kind's own mix."""
        return self.settings.evasion or cycle[turn % len(cycle)]

    def add_operator(
        self,
        kind: str,
        rows: Array,
        *,
        level: str = "",
        abusive: bool,
        habits: Habits | None = None,
        coordinated: bool = False,
    ) -> Operator:
        """Records an operator of the rows' accounts."""
        if level and level not in LEVELS:
            raise ValueError(f"no such level: {level}")
        number = len(self.operators)
        operator = Operator(number, kind, level, rows, abusive, habits or Habits(), coordinated)
        self.operators.append(operator)
        self.owner[self.plan.account[rows]] = number
        if coordinated:
            self.plan.operator[rows] = number
        return operator

    def new_addresses(self, n: int, sort: str, rng: np.random.Generator, *, v6: float = 0.0) -> Array:
        """n new addresses in random networks of a sort."""
        return self.addresses.take(rng.choice(NETWORK_NUMBERS[sort], n), v6, rng)

    def exit_pool(self, n: int, sort: str, rng: np.random.Generator) -> int:
        """A pool of n IPv4 addresses of one network: an exit that many share."""
        network = int(rng.choice(NETWORK_NUMBERS[sort]))
        return self.pools.add(self.addresses.take(np.full(n, network), 0.0, rng))

    def outages(self) -> list[tuple[int, int]]:
        """When the platform itself was down, for everyone."""
        rng = self.stream("outages")
        starts = self.start + (rng.random(3) * (self.end - self.start)).astype(np.int64)
        return [(int(at), int(at) + int(rng.integers(20, 55)) * MINUTE) for at in np.sort(starts)]
