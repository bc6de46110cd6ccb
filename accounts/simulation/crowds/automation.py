"""Honest machines: CI fleets that many projects share, and benchmarks that many people run."""

from __future__ import annotations

import numpy as np

from accounts.simulation import catalog as cat
from accounts.simulation.toolkit import Array, group_sizes, split
from accounts.simulation.world import World


def ci_fleet(world: World, rows: Array, rng: np.random.Generator) -> None:
    """Service accounts of unrelated projects on one CI provider: its runners, its image, its full hours."""
    plan = world.plan
    for members in split(rows, group_sizes(len(rows), min(6, len(rows)), 400, rng)):
        runners = world.exit_pool(max(2, len(members) // 5), "hosting", rng)
        plan.pool[members], plan.p_pool[members], plan.p_second[members] = runners, 1.0, 0.0
        plan.surface[members], plan.plan[members], plan.device[members] = 0, cat.API, -1
        plan.p_other[members] = 0.0
        image = len(cat.BROWSERS) + int(rng.integers(0, len(cat.TOOLS)))
        plan.agent[members], plan.tls[members] = image, image % cat.N_STACKS
        plan.rhythm[members], plan.p_continue[members] = cat.CRON, 0.0
        plan.cron_minute[members] = rng.choice((0, 0, 0, 15, 30), len(members))
        plan.zone[members] = 0
        plan.parameters[members] = plan.parameters[members[0]]


def benchmark(world: World, rows: Array, rng: np.random.Generator) -> None:
    """People who run the same public benchmark: one harness, one template, equal questions."""
    plan = world.plan
    for number, members in enumerate(split(rows, group_sizes(len(rows), min(10, len(rows)), 2_000, rng))):
        plan.bench[members], plan.p_bench[members] = number % 3, 0.8
        plan.surface[members], plan.plan[members] = 0, cat.API
        plan.system[members], plan.parameters[members] = 40 + number % 3, 340 + number % 3
        plan.tools[members] = -1
        plan.volume[members] *= 3
        plan.agent[members] = len(cat.USER_AGENTS) - 1 - rng.integers(3, 9, len(members))
        plan.p_continue[members] = 0.0
