"""The settings of a run: frozen, validated, versioned, to and from plain dictionaries (JSON, TOML)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from investigations.linkage.types import FAMILIES

SETTINGS_VERSION = 1


class SettingsError(ValueError):
    """A setting is unknown or out of its range; the text names the field, the value and what is allowed."""


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
_NAME_LISTS = ("occasion_families", "apart", "open_kinds", "third_party_kinds", "cheap_kinds", "ignore_kinds")


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
    apart: tuple[str, ...] = ("limit_handoff", "membership", "prefix_fingerprint")
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
        _check_all(self)

    def family(self, name: str) -> FamilySettings:
        """The settings of one family."""
        return self.families[name]

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary that from_dict takes back."""
        plain = asdict(self)
        plain["coarser"] = {kind: list(finer) for kind, finer in sorted(self.coarser.items())}
        for name in _NAME_LISTS:
            plain[name] = list(getattr(self, name))
        plain["families"] = {name: asdict(self.families[name]) for name in FAMILIES}
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from a dictionary; what it leaves out keeps its default. Raises SettingsError."""
        given = dict(values)
        _refuse_unknown(given, {f.name for f in fields(cls)}, "")
        if "families" in given:
            given["families"] = _families_from(given["families"])
        if "coarser" in given:
            given["coarser"] = _coarser_from(given["coarser"])
        for name in _NAME_LISTS:
            if name in given:
                given[name] = _names(given[name], name)
        return cls(**given)

    @classmethod
    def from_toml(cls, path: Path) -> Settings:
        """Settings from a TOML file. Raises SettingsError, also for text that is not TOML."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path.name}: not a TOML file: {error}") from error
        return cls.from_dict(values)


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


def _check_all(settings: Settings) -> None:
    """Raises SettingsError for the first field that is not allowed."""
    for check in _SETTINGS:
        _check_number(settings, check, "")
    missing = [name for name in FAMILIES if name not in settings.families]
    if missing or len(settings.families) != len(FAMILIES):
        raise SettingsError(f"families: must be exactly {', '.join(FAMILIES)}; got {', '.join(settings.families)}")
    for name in settings.occasion_families:
        if name not in FAMILIES:
            raise SettingsError(f"occasion_families: {name!r} is not allowed; names from {', '.join(FAMILIES)}")
    for name in FAMILIES:
        for check in _FAMILY:
            _check_number(settings.families[name], check, f"families.{name}.")
        collections = settings.families[name].collections
        if not isinstance(collections, bool):
            raise SettingsError(f"families.{name}.collections: {collections!r} is not allowed; true or false")


def _check_number(owner: object, check: _Check, prefix: str) -> None:
    name, low, high, kind = check
    value = getattr(owner, name)
    number = isinstance(value, int) if kind is int else isinstance(value, int | float)
    if not number or isinstance(value, bool) or not low <= value <= high:
        word = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{prefix}{name}: {value!r} is not allowed; {word} from {low:g} to {high:g}")


def _refuse_unknown(given: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for name in given:
        if name not in known:
            raise SettingsError(f"{prefix}{name}: no such setting; there are {', '.join(sorted(known))}")


def _families_from(given: Any) -> dict[str, FamilySettings]:
    """The default families with what is given laid over them, field by field."""
    if not isinstance(given, Mapping):
        raise SettingsError(f"families: {given!r} is not allowed; a table of families")
    _refuse_unknown(given, set(FAMILIES), "families.")
    merged = _families()
    known = {f.name for f in fields(FamilySettings)}
    for name, values in given.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"families.{name}: {values!r} is not allowed; a table of settings")
        _refuse_unknown(values, known, f"families.{name}.")
        merged[name] = FamilySettings(**{**asdict(merged[name]), **values})
    return merged


def _coarser_from(given: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, Mapping):
        raise SettingsError(f"coarser: {given!r} is not allowed; a table of kind to finer kinds")
    return {kind: _names(finer, f"coarser.{kind}") for kind, finer in given.items()}


def _names(given: Any, name: str) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) and item for item in given):
        raise SettingsError(f"{name}: {given!r} is not allowed; a list of names")
    return tuple(given)
