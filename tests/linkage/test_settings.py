"""Settings: validated, and loud about what is not allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from investigations.linkage import Settings, SettingsError


def test_they_come_back_from_json() -> None:
    settings = Settings(seed=5, ignore_kinds=("asn",))
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_a_toml_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("threshold_bits = 4\n[families.network]\nalone_bits = 2.5\n", encoding="utf-8")
    settings = Settings.from_toml(path)
    assert settings.threshold_bits == 4
    assert settings.family("network").alone_bits == 2.5
    assert settings.family("network").floor_holders == Settings().family("network").floor_holders


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"budget": 0}, "budget: 0 is not allowed; a whole number from 3 to 1000"),
        ({"budget": True}, "budget: True is not allowed"),
        ({"threshold_bits": "high"}, "threshold_bits: 'high' is not allowed; a number from -30 to 60"),
        ({"resolution": float("nan")}, "resolution: nan is not allowed"),
        ({"occasion_hours": -1}, "occasion_hours: -1 is not allowed; a number from 0 to 8760"),
        ({"occasion_families": ["venue"]}, "occasion_families: 'venue' is not allowed; names from payment, contact"),
        ({"occasion_families": "network"}, "occasion_families: 'network' is not allowed; a list of names"),
        ({"colour": 1}, "colour: no such setting"),
        ({"version": 99}, "version: 99 is not allowed"),
        ({"families": {"magic": {}}}, "families.magic: no such setting"),
        ({"families": {"network": {"agreement": 2}}}, "families.network.agreement: 2 is not allowed"),
        ({"families": {"network": {"weight": 2}}}, "families.network.weight: no such setting"),
        ({"families": {"network": {"collections": 1}}}, "families.network.collections: 1 is not allowed"),
        ({"families": 3}, "families: 3 is not allowed"),
        ({"families": {"network": 3}}, "families.network: 3 is not allowed"),
        ({"ignore_kinds": "ip"}, "ignore_kinds: 'ip' is not allowed"),
        ({"coarser": {"asn": "ip"}}, "coarser.asn: 'ip' is not allowed"),
        ({"coarser": []}, r"coarser: \[\] is not allowed"),
    ],
)
def test_they_name_field_value_and_what_is_allowed(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.from_dict(given)


def test_they_say_all_problems_at_once() -> None:
    given = {
        "budget": 0,
        "colour": 1,
        "coarser": {"asn": "ip"},
        "families": {"network": {"agreement": 2, "weight": 1}, "magic": {}, "client": {"cheap": "yes"}},
    }
    with pytest.raises(SettingsError) as caught:
        Settings.from_dict(given)
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "colour", "families.magic", "families.network.weight", "budget", "families.network.agreement",
        "families.client.cheap", "coarser.asn",
    ]  # fmt: skip
    assert str(caught.value) == "\n".join(caught.value.problems)


def test_a_setting_given_in_code_is_checked_like_one_of_a_file() -> None:
    with pytest.raises(SettingsError, match="budget: 0 is not allowed"):
        Settings(budget=0)


def test_a_file_that_is_no_toml_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("= nonsense", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"run.toml: not a TOML file"):
        Settings.from_toml(path)
