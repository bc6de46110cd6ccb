"""What goes into a run of the engine and what comes out: Arrow tables with fixed schemas, no rows of any database.

Times are int64 microseconds since 1970 (UTC), bits are int32 millibits, accounts and values are the
installation's internal numbers (int64). Tables are sorted by their first columns,
so that equal input gives equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

FAMILIES = ("payment", "contact", "device", "network", "client", "content", "timing", "relation", "other")
"""The closed list of evidence families, in the order every chip, chart and bit mask uses (bit i = FAMILIES[i])."""

POSITIONS = ("core", "periphery", "bridge")
MEASURES = ("volume", "narrowness", "template", "coverage", "hours", "quota", "handoff")
"""The measures of behaviour, in the order every table and page uses."""

ACCOUNTS = pa.schema(
    [
        ("account", pa.int64()),  # unique, ascending
        ("created_at", pa.int64()),
        ("status", pa.string()),  # active, suspended, banned, closed
        ("status_changed_at", pa.int64()),  # null when never
        ("plan", pa.string()),  # null when unknown; a table may leave the column out
    ]
)
SIGHTINGS = pa.schema(
    [
        ("account", pa.int64()),
        ("kind", pa.string()),  # or dictionary<string>; a kind of accounts.kinds, e.g. "ip", "payment_fingerprint"
        ("value", pa.int64()),  # the identifier's number; unique across kinds
        ("first_at", pa.int64()),  # null when unknown
        ("last_at", pa.int64()),  # null when unknown
        ("count", pa.int64()),
    ]
)
DECLARED = pa.schema([("account", pa.int64()), ("group", pa.int64())])  # verified common ownership
CONSTRAINTS = pa.schema([("a", pa.int64()), ("b", pa.int64()), ("kind", pa.string())])
"""What people decided of two accounts: `must` (one hand) or `cannot` (never in one cluster)."""
MARKED = pa.schema([("kind", pa.string()), ("value", pa.int64())])
"""Values that people know to be shared by strangers: hubs, whatever the data say."""
EXCHANGES = pa.schema(
    [
        ("account", pa.int64()),
        ("at", pa.int64()),  # microseconds
        ("status", pa.int8()),  # 0 ok, 1 rate_limited, 2 refused, 3 error
        ("surface", pa.int8()),  # 0 api, 1 web, 2 cloud, -1 unknown
        ("model", pa.string()),  # dictionary-encoded in the files
        ("exchange", pa.int64()),  # keyed hash of exchange_id, null when none given; duplicates fall by it
        ("session", pa.int64()),  # keyed hash of session_id, null when none
        ("api_key", pa.int64()),
        ("content", pa.int64()),  # fingerprint (keyed hash, or a simhash64 as it is)
        ("system", pa.int64()),
        ("tools", pa.int64()),
        ("parameters", pa.int64()),
        ("output", pa.int64()),
        ("prefix", pa.int64()),
        ("end_user", pa.int64()),
        ("input_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
    ]
)
"""The event store's Parquet files; the engine reads only the columns that it needs."""

LINKS = pa.schema(
    [
        ("a", pa.int64()),  # a < b
        ("b", pa.int64()),
        ("bits", pa.int32()),  # millibits over the line: prior and threshold included, >= 0 for a link
        ("families", pa.int16()),  # bit mask over FAMILIES of those with evidence for
        ("n_evidence", pa.int16()),
        ("cluster", pa.int64()),  # local cluster number, -1 when the ends lie in different clusters
    ]
)
NEAR = pa.schema(
    [
        ("a", pa.int64()),  # a < b; of accounts of one declared owner the smallest
        ("b", pa.int64()),
        ("bits", pa.int32()),  # millibits over the line; negative below it
        ("families", pa.int16()),  # bit mask over FAMILIES of those with evidence for
    ]
)
"""Pairs that were weighed and are not far below the line, linked or not: what a reliability diagram counts."""
EVIDENCE = pa.schema(
    [
        ("a", pa.int64()),
        ("b", pa.int64()),
        ("family", pa.string()),
        ("kind", pa.string()),
        ("value", pa.int64()),  # identifier number or content fingerprint; null for signals without one
        ("bits", pa.int32()),  # millibits after damping and caps; negative counts against
        ("raw_bits", pa.int32()),  # before damping and caps
        ("holders", pa.int32()),  # accounts of the dataset that have the value
        ("hub", pa.bool_()),  # weighs nothing because its holders are independent of each other
        ("seen", pa.int32()),  # of signals without a value: how often what the kind names was seen; else null
        ("expected", pa.int64()),  # and how often chance brings it about, in millionths; else null
    ]
)
CLUSTERS = pa.schema(
    [
        ("cluster", pa.int64()),  # dense local number, by descending size then smallest account
        ("n_accounts", pa.int32()),
        ("n_actionable", pa.int32()),
        ("bits", pa.int32()),  # median over the members of the strongest link of each, millibits over the line
        ("families", pa.int16()),
        ("cohesion", pa.float64()),  # share of possible links (of the backbone) that exist, 0 to 1
        ("n_links", pa.int32()),
    ]
)
CLUSTER_FAMILIES = pa.schema(
    [
        ("cluster", pa.int64()),
        ("family", pa.string()),
        ("bits_for", pa.int32()),  # median over links that have evidence of this family
        ("bits_against", pa.int32()),
        ("n_links", pa.int32()),  # links with evidence of this family
        ("parts_without", pa.int32()),  # fragility: parts the cluster falls into without this family
    ]
)
CLUSTER_VALUES = pa.schema(
    [
        ("cluster", pa.int64()),
        ("family", pa.string()),
        ("kind", pa.string()),
        ("value", pa.int64()),
        ("members", pa.int32()),  # members that have it
        ("holders", pa.int32()),  # accounts of the dataset that have it
        ("bits", pa.int32()),
        ("hub", pa.bool_()),
    ]
)
"""The strongest shared values of each cluster, at most settings.values_per_cluster a cluster."""
MEMBERS = pa.schema(
    [
        ("cluster", pa.int64()),
        ("account", pa.int64()),
        ("position", pa.string()),  # one of POSITIONS
        ("actionable", pa.bool_()),
        ("bits", pa.int32()),  # strongest link inside the cluster
        ("degree", pa.int32()),  # links inside the cluster
        ("families", pa.int16()),
        ("since", pa.int64()),  # start of the accused episode, null = all of the account's life
    ]
)
HUBS = pa.schema(
    [
        ("kind", pa.string()),
        ("value", pa.int64()),
        ("holders", pa.int32()),
        ("independence", pa.float64()),  # share of holders with nothing else in common beyond chance; null: not tested
        ("is_hub", pa.bool_()),
        ("marked", pa.bool_()),  # by people
    ]
)
FIGURES = pa.list_(pa.struct([("name", pa.string()), ("value", pa.int64())]))
"""Numbers by name, by name."""
HYPOTHESES = pa.schema(
    [
        ("cluster", pa.int64()),
        ("hypothesis", pa.string()),  # one of hypotheses.HYPOTHESES, in their order
        ("answer", pa.string()),  # for, against, untested
        ("text", pa.string()),
        ("figures", FIGURES),
    ]
)
"""Benign explanations of each cluster."""
BEHAVIOUR = pa.schema(
    [
        ("cluster", pa.int64()),
        ("measure", pa.string()),  # one of MEASURES, in their order
        ("value", pa.int64()),  # in millionths, like the next two; null: not known here
        ("ordinary", pa.int64()),  # the same of accounts in no cluster, or by chance
        ("unusual", pa.int64()),  # 0: as usual, 1: as far from it as can be
        ("text", pa.string()),
    ]
)
"""How each cluster's members use the platform. Says nothing of who is linked."""
CONFLICTS = pa.schema(
    [
        ("a", pa.int64()),  # null: not given
        ("b", pa.int64()),
        ("kind", pa.string()),
        ("problem", pa.string()),  # one of constraints.PROBLEMS
        ("accounts", pa.list_(pa.int64())),  # of a contradiction the chain from a to b, else those that are known
        ("done", pa.string()),  # in words
    ]
)
"""Constraints that could not be obeyed."""


@dataclass(frozen=True)
class Inputs:
    """Everything a run reads. `exchanges` are Parquet files of schema EXCHANGES (they may be empty)."""

    accounts: pa.Table
    sightings: pa.Table
    declared: pa.Table
    exchanges: tuple[str, ...] = ()
    families: dict[str, str] = field(default_factory=dict)
    """Kind to family, for every kind in `sightings`; unknown kinds are `other`."""
    now: int = 0
    constraints: pa.Table = field(default_factory=CONSTRAINTS.empty_table)
    """Of schema CONSTRAINTS; what contradicts itself or the data is reported, not refused."""
    marked: pa.Table = field(default_factory=MARKED.empty_table)
    """Of schema MARKED."""


@dataclass(frozen=True)
class Result:
    links: pa.Table
    near: pa.Table
    evidence: pa.Table
    clusters: pa.Table
    cluster_families: pa.Table
    cluster_values: pa.Table
    members: pa.Table
    hubs: pa.Table
    conflicts: pa.Table
    hypotheses: pa.Table
    behaviour: pa.Table
    model: dict[str, Any]
    """The model file: m, u, prior, damping, caps, hubs' digest; JSON-able, with its own sha256 under "digest"."""
    statistics: dict[str, Any]
    """Counts per step (accounts, values, pairs considered, links, clusters) and nothing that depends on the clock."""
