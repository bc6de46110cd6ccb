"""What is allowed in the settings of a run; every problem is said at once, with what was given and what may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from investigations.linkage.types import FAMILIES

SETTINGS_VERSION = 1
NAME_LISTS = ("occasion_families", "apart", "open_kinds", "third_party_kinds", "cheap_kinds", "ignore_kinds")

_Check = tuple[str, float, float, type]
_SETTINGS: tuple[_Check, ...] = (
    ("version", SETTINGS_VERSION, SETTINGS_VERSION, int),
    ("seed", 0, 2**63 - 1, int),
    ("expected_partners", 0.001, 1e6, float),
    ("threshold_bits", -30, 60, float),
    ("budget", 3, 1000, int),
    ("links_per_account", 1, 1000, int),
    ("evidence_per_link", 1, 1000, int),
    ("values_per_cluster", 0, 10_000, int),
    ("resolution", 0.001, 10, float),
    ("hub_independence", 0, 1.01, float),
    ("hub_sample", 4, 10_000, int),
    ("hub_rare_holders", 2, 10_000, int),
    ("cheap_bits", -60, 60, float),
    ("admit_odds_bits", 0, 60, float),
    ("admit_bits", 0, 60, float),
    ("core_bits", 0, 60, float),
    ("actionable_value_bits", 0, 60, float),
    ("actionable_min_cluster", 2, 1_000_000, int),
    ("occasion_hours", 0, 8760, float),
    ("opening_hours", 0, 8760, float),
)
_FAMILY: tuple[_Check, ...] = (
    ("agreement", 1e-6, 1, float),
    ("floor_holders", 1, 1_000_000_000, int),
    ("damping", 0, 1, float),
    ("alone_bits", -60, 60, float),
    ("gap_days", 0, 36_500, float),
    ("hub_min_holders", 2, 1_000_000_000, int),
)


def problems_of(values: Mapping[str, Any]) -> list[str]:
    """A line for each of these settings that is not allowed, in the order of the checks; none for those left out."""
    problems = [line for check in _SETTINGS if check[0] in values for line in _number(values[check[0]], check, "")]
    for name in NAME_LISTS:
        problems += _names(values[name], name) if name in values else []
    given = values.get("occasion_families", ())
    for name in given if not _names(given, "") else ():
        if name not in FAMILIES:
            problems.append(f"occasion_families: {name!r} is not allowed; names from {', '.join(FAMILIES)}")
    problems += _families(values["families"]) if "families" in values else []
    problems += _coarser(values["coarser"]) if "coarser" in values else []
    return problems


def unknown_names(given: Iterable[str], known: set[str], prefix: str) -> list[str]:
    """A line for each name that is none of the known ones."""
    return [
        f"{prefix}{name}: no such setting; there are {', '.join(sorted(known))}" for name in given if name not in known
    ]


def _number(value: object, check: _Check, prefix: str) -> list[str]:
    name, low, high, kind = check
    number = isinstance(value, int) if kind is int else isinstance(value, int | float)
    if number and not isinstance(value, bool) and low <= value <= high:  # type: ignore[operator]
        return []
    word = "a whole number" if kind is int else "a number"
    return [f"{prefix}{name}: {value!r} is not allowed; {word} from {low:g} to {high:g}"]


def _families(given: Any) -> list[str]:
    if not isinstance(given, Mapping):
        return [f"families: {given!r} is not allowed; a table of families"]
    if set(given) != set(FAMILIES):
        return [f"families: must be exactly {', '.join(FAMILIES)}; got {', '.join(map(str, given))}"]
    problems: list[str] = []
    for name in FAMILIES:
        for check in _FAMILY:
            problems += _number(getattr(given[name], check[0]), check, f"families.{name}.")
        for flag in ("collections", "cheap"):
            value = getattr(given[name], flag)
            if not isinstance(value, bool):
                problems.append(f"families.{name}.{flag}: {value!r} is not allowed; true or false")
    return problems


def _coarser(given: Any) -> list[str]:
    if not isinstance(given, Mapping):
        return [f"coarser: {given!r} is not allowed; a table of kind to finer kinds"]
    return [line for kind, finer in given.items() for line in _names(finer, f"coarser.{kind}")]


def _names(given: Any, name: str) -> list[str]:
    if isinstance(given, list | tuple) and all(isinstance(item, str) and item for item in given):
        return []
    return [f"{name}: {given!r} is not allowed; a list of names"]
