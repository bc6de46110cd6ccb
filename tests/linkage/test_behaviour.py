"""The behaviour lens: each measure on a planted crowd and a planted network, and what is not known."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from investigations.linkage import Inputs, Settings, run, types
from investigations.linkage.types import MEASURES
from investigations.linkage.units import DAY, HOUR
from tests.linkage import worlds
from tests.linkage.worlds import World

NETWORK = range(10)
HONEST = range(10, 140)
Exchanges = list[dict[str, int]]
Row = dict[str, int | None]


def world() -> World:
    """Ten accounts that share devices in fours, among others with their own."""
    made = World([*NETWORK, *HONEST])
    for account in NETWORK:
        made.share("device_id", 1000 + account, [(account + i) % 10 for i in range(4)])
        made.share("payment_fingerprint", 2000 + account // 2, [account])
    return made


def honest(seed: int = 1, n: int = 40) -> Exchanges:
    """Exchanges of everybody, in office hours over three weeks, of four templates."""
    chance = random.Random(seed)
    return [
        {
            "account": account,
            "at": chance.randrange(21) * DAY + chance.randrange(9, 17) * HOUR + chance.randrange(HOUR),
            "system": chance.randrange(1, 5),
            "status": 0,
            "output_tokens": 100,
            "exchange": account * 1000 + i,
        }
        for account in [*NETWORK, *HONEST]
        for i in range(n)
    ]


def given(tmp_path: Path, rows: Exchanges) -> Inputs:
    return worlds.inputs(world(), exchanges=(worlds.exchanges(tmp_path / "e.parquet", rows),))


def measured(inputs: Inputs, folder: Path) -> dict[str, Row]:
    result = run(inputs, Settings(), workdir=folder)
    rows = result.behaviour.to_pylist()
    assert [row["measure"] for row in rows] == list(MEASURES)
    return {row["measure"]: row for row in rows}


def changed(rows: Exchanges, **by: object) -> Exchanges:
    """Exchanges of the network with these columns instead: a number, or what a function makes of the row."""
    return [
        row | {name: made(row) if callable(made) else made for name, made in by.items()}  # type: ignore[misc]
        if row["account"] in NETWORK
        else row
        for row in rows
    ]


def test_a_network_that_behaves_like_everybody_is_not_unusual(tmp_path: Path) -> None:
    found = measured(given(tmp_path, honest()), tmp_path / "w")
    for name in ("volume", "narrowness", "template", "coverage", "hours"):
        assert (found[name]["unusual"] or 0) < 150_000, found[name]


@pytest.mark.parametrize(
    ("measure", "by"),
    [
        ("volume", {"output_tokens": 900}),
        ("narrowness", {"system": 9}),
        ("template", {"system": 9}),
        ("hours", {"at": lambda row: row["at"] // DAY * DAY + (row["at"] // 7) % DAY}),
        ("coverage", {"at": lambda row: row["at"] // DAY * DAY + (9 + row["account"] % 8) * HOUR}),
    ],
)
def test_it_finds_a_network_unusual_by_what_it_does(tmp_path: Path, measure: str, by: dict[str, object]) -> None:
    before = measured(given(tmp_path, honest()), tmp_path / "a")[measure]
    after = measured(given(tmp_path, changed(honest(), **by)), tmp_path / "b")[measure]
    assert (after["unusual"] or 0) > (before["unusual"] or 0) + 100_000, (before, after)
    assert after["value"] > after["ordinary"]  # type: ignore[operator]


def test_a_template_that_everybody_uses_is_not_unusual(tmp_path: Path) -> None:
    everybody = [row | {"system": 9} for row in honest()]
    found = measured(given(tmp_path, everybody), tmp_path / "w")["template"]
    assert (found["value"], found["ordinary"], found["unusual"]) == (1_000_000, 1_000_000, 0)


def test_volume_is_against_accounts_of_the_same_plan(tmp_path: Path) -> None:
    heavy = {*NETWORK, *list(HONEST)[::2]}
    rows = [row | {"output_tokens": 900} if row["account"] in heavy else row for row in honest()]
    inputs = given(tmp_path, rows)
    same = measured(inputs, tmp_path / "a")["volume"]
    plans = pa.array(["large" if account in heavy else "small" for account in inputs.accounts["account"].to_pylist()])
    place = inputs.accounts.schema.get_field_index("plan")
    planned = replace(inputs, accounts=inputs.accounts.set_column(place, "plan", plans))
    found = measured(planned, tmp_path / "b")["volume"]
    assert (same["value"], found["value"]) == (750_000, 500_000)
    assert f"together they use as much as {len(NETWORK)} average ones." in found["text"]
    bare = replace(inputs, accounts=inputs.accounts.drop_columns(["plan"]))
    assert measured(bare, tmp_path / "c")["volume"] == same


def test_it_learns_the_quota_from_days_with_a_rate_limit(tmp_path: Path) -> None:
    rows = honest()
    for account in (*NETWORK, *list(HONEST)[:40]):
        for day in range(30, 34):
            rows += [
                {"account": account, "at": day * DAY + i, "exchange": day * 10**6 + account * 99 + i} for i in range(20)
            ]
            rows.append({"account": account, "at": day * DAY + 30, "status": 1, "exchange": -account * 99 - day})
    light = measured(given(tmp_path, rows), tmp_path / "a")["quota"]
    for account in NETWORK:
        for day in range(40, 60):
            rows += [
                {"account": account, "at": day * DAY + i, "exchange": -(day * 10**6 + account * 99 + i)}
                for i in range(18)
            ]
    heavy = measured(given(tmp_path, rows), tmp_path / "b")["quota"]
    assert 0 < (light["value"] or 0) < (heavy["value"] or 0)
    assert (heavy["unusual"] or 0) > 300_000
    assert measured(given(tmp_path, honest()), tmp_path / "c")["quota"]["unusual"] is None


def test_nothing_is_known_without_exchanges(tmp_path: Path) -> None:
    found = measured(worlds.inputs(world()), tmp_path)
    assert {(row["value"], row["ordinary"], row["unusual"]) for row in found.values()} == {(None, None, None)}
    assert {row["text"] for row in found.values()} == {"This is not known here."}


def test_exchanges_delivered_twice_or_in_another_order_change_nothing(tmp_path: Path) -> None:
    rows = changed(honest(), system=9)
    once = measured(given(tmp_path, rows), tmp_path / "a")
    chance = random.Random(3)
    twice = rows + chance.sample(rows, 500)
    chance.shuffle(twice)
    assert measured(given(tmp_path, twice), tmp_path / "b") == once


def test_odd_times_and_missing_columns_are_no_fault(tmp_path: Path) -> None:
    rows: Exchanges = [
        {"account": account, "at": at} for account in [*NETWORK, *HONEST] for at in (-5 * DAY, -1, 0, 2**61)
    ]
    found = measured(given(tmp_path, rows), tmp_path / "w")
    assert found["narrowness"]["unusual"] is None
    assert found["template"]["unusual"] is None
    schema = pq.read_schema(tmp_path / "e.parquet")
    assert schema.names == types.EXCHANGES.names
