"""Threads change how long a run takes and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from investigations.linkage import Settings, run, threads
from tests.linkage import worlds
from tests.linkage.test_pair_signals import Life, paraphrased, relay_at_limits
from tests.linkage.worlds import World


def test_it_keeps_the_order_of_the_items_and_raises_what_a_call_raised() -> None:
    assert threads.each(lambda n: n * n, range(20)) == [n * n for n in range(20)]
    assert threads.each(str, []) == []
    with pytest.raises(ZeroDivisionError):
        threads.each(lambda n: 1 // n, [1, 0])


def test_another_number_of_threads_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(120).everybody()
    for a, b in ((1, 2), (2, 3), (1, 3)):
        paraphrased(relay_at_limits(life, a, b), a, b)
    path = worlds.exchanges(tmp_path / "e.parquet", life.rows)
    made = []
    for most in (1, 7):
        monkeypatch.setattr(threads, "MOST", most)
        monkeypatch.setattr(threads.os, "cpu_count", lambda: 7)
        given = worlds.inputs(World(list(range(120))), exchanges=(path,))
        result = run(given, Settings(), workdir=tmp_path / str(most))
        assert result.links.num_rows
        made.append((worlds.as_bytes(result), result.model))
    assert made[0] == made[1]
