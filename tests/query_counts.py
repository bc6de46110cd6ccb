"""How many queries pages make, recorded in query_counts.json: RECORD_QUERY_COUNTS=1 writes the file anew."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from tests.settings import ROOT

FILE = ROOT / "tests" / "query_counts.json"


def assert_recorded(group: str, counts: Mapping[str, int]) -> None:
    """The counts are those on record; a change is a decision, made visible in the diff of the file."""
    recorded = json.loads(FILE.read_text(encoding="utf-8"))
    if os.environ.get("RECORD_QUERY_COUNTS") == "1":
        recorded[group] = dict(sorted(counts.items()))
        FILE.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return
    assert dict(counts) == recorded[group]
