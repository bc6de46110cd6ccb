"""The public data, where REAL_DATA points at it: floors under what the engine reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from investigations.linkage import Settings, evaluate, run
from investigations.linkage.gather import units_from
from investigations.linkage.signals import PairSource
from investigations.linkage.signals.co_sharing import judged, meetings, shares_read, significant
from tests.linkage import real_data

pytestmark = pytest.mark.skipif(not real_data.DATA, reason="REAL_DATA is not set")


def test_it_finds_groups_of_wallets_and_no_blob(tmp_path: Path) -> None:
    extract = real_data.load("hop")
    result = run(extract.inputs, Settings(), workdir=tmp_path)
    found = evaluate(result.members, extract.truth, ignore_kinds=["circular"], min_size=8)
    assert found["account_level"]["precision"] > 0.75
    assert found["account_level"]["recall"] > 0.3
    assert max(result.clusters["n_accounts"].to_pylist()) < 1500
    assert result.statistics["hubs"] > 100


def test_it_finds_identities_of_one_person(tmp_path: Path) -> None:
    extract = real_data.load("numpy-identities")
    result = run(extract.inputs, Settings(), workdir=tmp_path)
    found = evaluate(result.members, extract.truth, unlabelled="ignore")
    assert found["pairwise"]["precision"] > 0.5
    assert found["pairwise"]["recall"] > 0.4


def test_it_finds_who_shares_the_same_objects_in_the_same_minute(tmp_path: Path) -> None:
    inputs = real_data.load_mapped("coortweet", tmp_path)
    shares = shares_read(
        PairSource(inputs, *units_from(inputs.accounts, inputs.declared), inputs.accounts.num_rows, lambda: 0)
    )
    assert meetings(shares, shares.unit).by_pair()[0].size == 6206
    several, by_chance = judged(shares)
    assert significant(several, by_chance).sum() >= 30
    assert by_chance.sum() < 12
