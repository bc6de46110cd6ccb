"""The settings of a run: frozen, validated, versioned, to and from plain dictionaries (JSON, TOML)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from investigations.linkage.settings_check import NAME_LISTS, SETTINGS_VERSION, problems_of, unknown_names
from investigations.linkage.types import FAMILIES


class SettingsError(ValueError):
    """Settings are unknown or out of their range; the text has a line for each, with what was given and is allowed."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class FamilySettings:
    """How much agreement on values of one family is worth."""

    agreement: float = 0.5
    """m: chance that two accounts of one operator that could share such a value do share it."""
    floor_holders: int = 2
    """A value is never taken for rarer than this: values of this family come to strangers by chance."""
    damping: float = 0.5
    """The i-th strongest value of the family counts its bits times damping to the power i."""
    alone_bits: float = 6.0
    """Cap by forgery cost: bits over the line that the family can reach without any other family."""
    gap_days: float = 0.0
    """Days between two uses that cost one bit; each doubling costs one more. 0: time does not matter."""
    hub_min_holders: int = 12
    """Values with fewer holders are not tested for being a hub."""
    collections: bool = False
    """Strangers share several values of the family at once (an exit's addresses, a benchmark's questions and its
    system prompt), so that a second one shows nothing that the first did not."""
    cheap: bool = False
    """Easy to copy, and brought about by occasions and fashions: all cheap evidence together reaches at most
    `cheap_bits` over the line."""


_THIRD_PARTY = ("referral_code", "referrer", "tls_fingerprint", "transfer", "user_agent")


def _families() -> dict[str, FamilySettings]:
    return {
        "payment": FamilySettings(0.5, 2, 0.4, 12.0, 0.0, 40),
        "contact": FamilySettings(0.5, 2, 0.4, 10.0, 0.0, 8),
        "device": FamilySettings(0.5, 2, 0.4, 10.0, 0.0, 30),
        "network": FamilySettings(0.5, 8, 0.5, -1.0, 2.0, 8, collections=True, cheap=True),
        "client": FamilySettings(0.5, 32, 0.25, -10.0, 0.0, 8, collections=True, cheap=True),
        "content": FamilySettings(0.5, 4, 0.4, 6.0, 0.0, 12, collections=True, cheap=True),
        "timing": FamilySettings(0.5, 8, 0.4, 4.0, 0.0, 12, cheap=True),
        "relation": FamilySettings(0.5, 2, 0.4, 8.0, 0.0, 8),
        "other": FamilySettings(0.5, 2, 0.4, 8.0, 0.0, 8),
    }


def _coarser() -> dict[str, tuple[str, ...]]:
    return {
        "ip_range": ("ip",),
        "asn": ("ip", "ip_range"),
        "bin_hash": ("payment_fingerprint",),
        "parameters_fingerprint": ("system_fingerprint", "tools_fingerprint"),
        "user_agent": ("tls_fingerprint",),
        "email_domain": ("email",),
        "name_token": ("name",),
    }


@dataclass(frozen=True)
class Settings:
    """Everything that a person may change about a run. Equal settings and inputs give equal bytes."""

    version: int = SETTINGS_VERSION
    seed: int = 1
    expected_partners: float = 4.0
    """Accounts of the same operator that an account has on average: sets the prior, log2(partners / accounts)."""
    threshold_bits: float = 1.0
    """A link needs odds of two to this power."""
    budget: int = 12
    """A value with d holders makes at most d times this many candidate pairs."""
    links_per_account: int = 12
    """Backbone: links kept for each account, the strongest first."""
    evidence_per_link: int = 24
    values_per_cluster: int = 24
    resolution: float = 0.05
    """Of the constant Potts model, as a share of a component's own density."""
    hub_independence: float = 0.7
    """A value is a hub when at least this share of its holders have nothing in common beyond chance."""
    hub_sample: int = 64
    """Holders looked at for each value."""
    hub_rare_holders: int = 12
    """Only values with at most this many holders show that two accounts have something in common."""
    cheap_bits: float = -1.0
    """Bits over the line that cheap families and `cheap_kinds` reach by themselves."""
    admit_odds_bits: float = 6.0
    """An account without a strong link joins the cluster whose accounts alone hold its values at these odds."""
    admit_bits: float = 2.0
    """Bits over the line that the links of such an account get."""
    core_bits: float = 3.0
    """Bits over the line that a core member's strongest link has at least."""
    actionable_value_bits: float = 2.0
    """A value or family with fewer bits is no reason of its own."""
    actionable_min_cluster: int = 8
    """In smaller clusters nobody is actionable: a household with its phone, address and devices looks like this."""
    opening_hours: float = 1.0
    """What was seen of an account within this time of its sign-up only shows who opened it, as the payment does, and
    is no reason beside that: a reseller opens accounts for others. 0: never."""
    occasion_hours: float = 24.0
    """A place (a network value) is an occasion when most of its holders signed up within this time; 0: never."""
    occasion_families: tuple[str, ...] = ("network", "client", "content", "timing", "relation", "other")
    """Families in which people at one occasion come to share values: together they are one reason."""
    families: Mapping[str, FamilySettings] = field(default_factory=_families)
    coarser: Mapping[str, tuple[str, ...]] = field(default_factory=_coarser)
    """Kinds whose value follows, or nearly, from one of a finer kind: not counted twice, and no reason to act."""
    apart: tuple[str, ...] = ("ban_handoff", "limit_handoff", "membership", "prefix_fingerprint")
    """Kinds that come about in another way than the rest of their family, and so show something beside it."""
    open_kinds: tuple[str, ...] = ("organization",)
    """Kinds by which accounts say openly that they belong together: what such accounts share carries no decision."""
    third_party_kinds: tuple[str, ...] = _THIRD_PARTY
    """Kinds that a stranger alone can copy or create on somebody's account: they carry no decision."""
    cheap_kinds: tuple[str, ...] = ("referral_code", "referrer")
    """Kinds that are cheap like the families that are: whoever has a link can use it."""
    ignore_kinds: tuple[str, ...] = ()
    """Kinds that the run leaves out."""

    def __post_init__(self) -> None:
        problems = problems_of({field.name: getattr(self, field.name) for field in fields(self)})
        if problems:
            raise SettingsError(problems)

    def family(self, name: str) -> FamilySettings:
        """The settings of one family."""
        return self.families[name]

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary that from_dict takes back."""
        plain = asdict(self)
        plain["coarser"] = {kind: list(finer) for kind, finer in sorted(self.coarser.items())}
        for name in NAME_LISTS:
            plain[name] = list(getattr(self, name))
        plain["families"] = {name: asdict(self.families[name]) for name in FAMILIES}
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from a dictionary; what it leaves out keeps its default. Raises SettingsError with all problems."""
        names = {field.name for field in fields(cls)}
        problems = unknown_names(values, names, "")
        given = {name: value for name, value in values.items() if name in names}
        if "families" in given:
            given["families"], more = _families_from(given["families"])
            problems += more
        problems += problems_of(given)
        if problems:
            raise SettingsError(problems)
        if "coarser" in given:
            given["coarser"] = {kind: tuple(finer) for kind, finer in given["coarser"].items()}
        return cls(**{**given, **{name: tuple(given[name]) for name in NAME_LISTS if name in given}})

    @classmethod
    def from_toml(cls, path: Path) -> Settings:
        """Settings from a TOML file. Raises SettingsError, also for text that is not TOML."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError([f"{path.name}: not a TOML file: {error}"]) from error
        return cls.from_dict(values)


def _families_from(given: Any) -> tuple[Any, list[str]]:
    """The default families with what is given laid over them, field by field, and what can't be laid over."""
    if not isinstance(given, Mapping):
        return given, []
    known = {field.name for field in fields(FamilySettings)}
    merged: dict[str, FamilySettings] = _families()
    problems = unknown_names(given, set(FAMILIES), "families.")
    for name in [name for name in given if name in merged]:
        values = given[name]
        if not isinstance(values, Mapping):
            problems.append(f"families.{name}: {values!r} is not allowed; a table of settings")
            continue
        problems += unknown_names(values, known, f"families.{name}.")
        given_ones = {key: value for key, value in values.items() if key in known}
        merged[name] = FamilySettings(**{**asdict(merged[name]), **given_ones})
    return merged, problems
