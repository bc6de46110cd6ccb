"""Honest crowds: people who look alike and have nothing to do with each other."""

from __future__ import annotations

from accounts.simulation.crowds import automation, habits, hackathon, shared_exits
from accounts.simulation.world import World

SHARES = {
    "carrier_nat": 0.06,
    "campus": 0.02,
    "office": 0.025,
    "vpn": 0.03,
    "hackathon": 0.004,
    "ci_fleet": 0.006,
    "benchmark": 0.008,
    "popular_template": 0.02,
    "popular_client": 0.02,
    "weekday_worker": 0.06,
    "residential_exit": 0.006,
}
"""Crowd to its share of the accounts that no abusive operator holds."""

_MAKERS = {
    "carrier_nat": shared_exits.carrier_nat,
    "campus": shared_exits.campus,
    "office": shared_exits.office,
    "vpn": shared_exits.vpn,
    "hackathon": hackathon.hackathon,
    "ci_fleet": automation.ci_fleet,
    "benchmark": automation.benchmark,
    "popular_template": habits.popular_template,
    "popular_client": habits.popular_client,
    "weekday_worker": habits.weekday_worker,
    "residential_exit": habits.residential_exit,
}


def gather(world: World) -> None:
    """Turns the crowds' shares of the honest accounts into crowds."""
    honest = world.n - world.settings.n_abusive
    for crowd, share in SHARES.items():
        rows = world.take(round(honest * share))
        if len(rows):
            _MAKERS[crowd](world, rows, world.stream(crowd))
            world.label(rows, crowd)
