"""What a reading request works out once."""

from __future__ import annotations

from itertools import count

from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from core.context import once, reading
from core.middleware import RequestContextMiddleware


def test_it_works_out_once_while_reading() -> None:
    numbers = count()
    with reading():
        assert [once("a", lambda: next(numbers)) for _ in range(3)] == [0, 0, 0]
        assert once("b", lambda: next(numbers)) == 1
    with reading():
        assert once("a", lambda: next(numbers)) == 2


def test_it_works_out_each_time_elsewhere() -> None:
    numbers = count()
    assert [once("a", lambda: next(numbers)) for _ in range(3)] == [0, 1, 2]


def test_it_keeps_nothing_that_failed_and_keeps_none() -> None:
    numbers = count()

    def fails() -> int:
        raise ValueError(next(numbers))

    with reading():
        for _ in range(2):
            try:
                once("a", fails)
            except ValueError:
                continue
        assert next(numbers) == 2
        assert once("n", lambda: None) is None


def test_only_requests_that_change_nothing_keep_things() -> None:
    numbers = count()

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{once('a', lambda: next(numbers))} {once('a', lambda: next(numbers))}")

    answer, asks = RequestContextMiddleware(view), RequestFactory()
    assert answer(asks.get("/")).content == b"0 0"
    assert answer(asks.get("/")).content == b"1 1"
    assert answer(asks.head("/")).content == b"2 2"
    assert answer(asks.post("/")).content == b"3 4"
