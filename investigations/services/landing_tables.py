"""A result's tables with the database's columns and numbers. Pure conversions, Arrow in and out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from investigations.holding import Volume, holding_words
from investigations.linkage import Result
from investigations.linkage.triage import Looked, triage
from investigations.models import Run
from investigations.services.landing_figures import Figures

Ints = npt.NDArray[np.int64]
NOTHING = Figures(Volume(0, 0, 0, 0), None, None)


def without_vanished(result: Result, existing: Ints) -> Result:
    """The result without members and links of accounts that are gone; figures of clusters stay as computed."""
    known = pa.array(existing)
    members = pc.is_in(result.members["account"], known)
    if pc.all(members).as_py() in (True, None):
        return result
    ends = pc.and_(pc.is_in(result.links["a"], known), pc.is_in(result.links["b"], known))
    proof = pc.and_(pc.is_in(result.evidence["a"], known), pc.is_in(result.evidence["b"], known))
    return replace(
        result,
        members=result.members.filter(members),
        links=result.links.filter(ends),
        evidence=result.evidence.filter(proof),
    )


def clusters(numbers: Ints, public_ids: Ints, run: Run) -> pa.Table:
    """Rows of clusters that are born in this run."""
    n = numbers.size
    return pa.table(
        {
            "id": numbers,
            "public_id": public_ids,
            "dataset_id": np.full(n, run.dataset_id, np.int64),
            "born_in_id": np.full(n, run.pk, np.int64),
        }
    )


def members(table: pa.Table, version: Ints) -> pa.Table:
    """Rows of members under the numbers of their versions."""
    return pa.table(
        {
            "version_id": version[table["cluster"].to_numpy()],
            "account_id": table["account"],
            "position": table["position"],
            "is_actionable": table["actionable"],
            "bits": table["bits"],
            "degree": table["degree"],
            "families": table["families"],
            "since": table["since"].cast(pa.timestamp("us", tz="UTC")),
        }
    )


def hubs(table: pa.Table, run_id: int) -> pa.Table:
    """Rows of the values that are hubs."""
    found = table.filter(table["is_hub"])
    return pa.table(
        {
            "run_id": np.full(found.num_rows, run_id, np.int64),
            "kind": found["kind"],
            "value": found["value"],
            "holders": found["holders"],
            "independence": found["independence"],
            "is_marked": found["marked"],
        }
    )


def links(table: pa.Table, evidence: pa.Table, run_id: int, cluster: Ints) -> pa.Table:
    """Rows of links with their evidence as JSON; a link between clusters has none of its own."""
    local = table["cluster"].to_numpy()
    inside = local >= 0
    numbers = np.zeros(local.size, np.int64)
    numbers[inside] = cluster[local[inside]]
    return pa.table(
        {
            "run_id": np.full(local.size, run_id, np.int64),
            "a_id": table["a"],
            "b_id": table["b"],
            "bits": table["bits"],
            "families": table["families"],
            "cluster_id": pa.array(numbers, mask=~inside),
            "evidence": evidence_json(table, evidence),
        }
    )


def evidence_json(table: pa.Table, evidence: pa.Table) -> pa.Array:
    """For each link, sorted by its ends, its rows of evidence as the text of a JSON list, in the engine's order.

    Kinds and families are names of letters, digits and underscores, so that they need no escapes.
    """
    keys = _pair_keys(table, evidence)
    starts = np.searchsorted(keys[1], keys[0], side="left")
    ends = np.searchsorted(keys[1], keys[0], side="right")
    rows = _evidence_rows(evidence)
    offsets = np.append(starts, ends[-1] if ends.size else 0).astype(np.int32)
    if not np.array_equal(offsets[1:], ends):  # a link without evidence, or evidence without a link
        return pa.array([f"[{','.join(rows[s:e].to_pylist())}]" for s, e in zip(starts, ends, strict=True)])
    lists = pa.ListArray.from_arrays(pa.array(offsets), rows)
    return pc.binary_join_element_wise("[", pc.binary_join(lists, ","), "]", "")


def versions(
    result: Result,
    *,
    run_id: int,
    cluster: Ints,
    version: Ints,
    n_new: Ints,
    figures: Mapping[int, Figures],
    judged: set[int],
) -> pa.Table:
    """Rows of the clusters' versions, with figures, worth and words."""
    named = ("cluster_families", "cluster_values", "hypotheses", "behaviour")
    rows = {name: _by_cluster(getattr(result, name)) for name in named}
    described = [
        _described(
            row,
            {name: rows[name].get(i, []) for name in named},
            int(n_new[i]),
            figures.get(i, NOTHING),
            is_judged=int(cluster[i]) in judged,
        )
        for i, row in enumerate(result.clusters.to_pylist())
    ]
    n = version.size
    source = result.clusters
    fixed = {
        "id": version,
        "cluster_id": cluster,
        "run_id": np.full(n, run_id, np.int64),
        "n_new": n_new,
        **{name: source[name] for name in ("n_accounts", "n_actionable", "n_links", "bits", "families", "cohesion")},
    }
    return pa.table(fixed | {name: pa.array([row[name] for row in described], kind) for name, kind in _DESCRIBED})


_TIME = pa.timestamp("us", tz="UTC")
_DESCRIBED = (
    ("n_sessions", pa.int64()),
    ("n_exchanges", pa.int64()),
    ("n_output_tokens", pa.int64()),
    ("first_seen_at", _TIME),
    ("last_seen_at", _TIME),
    ("worth", pa.float64()),
    ("worth_parts", pa.string()),
    ("worth_reasons", pa.string()),
    ("summary", pa.string()),
    ("family_rows", pa.string()),
    ("value_rows", pa.string()),
    ("hypothesis_rows", pa.string()),
    ("behaviour_rows", pa.string()),
)


def _described(
    row: Mapping[str, Any], rows: Mapping[str, list[dict[str, Any]]], n_new: int, figures: Figures, *, is_judged: bool
) -> dict[str, Any]:
    families, values, hypotheses, behaviour = rows.values()
    found = triage(Looked(row["bits"], row["n_accounts"], row["n_actionable"], n_new, is_judged, behaviour, hypotheses))
    return {
        "n_sessions": figures.volume.n_sessions,
        "n_exchanges": figures.volume.n_exchanges,
        "n_output_tokens": figures.volume.n_output_tokens,
        "first_seen_at": figures.first_seen_at,
        "last_seen_at": figures.last_seen_at,
        "worth": found.worth,
        "worth_parts": json.dumps(found.parts),
        "worth_reasons": json.dumps(found.reason_rows()),
        "summary": holding_words(families, values, row["n_links"]),
        "family_rows": json.dumps(families),
        "value_rows": json.dumps(values),
        "hypothesis_rows": json.dumps(hypotheses),
        "behaviour_rows": json.dumps(behaviour),
    }


def _by_cluster(table: pa.Table) -> dict[int, list[dict[str, Any]]]:
    """Rows without their cluster's number, by that number."""
    out: dict[int, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        out.setdefault(row.pop("cluster"), []).append(row)
    return out


def _pair_keys(*pair_tables: pa.Table) -> list[Ints]:
    """One number for each pair, ordered like (a, b), the same in every table."""
    ends = [np.asarray(t[name].to_numpy()) for t in pair_tables for name in ("a", "b")]
    numbers = np.unique(np.concatenate(ends)) if ends else np.empty(0, np.int64)
    ranks = [np.searchsorted(numbers, end).astype(np.int64) for end in ends]
    return [(a << 32) | b for a, b in zip(ranks[::2], ranks[1::2], strict=True)]


def _evidence_rows(evidence: pa.Table) -> pa.Array:
    """Each row of evidence as the text of a JSON list: family, kind, value, bits, raw bits, holders, hub, and of
    evidence without a value how often it was seen and expected."""

    def text(name: str) -> pa.Array:
        return pc.coalesce(evidence[name].cast(pa.string()), "null")

    parts: Iterable[Any] = (
        pc.binary_join_element_wise('["', evidence["family"], '","', evidence["kind"], '"', ""),
        *(text(name) for name in ("value", "bits", "raw_bits", "holders")),
        pc.if_else(evidence["hub"], "true", "false"),
        pc.binary_join_element_wise(text("seen"), ",", text("expected"), "]", ""),
    )
    joined = pc.binary_join_element_wise(*parts, ",")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
