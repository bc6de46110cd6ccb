"""The console's filters and the parts that components are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from accounts.kinds import FAMILIES
from investigations.ui import parts, shell
from investigations.ui.templatetags import console


@pytest.mark.parametrize(
    ("filter_name", "value", "text"),
    [
        ("number", 1094758, "1,094,758"),
        ("number", 0, "0"),
        ("number", None, ""),
        ("number", 2.345, "2.3"),
        ("compact_number", 9999, "9,999"),
        ("compact_number", 1_094_758, "1.09 M"),
        ("compact_number", 1_090_000_000, "1.09 B"),
        ("compact_number", 20_114, "20.1 k"),
        ("compact_number", None, ""),
        ("bits", 18200, "+18.2"),
        ("bits", -1200, "−1.2"),
        ("bits", 0, "+0.0"),
        ("bits", None, ""),
        ("whole_bits", 64000, "64"),
        ("whole_bits", -3100, "−3"),
        ("signed", 143, "+143"),
        ("signed", -2, "−2"),
        ("signed", 0, ""),
        ("percent", 0.973, "97 %"),
        ("percent", None, ""),
        ("duration", 4.24, "4.2 s"),
        ("duration", 59, "59 s"),
        ("duration", 200, "3 min 20 s"),
        ("duration", 7500, "2 h 5 min"),
        ("duration", 273600, "3 d 4 h"),
        ("duration", None, ""),
        ("byte_size", 812_000, "812 KB"),
        ("byte_size", 4_100_000, "4.1 MB"),
        ("byte_size", 0, "1 KB"),
    ],
)
def test_it_formats(filter_name: str, value: object, text: str) -> None:
    assert getattr(console, filter_name)(value) == text


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=2), "just now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(days=9), "9 d ago"),
    ],
)
def test_a_time_is_relative_while_it_is_under_a_month_old(age: timedelta, text: str) -> None:
    assert console.relative_time(timezone.now() - age) == text


def test_an_old_or_future_time_shows_its_day() -> None:
    assert console.relative_time(datetime(2020, 4, 2, tzinfo=UTC)) == "2 Apr 2020"
    assert console.relative_time(datetime(2999, 4, 2, tzinfo=UTC)) == "2 Apr 2999"


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (datetime(2026, 5, 3, tzinfo=UTC), datetime(2026, 5, 17, tzinfo=UTC), "3 – 17 May 2026"),
        (datetime(2026, 5, 28, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC), "28 May – 2 Jun 2026"),
        (datetime(2025, 5, 3, tzinfo=UTC), datetime(2026, 5, 3, tzinfo=UTC), "3 May 2025 – 3 May 2026"),
        (datetime(2026, 5, 3, 1, tzinfo=UTC), datetime(2026, 5, 3, 9, tzinfo=UTC), "3 May 2026"),
        (datetime(2026, 5, 3, tzinfo=UTC), None, "3 May 2026"),
        (None, None, ""),
    ],
)
def test_a_stretch_of_days_says_no_part_twice(first: datetime | None, last: datetime | None, text: str) -> None:
    assert console.days_until(first, last) == text


def test_exact_times_are_utc_whatever_their_zone() -> None:
    from datetime import timezone as zone

    at = datetime(2026, 6, 3, 16, 22, 10, tzinfo=zone(timedelta(hours=2)))
    assert console.exact_utc(at) == "2026-06-03 14:22:10 UTC"
    assert console.iso_utc(at) == "2026-06-03T14:22:10Z"


def test_family_marks_follow_the_fixed_order() -> None:
    mask = 1 << FAMILIES.index("payment") | 1 << FAMILIES.index("timing")
    assert [m.name for m in console.family_marks(mask)] == list(FAMILIES)
    assert console.family_words(mask) == "payment, timing"
    assert console.family_words(0) == "no family"


COLUMNS = (parts.Column("Cluster"), parts.Column("Accounts", "accounts", numeric=True), parts.Column("State", "state"))


def test_sorting_links_turn_the_direction_and_keep_the_filters() -> None:
    cluster, accounts, state = parts.sorted_columns(COLUMNS, QueryDict("sort=-accounts&page=3&q=1"), sort="-accounts")
    assert (cluster.href, cluster.direction) == ("", "")
    assert (accounts.direction, accounts.href) == ("descending", "?sort=accounts&q=1")
    assert (state.direction, state.href) == ("", "?sort=state&q=1")


def test_numbers_sort_by_the_largest_first() -> None:
    _, accounts, _ = parts.sorted_columns(COLUMNS, QueryDict(), sort="state")
    assert accounts.href == "?sort=-accounts"


@pytest.mark.parametrize(
    ("page", "total", "first", "last", "has_previous", "has_next"),
    [
        (1, 0, 0, 0, False, False),
        (1, 50, 1, 50, False, False),
        (1, 51, 1, 50, False, True),
        (2, 51, 51, 51, True, False),
    ],
)
def test_paging_counts_from_one(
    page: int, total: int, first: int, last: int, has_previous: bool, has_next: bool
) -> None:
    paging = parts.paging_for(QueryDict("state=open"), page=page, total=total)
    assert (paging.first, paging.last, paging.total) == (first, last, total)
    assert (bool(paging.previous_href), bool(paging.next_href)) == (has_previous, has_next)


@pytest.mark.parametrize(
    ("text", "page"), [("", 1), ("0", 1), ("-4", 1), ("x", 1), ("7", 7), ("９", 1), ("99999999999", 1)]
)
def test_a_page_that_is_not_a_number_is_the_first(text: str, page: int) -> None:
    query = QueryDict(mutable=True)
    query["page"] = text
    assert parts.page_number(query) == page


@pytest.mark.parametrize(
    ("name", "initials"), [("Ada Lindqvist", "AL"), ("lead", "L"), ("jo.van-dam", "JV"), ("", "?")]
)
def test_initials(name: str, initials: str) -> None:
    assert shell.initials_of(name) == initials


def test_large_bits_are_grouped_like_every_number() -> None:
    assert console.whole_bits(3_124_000) == "3,124"
    assert console.bits(-1_041_300) == "−1,041.3"
