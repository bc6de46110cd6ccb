"""The same settings give the same bytes, in any process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.simulation import WorldSettings, simulate

_CALL = """
import sys
from pathlib import Path
from accounts.simulation import WorldSettings, simulate
simulate(Path(sys.argv[1]), WorldSettings(accounts=600, prevalence=0.025, seed=11), form=sys.argv[2])
"""


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_it_writes_the_same_bytes_in_another_process(tmp_path: Path, form: str) -> None:
    simulate(tmp_path / "here", WorldSettings(accounts=600, prevalence=0.025, seed=11), form=form)
    environment = {"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", _CALL, str(tmp_path / "there"), form], check=True, env=environment)
    assert digests(tmp_path / "here") == digests(tmp_path / "there")


def test_it_writes_other_bytes_for_another_seed(tmp_path: Path) -> None:
    simulate(tmp_path / "one", WorldSettings(accounts=300, seed=1))
    simulate(tmp_path / "two", WorldSettings(accounts=300, seed=2))
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(one[name] != two[name] for name in one)


def test_it_says_the_same_in_both_formats(tmp_path: Path) -> None:
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    settings = WorldSettings(accounts=300, prevalence=0.02, seed=4)
    simulate(tmp_path / "parquet", settings)
    simulate(tmp_path / "csv", settings, form="csv")
    typed = pq.read_table(tmp_path / "parquet" / "exchanges.parquet")
    options = pacsv.ConvertOptions(
        column_types=typed.schema, strings_can_be_null=True, timestamp_parsers=["%Y-%m-%dT%H:%M:%S.%fZ", pacsv.ISO8601]
    )
    text = pacsv.read_csv(tmp_path / "csv" / "exchanges.csv.gz", convert_options=options)
    assert text.equals(typed)
