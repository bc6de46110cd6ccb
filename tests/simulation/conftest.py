"""Worlds that several tests read; each is made once per process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from accounts.simulation import LEVELS, WorldSettings, simulate

TABLES = ("accounts", "sessions", "exchanges", "identifiers", "truth")
TRUTH_TYPES = "{'since': 'TIMESTAMPTZ', 'until': 'TIMESTAMPTZ', 'x_evasion': 'VARCHAR', 'operator_id': 'VARCHAR'}"


class Made:
    """A written world that answers SQL; tables are called like their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._db = duckdb.connect()
        self._db.execute("set timezone = 'UTC'")
        for table in TABLES[:-1]:
            self._db.execute(f"create view {table} as select * from '{folder / table}.parquet'")
        source = f"read_csv('{folder / 'truth.csv'}', types = {TRUTH_TYPES})"
        self._db.execute(f"create view truth as select * from {source}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows."""
        return self._db.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        """The one value."""
        ((value,),) = self.rows(sql)
        return value


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A world with every kind and level."""
    folder = tmp_path_factory.mktemp("simulation") / "mixed"
    simulate(folder, WorldSettings(accounts=12_000, prevalence=0.025, seed=3, exchanges_per_account=30.0))
    return Made(folder)


@pytest.fixture(scope="session")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """The same small world at each level."""
    made = {}
    for level in LEVELS:
        folder = tmp_path_factory.mktemp("simulation") / level
        simulate(
            folder, WorldSettings(accounts=3_000, prevalence=0.05, seed=5, evasion=level, exchanges_per_account=40.0)
        )
        made[level] = Made(folder)
    return made
