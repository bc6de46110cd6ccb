"""Honest people who are alike by habit: one template, one client, one working day; and homes that are proxy exits."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.toolkit import Array
from accounts.simulation.world import World


def popular_template(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Users of a few popular prompt templates, which also make their prompts alike."""
    plan = world.plan
    template = rng.choice(5, len(rows), p=(0.5, 0.2, 0.15, 0.1, 0.05))
    plan.system[rows], plan.tools[rows], plan.parameters[rows] = template, 200 + template, 320 + template
    plan.p_popular[rows] = 0.35


def popular_client(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Users of the most popular client with its one TLS stack and newest version."""
    world.plan.surface[rows] = 1
    world.plan.agent[rows], world.plan.tls[rows] = 0, 0
    world.plan.p_other[rows] = 0.0


def weekday_worker(world: World, rows: Array, rng: np.random.Generator) -> None:
    """People who work nine to six, five days a week, in one time zone: their days look synchronous."""
    zones = np.array([country.zone_hours for country in cat.COUNTRIES])
    world.plan.rhythm[rows] = cat.OFFICE
    country = rng.choice((0, 4), len(rows))
    world.plan.country[rows], world.plan.zone[rows] = country, zones[country]


def residential_exit(world: World, rows: Array, rng: np.random.Generator) -> None:
    """People whose home is also an exit of a residential proxy network; operators draw their pools from them."""
    world.plan.home[rows] = world.addresses.take(world.plan.country[rows].astype(np.int64) * 2, 0.0, rng)
    world.plan.signup_address[rows] = world.plan.home[rows]
    world.plan.second[rows], world.plan.p_second[rows] = -1, 0.0
    world.plan.p_pool[rows] = 0.0
