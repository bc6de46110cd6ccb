"""What can be wrong with a file or a row, in words that say how to go on."""

from __future__ import annotations

from dataclasses import dataclass, field


class FileProblem(Exception):
    """A file that cannot be read: nothing of it lands. `hint` says what helps."""

    def __init__(self, reason: str, *, code: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.hint = hint

    def as_dict(self) -> dict[str, str]:
        """The problem as it is stored and printed."""
        return {"code": self.code, "detail": self.reason, "what_to_do": self.hint}


@dataclass(frozen=True)
class Refusal:
    """A refused row: where and why. `row` is its text, sealed before it is stored."""

    table: str
    line: int
    column: str
    code: str
    reason: str
    row: str = ""


KEPT_PER_FILE = 10_000
"""Refused rows that are stored with their reason; beyond them only the count goes on."""


@dataclass
class Refusals:
    """The refused rows of a file: all of them counted per table, the first ones kept."""

    kept: list[Refusal] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def room(self) -> int:
        return max(0, KEPT_PER_FILE - len(self.kept))

    def count(self, table: str, n: int) -> None:
        """Counts `n` refused rows of a table."""
        if n:
            self.counts[table] = self.counts.get(table, 0) + n

    def keep(self, refusal: Refusal) -> None:
        """Keeps one refused row while there is room; does not count it."""
        if self.room:
            self.kept.append(refusal)

    def add(self, refusal: Refusal) -> None:
        """Counts and keeps one refused row."""
        self.count(refusal.table, 1)
        self.keep(refusal)

    def merge(self, other: Refusals) -> None:
        """Counts and keeps those of another."""
        for table, n in other.counts.items():
            self.count(table, n)
        for refusal in other.kept:
            self.keep(refusal)


def shown(value: object, limit: int = 60) -> str:
    """A value for a message: printable, and cut."""
    text = str(value)
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: limit + 1])
    return text if len(text) <= limit else text[:limit] + "…"
