"""A run as a whole: small and odd inputs, determinism, resumption."""

from __future__ import annotations

from pathlib import Path

import pytest

from investigations.linkage import Inputs, Progress, Result, Settings, Stopped, run, types
from investigations.linkage.runs import STEPS
from tests.linkage import worlds
from tests.linkage.worlds import Seen, World

SCHEMAS = {
    "links": types.LINKS,
    "evidence": types.EVIDENCE,
    "clusters": types.CLUSTERS,
    "cluster_families": types.CLUSTER_FAMILIES,
    "cluster_values": types.CLUSTER_VALUES,
    "members": types.MEMBERS,
    "hubs": types.HUBS,
    "conflicts": types.CONFLICTS,
    "hypotheses": types.HYPOTHESES,
    "behaviour": types.BEHAVIOUR,
}


def result_of(world: World, folder: Path, settings: Settings | None = None, shuffle: int | None = None) -> Result:
    return run(worlds.inputs(world, shuffle=shuffle), settings or Settings(), workdir=folder)


def clusters_of(result: Result) -> list[set[int]]:
    found: dict[int, set[int]] = {}
    for row in result.members.to_pylist():
        found.setdefault(row["cluster"], set()).add(row["account"])
    return [found[number] for number in sorted(found)]


def test_it_gives_empty_tables_of_the_right_schema_for_an_empty_dataset(tmp_path: Path) -> None:
    result = result_of(World([]), tmp_path)
    for name, schema in SCHEMAS.items():
        table = getattr(result, name)
        assert table.num_rows == 0, name
        assert table.schema.remove_metadata().equals(schema), name
    assert result.statistics["accounts"] == 0


def test_it_finds_nothing_in_one_account(tmp_path: Path) -> None:
    world = World([7], [Seen(7, "ip", 1), Seen(7, "ip", 2)])
    result = result_of(world, tmp_path)
    assert result.statistics | {"accounts": 1, "links": 0, "clusters": 0, "values": 0} == result.statistics


@pytest.mark.parametrize("kind", ["ip", "payment_fingerprint", "note"])
def test_it_links_nobody_for_one_identifier_that_all_share(tmp_path: Path, kind: str) -> None:
    world = World(list(range(200)))
    world.share(kind, 1, world.accounts)
    result = result_of(world, tmp_path)
    assert result.links.num_rows == 0
    assert result.clusters.num_rows == 0


def test_it_reads_no_times_and_leaves_them_out(tmp_path: Path) -> None:
    world = World(list(range(100)))
    world.seen = [Seen(1, "ip", 5, None, 10), Seen(2, "ip", 5, 20, None), Seen(3, "ip", 6), Seen(4, "ip", 6)]
    assert result_of(world, tmp_path).statistics["values"] == 2


def test_it_recovers_planted_operators_and_nobody_else(tmp_path: Path) -> None:
    world = worlds.planted(3)
    found = clusters_of(result_of(world, tmp_path))
    wanted = [{account for account, name in world.truth.items() if name == f"op{number}"} for number in range(4)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, wanted))


def test_it_finds_the_carriers_to_be_hubs_and_the_proxies_not(tmp_path: Path) -> None:
    world = World(list(range(1000)))
    world.share("ip", 1, range(500))
    for start in range(600, 680, 4):
        world.share("payment_fingerprint", 100 + start, range(start, start + 4))
    world.share("ip", 2, range(600, 680))
    hubs = {row["value"]: row["is_hub"] for row in result_of(world, tmp_path).hubs.to_pylist()}
    assert hubs == {1: True, 2: False}


def test_it_keeps_duplicate_rows_from_changing_a_byte(tmp_path: Path) -> None:
    world = worlds.planted(4)
    once = worlds.as_bytes(result_of(world, tmp_path / "once"))
    world.seen += world.seen
    world.accounts += world.accounts[:10]
    assert worlds.as_bytes(result_of(world, tmp_path / "twice")) == once


@pytest.mark.parametrize("seed", range(3))
def test_it_gives_the_same_bytes_for_rows_in_any_order(tmp_path: Path, seed: int) -> None:
    world = worlds.planted(seed)
    first = result_of(world, tmp_path / "first")
    again = result_of(world, tmp_path / "again")
    shuffled = result_of(world, tmp_path / "shuffled", shuffle=seed)
    assert worlds.as_bytes(again) == worlds.as_bytes(first)
    assert worlds.as_bytes(shuffled) == worlds.as_bytes(first)
    assert shuffled.model == first.model
    assert shuffled.statistics == first.statistics


def stop_before(step: str) -> tuple[list[Progress], object, object]:
    seen: list[Progress] = []
    return seen, seen.append, lambda: bool(seen) and seen[-1].step == step


@pytest.mark.parametrize("step", STEPS)
def test_it_goes_on_after_a_stop_with_the_same_bytes(tmp_path: Path, step: str) -> None:
    given = worlds.inputs(worlds.planted(5))
    whole = run(given, Settings(), workdir=tmp_path / "whole")
    seen, progress, should_stop = stop_before(step)
    with pytest.raises(Stopped):
        run(given, Settings(), workdir=tmp_path / "cut", progress=progress, should_stop=should_stop)  # type: ignore[arg-type]
    assert seen[-1].step == step
    finished = run(given, Settings(), workdir=tmp_path / "cut")
    assert worlds.as_bytes(finished) == worlds.as_bytes(whole)
    assert finished.model == whole.model


def test_it_begins_a_folder_anew_for_other_settings_or_inputs(tmp_path: Path) -> None:
    world = worlds.planted(6)
    result_of(world, tmp_path / "a")
    stricter = Settings(threshold_bits=12.0)
    changed = result_of(world, tmp_path / "a", stricter)
    assert worlds.as_bytes(changed) == worlds.as_bytes(result_of(world, tmp_path / "b", stricter))
    world.seen = world.seen[: len(world.seen) // 2]
    fewer = result_of(world, tmp_path / "a", stricter)
    assert worlds.as_bytes(fewer) == worlds.as_bytes(result_of(world, tmp_path / "c", stricter))


def test_it_reports_every_step_in_order(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run(worlds.inputs(worlds.planted(1)), Settings(), workdir=tmp_path, progress=seen.append)
    assert list(dict.fromkeys(item.step for item in seen)) == list(STEPS)
    assert all(item.of == len(STEPS) and 0 <= item.done <= item.total for item in seen)
    assert [item.index for item in seen] == sorted(item.index for item in seen)


def test_it_takes_a_declared_group_for_one_account_and_accuses_none_of_it(tmp_path: Path) -> None:
    world = worlds.planted(7)
    staff = [account for account, name in world.truth.items() if name == "op0"]
    world.declared = [(account, 1) for account in staff]
    found = clusters_of(result_of(world, tmp_path / "a"))
    assert len(found) == 3
    assert not set(staff) & set().union(*found)
    world.share("payment_fingerprint", 77_777, [staff[0], 412])
    world.share("device_id", 77_778, [staff[1], 412])
    rows = result_of(world, tmp_path / "b").members.to_pylist()
    inside = {row["account"]: row for row in rows if row["account"] in staff}
    assert set(inside) == set(staff)
    assert not any(row["actionable"] for row in inside.values())


def test_it_reads_equal_content_and_migration_from_exchanges(tmp_path: Path) -> None:
    rows = [{"account": account, "at": 9, "content": 10_000 + account, "system": 1} for account in range(3000)]
    for account in range(10, 16):
        rows.extend({"account": account, "at": 5, "content": 50 + template} for template in range(6))
    for answer in range(900, 905):
        rows.append({"account": 20, "at": 1, "output": answer})
        rows.append({"account": 21, "at": 2, "prefix": answer})
    path = worlds.exchanges(tmp_path / "e.parquet", rows)
    world = World(list(range(3000)))
    result = run(worlds.inputs(world, exchanges=(path,)), Settings(), workdir=tmp_path / "w")
    assert clusters_of(result) == [{20, 21}]
    world.share("note", 1, range(10, 16))
    noted = run(worlds.inputs(world, exchanges=(path,)), Settings(), workdir=tmp_path / "with a note")
    assert set(range(10, 16)) in clusters_of(noted)
    kinds = {row["kind"] for row in result.evidence.to_pylist() if row["bits"]}
    assert kinds == {"prefix_fingerprint"}


def test_it_lets_exchanges_delivered_twice_change_nothing(tmp_path: Path) -> None:
    rows = [{"account": account, "at": 1, "content": account // 3, "exchange": account} for account in range(60)]
    once = worlds.exchanges(tmp_path / "once.parquet", rows)
    twice = worlds.exchanges(tmp_path / "twice.parquet", rows + rows[:30])
    world = World(list(range(60)))
    first = run(worlds.inputs(world, exchanges=(once,)), Settings(), workdir=tmp_path / "a")
    second = run(worlds.inputs(world, exchanges=(twice,)), Settings(), workdir=tmp_path / "b")
    assert worlds.as_bytes(first) == worlds.as_bytes(second)


def test_it_ignores_the_kinds_that_settings_name(tmp_path: Path) -> None:
    world = worlds.planted(8)
    result = result_of(world, tmp_path, Settings(ignore_kinds=("payment_fingerprint", "ip", "device_id", "email")))
    assert result.links.num_rows == 0
    assert [kind["kind"] for kind in result.model["kinds"]] == ["tls_fingerprint"]


def test_it_sums_evidence_to_the_bits_of_each_link(tmp_path: Path) -> None:
    result = result_of(worlds.planted(9), tmp_path)
    total: dict[tuple[int, int], int] = {}
    for row in result.evidence.to_pylist():
        total[row["a"], row["b"]] = total.get((row["a"], row["b"]), 0) + row["bits"]
    assert result.links.num_rows > 0
    for row in result.links.to_pylist():
        assert row["a"] < row["b"]
        assert total[row["a"], row["b"]] - result.model["line_millibits"] == row["bits"] >= 0


def test_it_sorts_its_tables_by_their_first_columns(tmp_path: Path) -> None:
    result = result_of(worlds.planted(10), tmp_path)
    for name, keys in {"links": ("a", "b"), "members": ("cluster", "account"), "clusters": ("cluster",)}.items():
        rows = [tuple(row[key] for key in keys) for row in getattr(result, name).to_pylist()]
        assert rows == sorted(rows), name


def test_it_names_accounts_only_that_are_in_the_accounts_table(tmp_path: Path) -> None:
    world = World(list(range(50)))
    world.share("payment_fingerprint", 1, [1, 2, 999])
    world.share("device_id", 2, [1, 2, 999])
    assert clusters_of(result_of(world, tmp_path)) == [{1, 2}]


def test_its_model_has_a_digest_over_all_else(tmp_path: Path) -> None:
    from investigations.linkage.model import digest_of

    model = dict(result_of(worlds.planted(11), tmp_path).model)
    assert model.pop("digest") == digest_of(model)


def test_inputs_may_come_with_dictionary_encoded_kinds(tmp_path: Path) -> None:
    plain = worlds.inputs(worlds.planted(12))
    column = plain.sightings["kind"].dictionary_encode()
    encoded = plain.sightings.set_column(1, "kind", column)
    other = Inputs(plain.accounts, encoded, plain.declared, (), plain.families)
    first = run(plain, Settings(), workdir=tmp_path / "a")
    assert worlds.as_bytes(first) == worlds.as_bytes(run(other, Settings(), workdir=tmp_path / "b"))
