"""Operators: one hand behind several accounts, abusive or not."""

from __future__ import annotations

import numpy as np

from accounts.simulation.operators import (
    careful,
    drip,
    household,
    hydra,
    relay,
    reseller,
    succession,
    takeover,
    team,
)
from accounts.simulation.operators.ladder import proxy_market
from accounts.simulation.world import World

ABUSIVE = {"hydra": 0.5, "succession": 0.12, "relay": 0.12, "takeover": 0.1, "careful": 0.08, "drip": 0.08}
"""Kind to its share of the accounts in abusive hands, in the order in which small worlds get them."""
SMALLEST = {"hydra": 6, "succession": 4, "relay": 5, "takeover": 3, "careful": 3, "drip": 4}
HONEST = {"team": 0.014, "household": 0.016, "reseller": 0.004}
"""Kind to its share of the honest accounts."""

_MAKERS = {
    "hydra": hydra.make, "succession": succession.make, "relay": relay.make, "takeover": takeover.make,
    "careful": careful.make, "drip": drip.make,
}  # fmt: skip
_HONEST_MAKERS = {"team": team.make, "household": household.make, "reseller": reseller.make}


def budgets(n_abusive: int) -> dict[str, int]:
    """Accounts for each abusive kind, `n_abusive` in all; none for kinds whose smallest network does not fit."""
    left, given = n_abusive, dict.fromkeys(ABUSIVE, 0)
    for kind, smallest in SMALLEST.items():
        if left >= smallest:
            given[kind] = smallest
            left -= smallest
    for kind, share in ABUSIVE.items():
        if given[kind]:
            more = min(left, max(0, round(n_abusive * share) - given[kind]))
            given[kind] += more
            left -= more
    given[next((kind for kind in ABUSIVE if given[kind]), "hydra")] += left
    return given


def recruit_honest(world: World) -> None:
    """Teams, households and resellers."""
    honest = world.n - world.settings.n_abusive
    for kind, share in HONEST.items():
        rows = world.take(round(honest * share))
        if len(rows):
            _HONEST_MAKERS[kind](world, rows, world.stream(kind))


def recruit_abusive(world: World, given: dict[str, int]) -> None:
    """All abusive operators."""
    market = proxy_market(world)
    for kind, n in given.items():
        rows = world.take(n)
        if len(rows):
            _MAKERS[kind](world, np.sort(rows), world.stream(kind), market)
