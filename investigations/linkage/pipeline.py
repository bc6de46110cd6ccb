"""The steps of a run. Each leaves an artefact in the working folder and is skipped when it is there already.

An artefact is written under a temporary name, then renamed: what bears its name is whole. A folder that was begun
with other inputs or settings is begun anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from investigations.linkage import bans, signups, types
from investigations.linkage.admit import admissions, labels_with
from investigations.linkage.candidates import candidate_pairs, sorted_unique
from investigations.linkage.cluster import cluster_units
from investigations.linkage.constraints import Constraints, constraints_from, joins_allowed
from investigations.linkage.decoys import held_against_chance
from investigations.linkage.gather import Gathered, Ints, SmallInts, column_ints, gather, gathered_from
from investigations.linkage.hubs import Hubs, find_hubs
from investigations.linkage.learn import Weights
from investigations.linkage.model import canonical, digest_of, model_from
from investigations.linkage.pair import grouped_table, holdings_table, holdings_write
from investigations.linkage.pairwise import (
    hubs_with_pairs,
    pair_rows,
    pair_table,
    strangers_with_pairs,
    with_pairs,
)
from investigations.linkage.results import TABLES, linked_from, load, result_tables, statistics_of
from investigations.linkage.runs import ENGINE_VERSION, STEPS, Progress, Stopped
from investigations.linkage.score import (
    NEAR,
    Scorer,
    backbone,
    learned_weights,
    over_the_line,
    scorer_from,
    strangers_met,
    usable_millibits,
    weighed_pairs,
    weights_for,
)
from investigations.linkage.settings import Settings
from investigations.linkage.tables import near_table
from investigations.linkage.threads import meanwhile


@dataclass(frozen=True)
class _Known:
    """What a score rests on, for values and for evidence on pairs."""

    gathered: Gathered
    hubs: Hubs
    strangers: SmallInts
    weights: Weights

    def beside(self, table: pa.Table, settings: Settings) -> _Known:
        """With the evidence on pairs of this table, too."""
        gathered = with_pairs(self.gathered, table)
        hubs, strangers = hubs_with_pairs(self.hubs, gathered), strangers_with_pairs(self.strangers, gathered)
        return _Known(gathered, hubs, strangers, weights_for(self.weights, gathered, settings))

    def scorer(self, settings: Settings) -> Scorer:
        """The scorer of all that."""
        return scorer_from(self.gathered, self.hubs, self.strangers, self.weights, settings)


@dataclass
class Pipeline:
    """One run in its folder."""

    inputs: types.Inputs
    settings: Settings
    workdir: Path
    progress: Callable[[Progress], None]
    should_stop: Callable[[], bool]

    def result(self) -> types.Result:
        """Runs what is not there yet."""
        gathered = self._gather()
        hubs = self._hubs(gathered)
        pairs = column_ints(self._step("candidates", lambda: self._candidates(gathered, hubs)), "pair")
        strangers = strangers_met(gathered, hubs, pairs, self.settings)
        with meanwhile(lambda: self._weights(gathered, hubs, strangers, pairs)) as learning:
            on_pairs = self._step("signals", lambda: self._signals(gathered, lambda: learning.result().prior))
        weights = learning.result()
        pairs = sorted_unique(np.concatenate([pairs, column_ints(on_pairs, "pair")]))
        known = _Known(gathered, hubs, strangers, weights).beside(on_pairs, self.settings)
        scorer = known.scorer(self.settings)
        close = self._step("score", lambda: self._score(known.gathered, scorer, pairs))
        pairs, n_pairs = column_ints(close, "pair"), pairs.size
        known = known.beside(self._moments(scorer, close), self.settings)
        scorer = known.scorer(self.settings)
        near = self._step("link", lambda: self._link(scorer, pairs))
        links = near.filter(near["link"]).select(["pair", "bits"])
        held = constraints_from(self.inputs.constraints, gathered.accounts, gathered.unit_of, gathered.n_units)
        labels = column_ints(self._step("cluster", lambda: self._cluster(known.gathered, links, held)), "cluster")
        joining = self._step("admit", lambda: self._admit(known, scorer, labels, held))
        known, links, labels = self._joined(known, links, labels, joining)
        scorer = known.scorer(self.settings)
        with meanwhile(lambda: self._keep_holdings(known, scorer)) as keeping:
            self._publish(known.gathered, known.hubs, scorer, links, near, labels, n_pairs, held)
        keeping.result()
        return load(self.workdir)

    def _gather(self) -> Gathered:
        made: dict[str, tuple[str, ...]] = {}

        def rows() -> pa.Table:
            found, made["kinds"] = gather(self.inputs, self.settings, scratch=self.workdir)
            return found.replace_schema_metadata({"kinds": json.dumps(made["kinds"])})

        table = self._step("gather", rows)
        kinds = tuple(json.loads(table.schema.metadata[b"kinds"]))
        return gathered_from(self.inputs, table, kinds)

    def _hubs(self, gathered: Gathered) -> Hubs:
        def found() -> pa.Table:
            hubs = find_hubs(gathered, self.settings, self.inputs.marked)
            return pa.table({"is_hub": hubs.is_hub, "independence": hubs.independence, "is_marked": hubs.is_marked})

        table = self._step("hubs", found)
        is_hub, is_marked = (np.asarray(table[name].to_numpy(), bool) for name in ("is_hub", "is_marked"))
        return Hubs(is_hub, column_ints(table, "independence").astype(np.int32), is_marked)

    def _candidates(self, gathered: Gathered, hubs: Hubs) -> pa.Table:
        return _one("pair", candidate_pairs(gathered, usable_millibits(gathered, hubs, self.settings), self.settings))

    def _weights(self, gathered: Gathered, hubs: Hubs, strangers: SmallInts, pairs: Ints) -> Weights:
        weights = learned_weights(gathered, hubs, strangers, pairs, self.settings)
        return held_against_chance(self.inputs, gathered, hubs, strangers, pairs, weights, self.settings)

    def _signals(self, gathered: Gathered, prior: Callable[[], int]) -> pa.Table:
        return pair_table(self.inputs, gathered, prior, self.settings)

    def _score(self, gathered: Gathered, scorer: Scorer, pairs: Ints) -> pa.Table:
        """Pairs close to the line or over it; what gaps between sign-ups, and from bans to sign-ups, count is in the
        schema's metadata."""
        over = over_the_line(scorer, pairs, lambda done, total: self._tick("score", done, total))
        created, banned = gathered.unit_created, bans.banned_at(self.inputs, gathered)
        gaps = signups.gap_millibits(signups.signup_gaps(created, pairs), over, self.settings)
        after = bans.ban_millibits(bans.ban_gaps(created, banned, pairs), over, pairs, scorer, self.settings)
        close = _one("pair", pairs[over >= -NEAR])
        return close.replace_schema_metadata({"gaps": json.dumps(gaps.tolist()), "bans": json.dumps(after.tolist())})

    def _moments(self, scorer: Scorer, close: pa.Table) -> pa.Table:
        """Evidence by when the accounts of close pairs signed up, and were banned."""
        pairs, learned = column_ints(close, "pair"), close.schema.metadata
        gaps, after = (np.array(json.loads(learned[name]), np.int64) for name in (b"gaps", b"bans"))
        created, banned = scorer.gathered.unit_created, bans.banned_at(self.inputs, scorer.gathered)
        parts = [
            signups.signup_part(created, pairs, gaps),
            bans.ban_part(created, banned, pairs, after, scorer),
        ]
        families = {signups.KIND: signups.FAMILY, bans.KIND: bans.FAMILY}
        return pair_rows({part[0]: families[part[0]] for part in parts if part[1].size}, parts)

    def _link(self, scorer: Scorer, close: Ints) -> pa.Table:
        bits, families = weighed_pairs(scorer, close)
        chosen = backbone(scorer, close, bits, self.settings)
        return pa.table({"pair": close, "bits": bits, "families": families, "link": chosen})

    def _cluster(self, gathered: Gathered, links: pa.Table, held: Constraints) -> pa.Table:
        pairs, bits = column_ints(links, "pair"), column_ints(links, "bits").astype(np.int32)
        labels = cluster_units(pairs, bits, gathered.unit_account, gathered.unit_size, self.settings, held)
        return _one("cluster", labels)

    def _admit(self, known: _Known, scorer: Scorer, labels: Ints, held: Constraints) -> pa.Table:
        joining = admissions(known.gathered, known.hubs, scorer, labels, self.settings)
        return joining.filter(pa.array(joins_allowed(column_ints(joining, "pair"), labels, held)))

    def _joined(self, known: _Known, links: pa.Table, labels: Ints, joining: pa.Table) -> tuple[_Known, pa.Table, Ints]:
        """With the accounts that join clusters, their links and what these rest on."""
        pairs = column_ints(joining, "pair")
        known = known.beside(joining, self.settings)
        more = pa.table({"pair": pairs, "bits": known.scorer(self.settings).over_the_line(pairs)})
        links = pa.concat_tables([links, more]).sort_by("pair")
        return known, links, labels_with(labels, pairs, known.gathered.unit_account, known.gathered.unit_size)

    def _keep_holdings(self, known: _Known, scorer: Scorer) -> None:
        if not (self.workdir / "holdings.parquet").exists():
            holdings = holdings_table(known.gathered, scorer, known.strangers, self.settings)
            holdings_write(self.workdir, holdings, grouped_table(known.gathered))

    def _publish(
        self,
        gathered: Gathered,
        hubs: Hubs,
        scorer: Scorer,
        links: pa.Table,
        near: pa.Table,
        labels: Ints,
        n_pairs: int,
        held: Constraints,
    ) -> None:
        if (self.workdir / "result.json").exists():
            self._tick("publish", 1, 1)
            return
        self._tick("publish", 0, 1)
        linked = linked_from(scorer, links, labels, self.settings)
        made = result_tables(self.inputs, gathered, hubs, scorer, linked, labels, held, self.settings)
        made["near"] = near_table(gathered, near)
        for name in TABLES:
            _write_table(made[name], self.workdir / f"{name}.parquet")
        summary = {
            "model": model_from(gathered, hubs, scorer.learned, self.settings),
            "statistics": statistics_of(gathered, hubs, made, n_pairs) | held.counts(),
        }
        _write_bytes(canonical(summary), self.workdir / "result.json")
        self._tick("publish", 1, 1)

    def _step(self, name: str, make: Callable[[], pa.Table]) -> pa.Table:
        """The step's artefact, made if it is not there yet."""
        path = self.workdir / f"step_{name}.parquet"
        if not path.exists():
            self._tick(name, 0, 1)
            _write_table(make(), path)
        self._tick(name, 1, 1)
        return pq.read_table(path, memory_map=True)

    def _tick(self, step: str, done: int, total: int) -> None:
        self.progress(Progress(step, STEPS.index(step), len(STEPS), done, total))
        if self.should_stop():
            raise Stopped(step)


def begin(workdir: Path, inputs: types.Inputs, settings: Settings) -> None:
    """Empties the folder unless it was begun with these inputs, settings and engine."""
    state = {
        "engine": ENGINE_VERSION,
        "inputs": _inputs_digest(inputs),
        "settings": digest_of(settings.to_dict()),
    }
    path = workdir / "run.json"
    if path.exists() and path.read_bytes() == canonical(state):
        return
    for name in [*(f"step_{step}" for step in STEPS), *TABLES, "holdings", "grouped"]:
        (workdir / f"{name}.parquet").unlink(missing_ok=True)
    (workdir / "result.json").unlink(missing_ok=True)
    _write_bytes(canonical(state), path)


def _inputs_digest(inputs: types.Inputs) -> str:
    """sha256 over the tables' buffers, the families, and names and sizes of the exchange files (never rewritten)."""
    digest = hashlib.sha256(canonical([inputs.families, inputs.now]))
    for table in (inputs.accounts, inputs.sightings, inputs.declared, inputs.constraints, inputs.marked):
        digest.update(canonical([table.num_rows, table.schema.names]))
        for column in table.columns:
            for chunk in column.chunks:
                for buffer in chunk.buffers():
                    digest.update(buffer if buffer is not None else b"-")
    digest.update(canonical([[path, Path(path).stat().st_size] for path in inputs.exchanges]))
    return digest.hexdigest()


def _one(name: str, numbers: Ints) -> pa.Table:
    return pa.table({name: numbers})


def _write_table(table: pa.Table, path: Path) -> None:
    """Writes the table whole or not at all; equal tables give equal bytes."""
    temporary = path.with_suffix(".tmp")
    pq.write_table(table, temporary, compression="zstd", compression_level=1)
    temporary.replace(path)


def _write_bytes(content: bytes, path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
