"""A stretch of a list, honest about the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A stretch of a list, honest about the rest: `n_matching` after filters, `n_total` without."""

    items: tuple[T, ...]
    n_matching: int
    n_total: int
    number: int  # 1, 2, …
    size: int
    next: str | None  # opaque cursor of the next page
    previous: str | None

    @property
    def n_shown(self) -> int:
        return len(self.items)

    @property
    def n_pages(self) -> int:
        return max(1, -(-self.n_matching // self.size))

    @property
    def first(self) -> int:
        """Position of the first shown item, counted from 1; 0 when nothing is shown."""
        return (self.number - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1 if self.items else 0
