"""Bad values and bad places are refused in words, and nothing half-written stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.simulation import SimulationError, WorldSettings, simulate
from accounts.simulation.writer import NAMES

_LIMITED = """
import resource, sys
from pathlib import Path
from accounts.simulation import SimulationError, WorldSettings, simulate
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    simulate(Path(sys.argv[1]), WorldSettings(accounts=3_000), form=sys.argv[2])
except SimulationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"accounts": 0}, "accounts"),
        ({"accounts": -5}, "accounts"),
        ({"accounts": 10**9}, "accounts"),
        ({"accounts": True}, "accounts"),
        ({"accounts": 2.5}, "accounts"),
        ({"prevalence": -0.1}, "prevalence"),
        ({"prevalence": 0.51}, "prevalence"),
        ({"prevalence": float("nan")}, "prevalence"),
        ({"evasion": "E5"}, "E0, E1, E2, E3, E4"),
        ({"seed": -1}, "seed"),
        ({"days": 3}, "days"),
        ({"exchanges_per_account": 0.0}, "exchanges per account"),
        ({"exchanges_per_account": float("inf")}, "exchanges per account"),
    ],
)
def test_it_refuses_values_without_sense(values: dict[str, Any], word: str) -> None:
    with pytest.raises(SimulationError, match=word):
        WorldSettings(**values)


def test_it_leaves_a_folder_with_something_in_it_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SimulationError, match="--force"):
        simulate(tmp_path, WorldSettings(accounts=50))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_it_fills_an_empty_folder_in_place(tmp_path: Path) -> None:
    place = tmp_path.stat().st_ino
    simulate(tmp_path, WorldSettings(accounts=50))
    assert tmp_path.stat().st_ino == place
    assert {path.name for path in tmp_path.iterdir()} == set(NAMES["parquet"].values())


def test_force_replaces_the_extract_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "world"
    simulate(out, WorldSettings(accounts=50), form="csv")
    (out / "notes.txt").write_text("mine")
    simulate(out, WorldSettings(accounts=60), force=True)
    names = {
        "accounts.parquet",
        "sessions.parquet",
        "exchanges.parquet",
        "identifiers.parquet",
        "truth.csv",
        "notes.txt",
    }
    assert {path.name for path in out.iterdir()} == names
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


def test_it_refuses_a_file_as_target(tmp_path: Path) -> None:
    (tmp_path / "world").write_text("")
    with pytest.raises(SimulationError, match="is a file"):
        simulate(tmp_path / "world", WorldSettings(accounts=50))


def test_it_refuses_a_format_it_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="parquet, csv"):
        simulate(tmp_path / "world", WorldSettings(accounts=50), form="xml")
    assert not list(tmp_path.iterdir())


def test_it_says_when_the_place_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SimulationError, match="Could not write"):
        simulate(tmp_path / "file" / "world", WorldSettings(accounts=50))


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_it_leaves_nothing_when_it_cannot_write_on(tmp_path: Path, form: str) -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    # -B: under the limit, Python would leave compiled modules cut short, for everyone after it to stumble over
    call = [sys.executable, "-B", "-c", _LIMITED, str(tmp_path / "world"), form]
    done = subprocess.run(call, check=True, capture_output=True, text=True, env=environment)
    assert "nothing was left there" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_world_and_says_what_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("simulate", str(tmp_path / "world"), "--accounts", "400", "--prevalence", "0.05", "--seed", "2")
    assert "400 accounts (20 in abusive hands)" in capsys.readouterr().out
    assert (tmp_path / "world" / "truth.csv").exists()


def test_the_command_warns_of_an_unusual_prevalence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("simulate", str(tmp_path / "world"), "--accounts", "100", "--prevalence", "0.1")
    assert "usual is up to 2.5%" in capsys.readouterr().err


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"prevalence must be a number from 0 to 0\.5, not 2\.0"):
        call_command("simulate", str(tmp_path / "world"), "--prevalence", "2")
    with pytest.raises(CommandError, match="E9"):
        call_command("simulate", str(tmp_path / "world"), "--evasion", "E9")
