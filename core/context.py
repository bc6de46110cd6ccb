"""Carried beside the call: who asks, for audit rows and log lines, and what a reading request has worked out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class RequestContext:
    request_id: str = ""
    address: str = ""


_NONE = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=_NONE)
_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("known", default=None)


def current() -> RequestContext:
    """The context of the request at hand, empty in commands and tasks."""
    return _current.get()


@contextmanager
def use(context: RequestContext) -> Iterator[None]:
    """Makes `context` the current one for the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def reading() -> Iterator[None]:
    """For the block, which changes nothing, `once` keeps what it is given."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def once(key: Hashable, make: Callable[[], T]) -> T:
    """What `make` returns, called once a reading request; elsewhere, where rows may change meanwhile, each time."""
    known = _known.get()
    if known is None:
        return make()
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found
