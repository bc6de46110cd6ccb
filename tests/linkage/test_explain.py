"""The one explanation of a link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from investigations.linkage import Settings, explain, run
from tests.linkage import worlds

MODEL = {"prior_millibits": -10_000, "threshold_millibits": 1000, "calibrated": False}


def row(**given: Any) -> dict[str, Any]:
    usual = {
        "family": "payment",
        "kind": "payment_fingerprint",
        "value": 1,
        "bits": 0,
        "raw_bits": 0,
        "holders": 2,
        "hub": False,
    }
    return {**usual, **given}


def test_it_adds_up_from_prior_to_sum() -> None:
    rows = [
        row(family="network", kind="ip", bits=3000, raw_bits=7000),
        row(bits=9500, raw_bits=9500),
        row(family="client", kind="user_agent", raw_bits=2000, hub=True),
        row(family="contact", kind="person", bits=-500, raw_bits=-500),
    ]
    found = explain(9, 4, rows, MODEL)
    assert (found.a, found.b, found.start, found.bits, found.is_linked) == (4, 9, -11_000, 1000, True)
    assert [one.running for one in found.rows] == [-1500, 1500, 1000]
    assert found.families == ("payment", "network")
    assert [one.kind for one in found.weightless] == ["user_agent"]
    assert "12.5 bits" not in found.sentence
    assert found.sentence == (
        "The accounts share a payment instrument (9.5 bits) and an address (3.0 bits); 0.5 bits count against; "
        "together 1.0 bits over the line. "
        "1 shared value counts nothing, because its users are independent of each other."
    )
    json.dumps(found.to_dict())


def test_it_explains_a_pair_that_shares_nothing() -> None:
    found = explain(1, 2, [], MODEL)
    assert (found.bits, found.is_linked, found.rows) == (-11_000, False, ())
    assert found.sentence == "Nothing that weighs is shared; together 11.0 bits under the line."


def test_it_gives_each_link_of_a_run_the_bits_that_the_run_gave_it(tmp_path: Path) -> None:
    result = run(worlds.inputs(worlds.planted(2)), Settings(), workdir=tmp_path)
    evidence = result.evidence.to_pylist()
    for link in result.links.slice(0, 10).to_pylist():
        rows = [one for one in evidence if (one["a"], one["b"]) == (link["a"], link["b"])]
        assert explain(link["a"], link["b"], rows, result.model).bits == link["bits"]
