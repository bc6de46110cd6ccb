"""Compiled kernels beside each other: they let go of Python's lock, and what they give never depends on who is first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

MOST = 8
"""Threads at most: each holds its own working memory."""

Given = TypeVar("Given")
Made = TypeVar("Made")


def each(function: Callable[[Given], Made], items: Iterable[Given], most: int = MOST) -> list[Made]:
    """What the function makes of each item, in the order of the items, at most `most` at a time. Raises what a call
    raised."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, most)) as pool:
        return list(pool.map(function, items))


@contextmanager
def meanwhile(make: Callable[[], Made]) -> Iterator[Future[Made]]:
    """What is made in another thread while the block runs; the block's end waits for it. Raises what asking raises."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(make)
