"""What a run gives: every table of a result, by its name, and the counts beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from investigations.linkage import tables, types
from investigations.linkage.behaviour import behaviour_table
from investigations.linkage.constraints import Constraints, conflicts_table
from investigations.linkage.episodes import since_of
from investigations.linkage.gather import Gathered, Ints, column_ints
from investigations.linkage.hubs import Hubs, hub_table
from investigations.linkage.hypothesis_facts import hypotheses_table
from investigations.linkage.position import Linked, actionable_units, positions
from investigations.linkage.score import Scorer
from investigations.linkage.settings import Settings
from investigations.linkage.threads import meanwhile
from investigations.linkage.usage import usage_read

TABLES = (
    "links",
    "near",
    "evidence",
    "clusters",
    "cluster_families",
    "cluster_values",
    "members",
    "hubs",
    "conflicts",
    "hypotheses",
    "behaviour",
)


def linked_from(scorer: Scorer, links: pa.Table, labels: Ints, settings: Settings) -> Linked:
    """The backbone's links with their evidence."""
    pairs = column_ints(links, "pair")
    a, b = pairs >> 32, pairs & 0xFFFFFFFF
    cluster = np.where(labels[a] == labels[b], labels[a], -1)
    evidence = scorer.evidence(pairs, settings.evidence_per_link)
    return Linked(a, b, column_ints(links, "bits").astype(np.int32), cluster, evidence)


def result_tables(
    inputs: types.Inputs,
    gathered: Gathered,
    hubs: Hubs,
    scorer: Scorer,
    linked: Linked,
    labels: Ints,
    held: Constraints,
    settings: Settings,
) -> dict[str, pa.Table]:
    """Every table of a result by its name."""
    by_family = tables.family_bits(gathered, linked)
    placed = positions(linked, labels, settings)
    actionable = actionable_units(gathered, linked, labels, placed[0], settings)
    unit_masks = tables.unit_family_masks(linked, by_family, labels.size)
    since = since_of(inputs, gathered, linked, labels)
    members = tables.members_table(gathered, labels, placed, actionable, unit_masks, since)
    with meanwhile(lambda: usage_read(inputs, members)) as used:
        made = {
            "links": tables.links_table(gathered, linked, by_family),
            "evidence": tables.evidence_table(gathered, hubs, linked),
            "clusters": tables.clusters_table(gathered, linked, labels, placed[1], actionable, by_family, settings),
            "cluster_families": tables.cluster_families_table(linked, labels, by_family),
            "cluster_values": tables.cluster_values_table(gathered, scorer, linked, labels, settings),
            "members": members,
            "hubs": hub_table(gathered, hubs),
            "conflicts": conflicts_table(held),
        }
    usage = used.result()
    made["hypotheses"] = hypotheses_table(inputs, gathered, linked, labels, made, usage, settings)
    made["behaviour"] = behaviour_table(usage, gathered, linked, made["clusters"].num_rows)
    return made


def load(workdir: Path) -> types.Result:
    """The result of a run that has ended in this folder."""
    summary = json.loads((workdir / "result.json").read_text(encoding="utf-8"))
    read = {name: pq.read_table(workdir / f"{name}.parquet") for name in TABLES}
    return types.Result(**read, model=summary["model"], statistics=summary["statistics"])


def statistics_of(gathered: Gathered, hubs: Hubs, made: dict[str, pa.Table], n_pairs: int) -> dict[str, Any]:
    """Counts of a run, by name."""
    return {
        "accounts": int(gathered.accounts.size),
        "units": gathered.n_units,
        "values": int((gathered.stated == 0).sum()),
        "holdings": int(gathered.holders.size - 2 * (gathered.stated != 0).sum()),
        "pair_evidence": int((gathered.stated != 0).sum()),
        "hubs_tested": int((hubs.independence >= 0).sum()),
        "hubs": int(hubs.is_hub.sum()),
        "hubs_marked": int(hubs.is_marked.sum()),
        "pairs": n_pairs,
        "links": made["links"].num_rows,
        "evidence": made["evidence"].num_rows,
        "clusters": made["clusters"].num_rows,
        "members": made["members"].num_rows,
        "actionable": int(np.asarray(made["members"]["actionable"]).sum()),
    }
