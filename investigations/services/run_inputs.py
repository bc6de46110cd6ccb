"""A run's input, frozen in its folder on the first attempt, so that a later one reads the same."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from accounts.selectors.columns import engine_inputs
from core.models import Dataset
from investigations.linkage import Inputs
from investigations.linkage.types import ACCOUNTS, CONSTRAINTS, DECLARED, MARKED, SIGHTINGS
from investigations.selectors.instructions import engine_instructions

TABLES = {
    "accounts": ACCOUNTS,
    "sightings": SIGHTINGS,
    "declared": DECLARED,
    "constraints": CONSTRAINTS,
    "marked": MARKED,
}


def inputs_frozen(dataset: Dataset, folder: Path) -> tuple[Inputs, str]:
    """The run's inputs and their digest: what an earlier attempt froze, or the dataset as it is now.

    Exchange files are never rewritten; if one has gone since (compacted, erased), everything is read anew.
    """
    place = folder / "inputs"
    frozen = _frozen(place)
    if frozen is None:
        shutil.rmtree(place, ignore_errors=True)
        _freeze(dataset, place)
        frozen = _frozen(place)
    if frozen is None:
        raise FileNotFoundError(2, "the run's input vanished while it was read", str(place))
    return frozen


def _frozen(place: Path) -> tuple[Inputs, str] | None:
    try:
        note = json.loads((place / "inputs.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    files = [*note["exchanges"], *(place / f"{name}.parquet" for name in TABLES)]
    if not all(Path(path).exists() for path in files):
        return None
    tables = {name: pq.read_table(place / f"{name}.parquet", schema=schema) for name, schema in TABLES.items()}
    inputs = Inputs(**tables, exchanges=tuple(note["exchanges"]), families=note["families"], now=note["now"])
    return inputs, note["digest"]


def _freeze(dataset: Dataset, place: Path) -> None:
    """Writes the tables, then, last, the note that says they are whole."""
    columns = engine_inputs(dataset)
    constraints, marked = engine_instructions(dataset)
    made = {"constraints": constraints, "marked": marked}
    place.mkdir(parents=True, exist_ok=True)
    for name, schema in TABLES.items():
        table = made[name] if name in made else getattr(columns, name).select(schema.names).cast(schema)
        pq.write_table(table, place / f"{name}.parquet", compression="zstd", compression_level=1)
    note = {
        "exchanges": list(columns.exchanges),
        "families": columns.families,
        "now": columns.now,
        "digest": _digest(columns.digest, constraints, marked),
    }
    partial = place / "inputs.json.tmp"
    partial.write_text(json.dumps(note), "utf-8")
    partial.replace(place / "inputs.json")


def _digest(of_data: str, constraints: pa.Table, marked: pa.Table) -> str:
    """The digest of the data and of what people said; that of the data alone where they said nothing."""
    if not constraints.num_rows and not marked.num_rows:
        return of_data
    said = json.dumps([of_data, constraints.to_pylist(), marked.to_pylist()], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
