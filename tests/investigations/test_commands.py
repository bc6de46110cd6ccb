from __future__ import annotations

import csv
import gzip
import json
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from core.models import Dataset
from core.models.dataset import DatasetKind
from investigations.management.commands import ensure_demo
from investigations.models import Run
from investigations.models.choices import RunState
from investigations.services.runs import run_request
from manage import arguments_for_django
from tests.databases import LiveDatabase
from tests.factories import dataset_make
from tests.investigations.worlds import network_names, partition, world_make


def called(capsys: pytest.CaptureFixture[str], *arguments: Any, **options: Any) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    code = 0
    try:
        call_command(*arguments, **options)
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def truth_write(path: Path, rows: list[str]) -> Path:
    path.write_text("account_id,operator_id,kind\n" + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def labels() -> list[str]:
    operators = [f"net{n}-{i},op{n},hydra" for n in range(4) for i in range(6)]
    return operators + [f"honest-{i},,campus" for i in range(80)]


def test_link_prints_one_json_object(live_db: LiveDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    world_make("main")
    code, out, _ = called(capsys, "link", json=True)
    told = json.loads(out)
    assert code == 0
    assert {"run", "accounts", "links", "clusters", "seconds", "peak_mb"} <= set(told)
    assert (told["accounts"], told["clusters"], told["state"]) == (104, 4, "done")


def test_link_says_what_it_found(live_db: LiveDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    world_make("main")
    code, out, _ = called(capsys, "link")
    assert code == 0
    assert "104 accounts" in out
    assert "4 clusters" in out


def test_link_goes_on_with_a_run_that_a_killed_process_left(
    live_db: LiveDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_request(world_make("main"))
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING, claims=1, attempts=1)
    code, out, _ = called(capsys, "link", json=True)
    assert code == 0
    assert json.loads(out)["run"] == run.public_id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budget = 0", "budget"),
        ("nonsense = 1", "nonsense"),
        ("= 3", "not a TOML file"),
        ("[families.payment]\nx=1", "x"),
    ],
)
def test_link_refuses_bad_settings(
    live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, said: str
) -> None:
    world_make("main", n_honest=2, n_networks=0)
    file = tmp_path / "settings.toml"
    file.write_text(text, "utf-8")
    code, out, _ = called(capsys, "link", run_settings=file, json=True)
    assert code == 2
    assert said in json.loads(out)["error"]["detail"]
    assert not Run.objects.exists()


def test_link_names_what_is_missing(live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = called(capsys, "link", dataset="nowhere")
    assert code == 2
    assert "There is no dataset “nowhere”" in err
    dataset_make("main")
    code, _, err = called(capsys, "link", run_settings=tmp_path / "none.toml")
    assert code == 2
    assert "can't be read" in err


def test_link_leaves_the_run_to_the_workers(
    live_db: LiveDatabase, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world_make("main")
    code, out, _ = called(capsys, "link", queue=True, json=True)
    assert code == 0
    assert json.loads(out)["state"] == "queued"
    assert Run.objects.get().state == RunState.QUEUED


def test_manage_keeps_django_from_taking_the_settings_of_a_run() -> None:
    given = ["manage.py", "link", "--settings", "a.toml", "--settings=b.toml", "--json"]
    assert arguments_for_django(given)[2:] == ["--run-settings", "a.toml", "--run-settings=b.toml", "--json"]
    assert arguments_for_django(["manage.py", "check", "--settings", "x"])[2:] == ["--settings", "x"]


def test_clusters_writes_a_row_for_each_clustered_account(
    live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    world_make("main")
    called(capsys, "link")
    out = tmp_path / "clusters.csv"
    code, said, _ = called(capsys, "clusters", out=out)
    assert code == 0
    assert "24 accounts of run 1" in said
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["account_id", "cluster_id", "position", "actionable", "episode"]
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["cluster_id"], []).append(row["account_id"])
        assert row["cluster_id"].startswith("clu_")
        assert row["actionable"] in ("true", "false")
        assert row["position"] in ("core", "periphery", "bridge")
    assert sorted(sorted(names) for names in groups.values()) == network_names(range(4), 6)
    assert stat.S_IMODE(out.stat().st_mode) & 0o600 == 0o600
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_clusters_says_what_is_wrong(live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    dataset = world_make("main", n_networks=1)
    assert "has no run yet" in called(capsys, "clusters", out=tmp_path / "x.csv")[2]
    for _ in range(3):
        called(capsys, "link")
    assert called(capsys, "clusters", out=tmp_path / "x.csv", run="2")[0] == 0
    assert "no longer kept" in called(capsys, "clusters", out=tmp_path / "x.csv", run="1")[2]
    assert "has no run “9”" in called(capsys, "clusters", out=tmp_path / "x.csv", run="9")[2]
    code, _, err = called(capsys, "clusters", out=tmp_path / "no" / "x.csv")
    assert code == 2
    assert "can't be written" in err
    assert dataset.runs.count() == 3


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_evaluate_measures_against_labels(
    live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str
) -> None:
    world_make("main")
    called(capsys, "link")
    file = truth_write(tmp_path / "truth.csv", [*labels(), "stranger,op9,hydra", "net0-0,op0,hydra"])
    if form == "csv.gz":
        file = tmp_path / "truth.csv.gz"
        file.write_bytes(gzip.compress((tmp_path / "truth.csv").read_bytes()))
    elif form == "parquet":
        with (tmp_path / "truth.csv").open(encoding="utf-8") as source:
            rows = list(csv.DictReader(source))
        file = tmp_path / "truth.parquet"
        pq.write_table(pa.Table.from_pylist(rows), file)
    code, out, _ = called(capsys, "evaluate", truth=[file], json=True)
    told = json.loads(out)
    assert code == 0
    for name in ("pairwise", "bcubed", "account_level"):
        assert {"precision", "recall", "f1"} <= set(told[name])
        assert told[name]["f1"] == 1.0
    assert told["macro_recall"] == 1.0
    assert told["recall_by_kind"]["hydra"]["accounts"] == 24
    assert told["swept_in"]["campus"]["all"] == 0
    assert (told["unknown_accounts"], told["unknown_examples"], told["repeated_labels"]) == (1, ["stranger"], 1)
    assert told["labels"] == 106
    diagram = told["reliability"]["diagram"]
    assert sum(row["pairs"] for row in diagram) == told["reliability"]["pairs"] > 24
    assert diagram[-1]["right"] == 1.0


def test_evaluate_leaves_out_kinds_and_small_clusters(
    live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    world_make("main")
    called(capsys, "link")
    file = truth_write(tmp_path / "truth.csv", labels())
    code, out, _ = called(capsys, "evaluate", truth=[file], min_size=7, unlabelled="ignore", json=True)
    assert code == 0
    assert json.loads(out)["clusters"] == 0
    code, out, _ = called(capsys, "evaluate", truth=[file], ignore_kind=["hydra"], json=True)
    assert json.loads(out)["operators"] == 0
    code, out, _ = called(capsys, "evaluate", truth=[file])
    assert "honest crowd" in out
    assert "calibrated bits" in out
    assert "precision" in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "can't be used"),
        (b"account,operator_id\na,b\n", "no column account_id"),
        (b"account_id,abusive\na,perhaps\n", "line 2: abusive"),
        (b"account_id,since\na,2026-01-01T00:00:00\n", "without a zone"),
        (b"account_id,until\na,yesterday\n", "not a time"),
        (b"account_id\n\xff\xfe\n", "can't be used"),
    ],
)
def test_evaluate_refuses_labels_that_can_not_be(
    live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, said: str
) -> None:
    dataset_make("main")
    called(capsys, "link")
    file = tmp_path / "truth.csv"
    file.write_bytes(content)
    code, out, _ = called(capsys, "evaluate", truth=[file], json=True)
    assert code == 2
    assert said in json.loads(out)["error"]["detail"]


def test_evaluate_names_a_file_that_is_not_there(
    live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    dataset_make("main")
    called(capsys, "link")
    for name in ("none.csv", "none.parquet"):
        code, _, err = called(capsys, "evaluate", truth=[tmp_path / name])
        assert code == 2
        assert "no such file" in err
    assert called(capsys, "evaluate", truth=[truth_write(tmp_path / "t.csv", ["a,b,c"])], min_size=0)[0] == 2


def test_the_demo_is_made_once_and_completed_when_it_broke_off(
    live_db: LiveDatabase, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setattr(ensure_demo, "DEMO", replace(ensure_demo.DEMO, accounts=600))
    with monkeypatch.context() as patch:
        patch.setattr(ensure_demo, "call_command", lambda *_, **__: None)  # it broke off before linking
        assert called(capsys, "ensure_demo")[0] == 0
    dataset = Dataset.objects.get(name="demo")
    assert dataset.kind == DatasetKind.DEMO
    assert not dataset.runs.exists()
    n = dataset.accounts.count()
    assert called(capsys, "ensure_demo")[0] == 0
    assert dataset.accounts.count() == n
    run = dataset.runs.get()
    assert run.state == RunState.DONE
    assert partition(run)
    code, out, _ = called(capsys, "ensure_demo")
    assert (code, out.strip()) == (0, "The demo dataset is there.")
    assert dataset.runs.count() == 1


def test_the_demo_leaves_somebody_s_own_dataset_of_that_name_alone(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset_make("demo", kind=DatasetKind.LIVE)
    assert called(capsys, "ensure_demo")[0] == 0
    assert not Run.objects.exists()
