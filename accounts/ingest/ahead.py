"""The next of several things made while the last one is used."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(make: Callable[[], T | None]) -> Generator[T, None, None]:
    """What `make` returns until it returns None, each made in another thread while the one before is used.

    Calls of `make` never overlap; what it raises is raised where its result would have come. Whoever may stop early closes
    it, which waits for the call under way.
    """
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(make)
        while (made := coming.result()) is not None:
            coming = beside.submit(make)
            yield made
