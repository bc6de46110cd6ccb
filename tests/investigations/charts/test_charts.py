"""Charts: figures are plain JSON in token colours, say what they show, and have their rows as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from investigations import charts

EVIDENCE = [charts.FamilyEvidence("payment", 18200, 0, 9, 1), charts.FamilyEvidence("network", 6100, -1200, 4, 3)]
START = datetime(2026, 6, 1, tzinfo=UTC)


def activity(*bands: charts.ActivityBand) -> charts.Activity:
    return charts.Activity(start=START, bucket=timedelta(hours=1), bands=bands, how="every 31st by bits")


def members(*counts: tuple[int, ...]) -> charts.ActivityBand:
    return charts.ActivityBand("members", tuple(f"acc_{i}" for i in range(len(counts))), counts, total=812)


def all_charts() -> list[charts.Chart]:
    falls = charts.waterfall(
        -16100, [charts.WaterfallStep("payment", 15900, "payment"), charts.WaterfallStep("hours", -800, "timing")]
    )
    return [
        charts.evidence_chart(EVIDENCE, title="t", n_links=13),
        charts.waterfall_chart(falls, title="t"),
        charts.activity_chart(activity(members((1, 0, 4), (0, 0, 2)), members((3, 3, 3))), title="t"),
        charts.calendar_chart([charts.Day(date(2026, 4, 20), 3), charts.Day(date(2026, 5, 2), 9)], title="t"),
        charts.timings_chart(
            [charts.StepTiming("gather", 0.9, 5, "sightings"), charts.StepTiming("score", 61.0)], title="t"
        ),
    ]


def empty_charts() -> list[charts.Chart]:
    return [
        charts.evidence_chart([], title="t", n_links=0),
        charts.waterfall_chart(charts.waterfall(0, []), title="t"),
        charts.activity_chart(activity(), title="t"),
        charts.calendar_chart([], title="t"),
        charts.timings_chart([], title="t"),
    ]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.mark.parametrize("chart", all_charts() + empty_charts(), ids=lambda c: f"{c.id}-{c.shown}")
def test_it_is_plain_json_without_a_template_or_binary_arrays(chart: charts.Chart) -> None:
    text = json.dumps(chart.figure, allow_nan=False)
    assert "bdata" not in text
    assert "template" not in chart.figure["layout"]


@pytest.mark.parametrize("chart", all_charts(), ids=lambda c: c.id)
def test_its_colours_are_tokens(chart: charts.Chart) -> None:
    raw = [s for s in strings(chart.figure) if s.startswith(("#", "rgb", "hsl"))]
    assert raw == []
    assert any(s.startswith("var(--") for s in strings(chart.figure))


@pytest.mark.parametrize("chart", all_charts(), ids=lambda c: c.id)
def test_its_table_is_whole(chart: charts.Chart) -> None:
    assert chart.table.rows
    assert all(len(row) == len(chart.table.columns) for row in chart.table.rows)
    assert len(chart.table.cells) == len(chart.table.rows)


def test_it_says_how_much_is_shown_and_how_it_was_chosen() -> None:
    chart = charts.activity_chart(activity(members((1,), (2,))), title="t")
    assert chart.shown_words == "2 of 812 accounts shown: every 31st by bits"


def test_evidence_bars_share_one_axis() -> None:
    bars = charts.evidence_bars(EVIDENCE)
    payment, network = bars.rows
    assert bars.zero + payment.for_width == pytest.approx(100, abs=0.02)
    assert network.against_x == 0
    assert network.against_width == pytest.approx(bars.zero)
    assert payment.against_width == 0


def test_evidence_without_anything_against_begins_at_zero() -> None:
    assert charts.evidence_bars(EVIDENCE[:1]).zero == 0
    assert charts.evidence_bars([]).rows == ()


def test_a_waterfall_ends_at_its_sum() -> None:
    falls = charts.waterfall(
        -16100, [charts.WaterfallStep("payment", 15900, "payment"), charts.WaterfallStep("client", 9400, "client")]
    )
    assert [r.total for r in falls.rows] == [-16100, -200, 9200]
    assert falls.total == 9200
    assert falls.reading == "above the line"
    assert all(0 <= r.x <= 100 and r.x + r.width <= 100.02 for r in falls.rows)
    assert all(before.end == after.start for before, after in pairwise(falls.rows))


def test_a_waterfall_below_zero_is_not_linked() -> None:
    assert charts.waterfall(-500, []).reading == "below the line"
    assert charts.waterfall(-500, [charts.WaterfallStep("x", 500)]).reading == "above the line"


def test_a_step_that_is_not_available_is_in_the_table_and_not_drawn() -> None:
    falls = charts.waterfall(-500, [charts.WaterfallStep("device", 0, "device", available=False)])
    chart = charts.waterfall_chart(falls, title="t")
    assert "device" not in chart.figure["data"][0]["y"]
    assert ("device", "device", "not available", "−0.5", "") in chart.table.rows


@pytest.mark.parametrize(
    ("bucket", "n", "labels", "places"),
    [
        (timedelta(hours=12), 80, ["17 May", "24 May", "31 May", "7 Jun", "14 Jun", "21 Jun"], [1, 15, 29, 43, 57, 71]),
        (timedelta(hours=1), 12, ["16 May 12:00", "16 May 15:00", "16 May 18:00", "16 May 21:00"], [0, 3, 6, 9]),
        (timedelta(minutes=5), 3, ["16 May 12:00"], [0]),
    ],
)
def test_ticks_stand_where_their_time_is(bucket: timedelta, n: int, labels: list[str], places: list[int]) -> None:
    start = datetime(2026, 5, 16, 12, 0, tzinfo=UTC)
    band = charts.ActivityBand("members", ("a",), ((1,) * n,), total=1)
    ticks = charts.activity_drawing(charts.Activity(start, bucket, (band,), "all")).ticks
    assert [t.label for t in ticks] == labels
    assert [t.at for t in ticks] == pytest.approx([100 * place / n for place in places], abs=0.001)


def test_a_drawing_of_nothing_has_no_ticks() -> None:
    nothing = charts.Activity(datetime(2026, 5, 16, tzinfo=UTC), timedelta(hours=1), (), "")
    assert charts.activity_drawing(nothing).ticks == ()


def test_the_drawing_has_one_cell_a_count_and_levels_by_rank() -> None:
    drawing = charts.activity_drawing(activity(members((0, 1, 1000), (2, 3, 4))))
    (band,) = drawing.bands
    cells = {level.level: level.path.count("M") for level in band.levels}
    assert drawing.width == 3
    assert sum(cells.values()) == 6
    assert cells[0] == 1
    assert cells[5] >= 1


def test_activity_without_accounts_has_no_cells() -> None:
    assert charts.activity_drawing(activity()).bands == ()


def test_all_bands_lie_inside_the_picture_and_apart() -> None:
    figure = charts.activity_chart(activity(members((1,)), members((1,), (2,)), members((3,))), title="t").figure
    domains = [figure["layout"][f"yaxis{n}"]["domain"] for n in ("", 2, 3)]
    assert domains[0][1] == 1
    assert all(low >= 0 and low < high for low, high in domains)
    assert all(upper[0] > lower[1] for upper, lower in pairwise(domains))
    assert figure["layout"]["xaxis"]["anchor"] == "y3"


def test_a_calendar_leaves_days_outside_its_span_blank() -> None:
    chart = charts.calendar_chart([charts.Day(date(2026, 4, 22), 3), charts.Day(date(2026, 4, 28), 9)], title="t")
    grid = chart.figure["data"][0]["z"]
    assert grid[0] == [None, 0]  # Monday 20 April lies before the first day, Monday 27 April between
    assert grid[2] == [3, None]
    assert (chart.shown, chart.total) == (7, 7)


def test_a_look_meter_never_leaves_its_axis() -> None:
    meter = charts.look_meter([("linkage", 0.7), ("behaviour", 0.6), ("size", -0.2)])
    assert meter.total == pytest.approx(1)
    assert [p.width for p in meter.parts] == [70.0, 30.0, 0.0]
    assert "linkage 70%" in meter.words


def test_a_sparkline_says_its_numbers() -> None:
    line = charts.sparkline([3, 40, 12], noun="members")
    assert line.words == "members: 3 first, 40 at most, 12 last"
    assert line.points.split()[1] == "50.0,1.0"
    assert charts.sparkline([], noun="members").words == "no members"
    assert charts.sparkline([0], noun="members").points == "0.0,20.0"
