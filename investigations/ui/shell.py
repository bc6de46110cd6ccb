"""What the shell around every page shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Appearance:
    """How the console looks for this person."""

    theme: str = "system"
    density: str = "comfortable"
    shortcuts: bool = True


@dataclass(frozen=True)
class NavItem:
    label: str
    icon: str
    href: str
    current: bool = False
    count: int | None = None
    keys: str = ""


@dataclass(frozen=True)
class DatasetChoice:
    name: str
    kind: str
    href: str
    current: bool = False


@dataclass(frozen=True)
class RunChip:
    """The newest run in one glance."""

    word: str
    detail: str
    symbol: str
    tone: str
    href: str
    title: str = ""


@dataclass(frozen=True)
class Calibration:
    word: str
    title: str


@dataclass(frozen=True)
class UserLink:
    label: str
    icon: str
    href: str


@dataclass(frozen=True)
class ShellUser:
    name: str
    initials: str
    roles: str
    links: tuple[UserLink, ...] = ()


@dataclass(frozen=True)
class Shell:
    home_href: str = "/"
    dataset: str = ""
    datasets: tuple[DatasetChoice, ...] = ()
    search_href: str = ""
    nav: tuple[NavItem, ...] = ()
    run: RunChip | None = None
    calibration: Calibration | None = None
    user: ShellUser | None = None
    preferences_href: str = ""
    sign_out_href: str = ""


def initials_of(name: str) -> str:
    """Up to two letters for the menu's button."""
    words = [w for w in name.replace(".", " ").replace("_", " ").replace("-", " ").split() if w]
    return "".join(w[0] for w in words[:2]).upper() or "?"
