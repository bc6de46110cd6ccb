"""Any one pair, explained after the run: the run's own figures, for linked pairs and all others."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from investigations.linkage import Settings, run
from investigations.linkage.candidates import candidate_pairs
from investigations.linkage.gather import gather, gathered_from
from investigations.linkage.hubs import find_hubs
from investigations.linkage.pair import HOLDINGS, Holdings, explain_pair, holdings_read
from investigations.linkage.pair_kernels import explain_pairs
from investigations.linkage.score import learned_weights, scorer_from, strangers_met, value_millibits
from tests.linkage import worlds
from tests.linkage.worlds import Seen, World

DAY = 86_400_000_000
COLUMNS = ("family", "kind", "value", "bits", "raw_bits", "holders", "hub")


def timed(seed: int, **sizes: int) -> World:
    """A planted world in which addresses have times, some of them unknown."""
    world, chance = worlds.planted(seed, **sizes), random.Random(seed)
    for at, one in enumerate(world.seen):
        if one.kind == "ip" and chance.random() < 0.8:
            first = chance.randrange(60) * DAY
            world.seen[at] = Seen(one.account, one.kind, one.value, first, first + chance.randrange(5) * DAY)
    return world


def told(folder: Path, a: int, b: int, model: dict[str, Any]) -> Any:
    found = holdings_read(folder, (a, b), model)
    assert found is not None
    return explain_pair(*found, model)


def rows_of(explanation: Any) -> set[tuple[Any, ...]]:
    rows = [*explanation.rows, *explanation.weightless]
    return {tuple(getattr(row, name) for name in COLUMNS) for row in rows}


@pytest.mark.parametrize("seed", range(5))
def test_it_gives_each_link_the_evidence_that_the_run_stored(tmp_path: Path, seed: int) -> None:
    result = run(worlds.inputs(timed(seed)), Settings(), workdir=tmp_path)
    stored: dict[tuple[int, int], set[tuple[Any, ...]]] = {}
    for row in result.evidence.to_pylist():
        stored.setdefault((row["a"], row["b"]), set()).add(tuple(row[name] for name in COLUMNS))
    links = result.links.to_pylist()
    assert len(links) > 30
    for link in links:
        found = told(tmp_path, link["a"], link["b"], result.model)
        assert found.bits == link["bits"]
        assert found.is_linked
        assert rows_of(found) == stored[link["a"], link["b"]]


@pytest.mark.parametrize("seed", range(3))
def test_it_gives_each_pair_that_is_not_linked_what_the_engine_s_scorer_gives_it(tmp_path: Path, seed: int) -> None:
    settings = Settings(ignore_kinds=("signup_gap", "membership"))
    given = worlds.inputs(timed(seed, honest=80, operators=3))
    model = run(given, settings, workdir=tmp_path).model
    gathered = gathered_from(given, *gather(given, settings, scratch=tmp_path))
    hubs = find_hubs(gathered, settings)
    weights = np.where(hubs.is_hub, 0, value_millibits(gathered, settings)).astype(np.int32)
    candidates = candidate_pairs(gathered, weights, settings)
    strangers = strangers_met(gathered, hubs, candidates, settings)
    learned = learned_weights(gathered, hubs, strangers, candidates, settings)
    scorer = scorer_from(gathered, hubs, strangers, learned, settings)
    pairs = list(combinations(range(70, 116), 2))
    wanted = scorer.over_the_line(np.array([a << 32 | b for a, b in pairs], np.int64)).tolist()
    assert [told(tmp_path, b, a, model).bits for a, b in pairs] == wanted
    assert min(wanted) < 0 <= max(wanted)


def test_it_weighs_shared_content_like_the_run(tmp_path: Path) -> None:
    rows = [{"account": n, "at": n * DAY, "content": 7 + n // 4, "system": 3 + n // 2} for n in range(12)]
    world = World(list(range(300)))
    result = run(
        worlds.inputs(world, exchanges=(worlds.exchanges(tmp_path / "e.parquet", rows),)),
        Settings(),
        workdir=tmp_path,
    )
    found = told(tmp_path, 0, 2, result.model)
    assert [(row.kind, row.value, row.holders) for row in found.rows] == [("content_fingerprint", 7, 4)]
    assert found.bits == found.start + found.rows[0].bits < 0
    assert not found.is_linked


def test_it_weighs_nothing_between_accounts_of_one_declared_group(tmp_path: Path) -> None:
    world = worlds.planted(1, honest=50, operators=2)
    world.declared = [(50, 1), (51, 1), (52, 1)]
    model = run(worlds.inputs(world), Settings(), workdir=tmp_path).model
    inside = told(tmp_path, 51, 52, model)
    assert (inside.a, inside.b, inside.rows) == (50, 50, ())
    assert told(tmp_path, 51, 55, model) == told(tmp_path, 50, 55, model)


def test_accounts_that_share_nothing_start_and_end_at_the_prior(tmp_path: Path) -> None:
    model = run(worlds.inputs(World(list(range(10)))), Settings(), workdir=tmp_path).model
    found = told(tmp_path, 1, 2, model)
    assert (found.bits, found.rows, found.weightless) == (found.start, (), ())
    empty = Holdings(1, HOLDINGS.empty_table())
    assert explain_pair(empty, Holdings(2, HOLDINGS.empty_table()), model).bits == found.bits


def test_it_says_when_there_is_nothing_to_read(tmp_path: Path) -> None:
    model = run(worlds.inputs(worlds.planted(1, honest=50)), Settings(), workdir=tmp_path).model
    assert holdings_read(tmp_path / "gone", (1, 2), model) is None
    assert holdings_read(tmp_path, (1, 2), {**model, "engine": "0"}) is None
    assert holdings_read(tmp_path, (1, 2), {}) is None
    (tmp_path / "holdings.parquet").write_bytes(b"broken")
    assert holdings_read(tmp_path, (1, 2), model) is None


def test_a_run_that_ended_makes_what_is_missing_again_and_equal(tmp_path: Path) -> None:
    given = worlds.inputs(timed(3))
    run(given, Settings(), workdir=tmp_path)
    whole = (tmp_path / "holdings.parquet").read_bytes()
    (tmp_path / "holdings.parquet").unlink()
    run(given, Settings(), workdir=tmp_path)
    assert (tmp_path / "holdings.parquet").read_bytes() == whole


def test_one_pair_needs_no_compilation_of_its_own(tmp_path: Path) -> None:
    result = run(worlds.inputs(worlds.planted(1, honest=50)), Settings(), workdir=tmp_path)
    before = len(explain_pairs.signatures)  # type: ignore[attr-defined]
    told(tmp_path, 50, 53, result.model)
    assert len(explain_pairs.signatures) == before  # type: ignore[attr-defined]
