"""Invented specimens for the style guide: every component in every state, with data of realistic size."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from investigations import charts
from investigations.ui import export_menu, parts, shell

QUEUE = (
    (
        "clu_7Q4KD2M0XW3A",
        "Shared cards, common stops, one tool schema",
        812,
        64000,
        (0.38, 0.26, 0.12, 0.09),
        0b001111001,
        143,
        "new",
        "New",
        "",
    ),
    (
        "clu_2MZX81B7QK5C",
        "Accounts follow each other after bans",
        76,
        41300,
        (0.30, 0.22, 0.06, 0.16),
        0b001100010,
        9,
        "grown",
        "Successor",
        "of cas_14",
    ),
    (
        "clu_K09PTV4N8E1H",
        "One rare template, disjoint fillings",
        204,
        37100,
        (0.28, 0.25, 0.09, 0.08),
        0b001110000,
        31,
        "new",
        "New",
        "",
    ),
    (
        "clu_5HD3WA9R2T6G",
        "Relay pool, end users mixed in",
        118,
        35200,
        (0.26, 0.21, 0.08, 0.10),
        0b001010100,
        2,
        "taken",
        "Taken",
        "by you",
    ),
    (
        "clu_9RRC4EX7V0JD",
        "Three cards, eleven accounts, one device pair",
        11,
        58400,
        (0.40, 0.09, 0.02, 0.12),
        0b000000101,
        0,
        "seen",
        "Seen",
        "",
    ),
    (
        "clu_B6T1LN5P8Q2S",
        "One exit, one domain, half a company card",
        46,
        33000,
        (0.24, 0.04, 0.06, 0.04),
        0b000001001,
        1,
        "seen",
        "Seen",
        "tested",
    ),
    (
        "clu_W3VJ7S0K4M9Y",
        "Hackathon hour, popular template",
        83,
        22500,
        (0.14, 0.03, 0.08, 0.06),
        0b000101000,
        0,
        "seen",
        "Seen",
        "tested",
    ),
    (
        "clu_D8QF0MZ6X1RT",
        "Prepaid range, similar addresses",
        29,
        31200,
        (0.22, 0.12, 0.04, 0.07),
        0b000000011,
        4,
        "new",
        "New",
        "",
    ),
    ("clu_X4N2BG8C5W7K", "One household", 4, 47000, (0.32, 0.01, 0.01, 0.03), 0b000001101, 0, "seen", "Seen", ""),
    (
        "clu_E7YK5R3H9J0P",
        "A conversation handed from account to account",
        57,
        39800,
        (0.27, 0.20, 0.06, 0.11),
        0b000110000,
        12,
        "new",
        "New",
        "",
    ),
    (
        "clu_0PLA6C2D4F8N",
        "Reseller, diverse traffic",
        61,
        28100,
        (0.20, 0.07, 0.06, 0.05),
        0b000001001,
        3,
        "taken",
        "Taken",
        "in cas_17",
    ),
)
EVIDENCE = (
    charts.FamilyEvidence("payment", 18200, 0, 9204, 1),
    charts.FamilyEvidence("device", 2100, 0, 118, 1),
    charts.FamilyEvidence("network", 6100, -1200, 12880, 1),
    charts.FamilyEvidence("client", 9400, 0, 14806, 1),
    charts.FamilyEvidence("content", 16800, 0, 11032, 3),
    charts.FamilyEvidence("timing", 13500, -800, 14790, 2),
)
FALLS = charts.waterfall(
    -16100,
    (
        charts.WaterfallStep("payment", 15900, "payment", "card •••• 4417, 5 holders"),
        charts.WaterfallStep("client", 9400, "client", "TLS t13i1902h1_…0c2e, 812 holders"),
        charts.WaterfallStep("content", 12600, "content", "template 9c1f 04ab …, 4 other holders"),
        charts.WaterfallStep("tools", 4200, "content", "the same tool schema, damped"),
        charts.WaterfallStep("network", 3300, "network", "2 addresses with 61 and 204 holders"),
        charts.WaterfallStep("stops", 11000, "timing", "absent in 4 of 4 common stops"),
        charts.WaterfallStep("device", 0, "device", "the extract has no device ids", available=False),
        charts.WaterfallStep("hours", -800, "timing", "one worked outside the other's week"),
    ),
    prior_why="1 in 70,000 pairs share an operator",
)


@dataclass(frozen=True)
class QueueRow:
    id: str
    why: str
    n_accounts: int
    bits: int
    meter: charts.LookMeter
    families: int
    grown: int
    symbol: str
    word: str
    detail: str


@dataclass(frozen=True)
class Specimen:
    """Everything that the style guide's template needs."""

    rows: tuple[QueueRow, ...]
    columns: list[parts.Column]
    paging: parts.Paging
    evidence: charts.EvidenceBars
    few: charts.EvidenceBars
    falls: charts.Waterfall
    drawing: charts.HeatmapDrawing
    activity: charts.Chart
    calendar: charts.Chart
    timings: charts.Chart
    line: charts.Sparkline
    form: forms.Form
    times: tuple[datetime, ...]
    extra: dict[str, Any] = field(default_factory=dict)


class SpecimenForm(forms.Form):
    """A form with each kind of field, bound to input that breaks rules."""

    policy = forms.ChoiceField(
        choices=[("", "Choose a policy"), ("4.2", "4.2 Resale of access"), ("4.7", "4.7 Extraction of outputs")]
    )
    rationale = forms.CharField(
        widget=forms.Textarea, help_text="What you saw and why it is enough. Names of people don't belong here."
    )
    due = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    watch = forms.BooleanField(required=False, label="Tell me when this cluster grows")


def specimen() -> Specimen:
    """The same specimens every time."""
    query = QueryDict("sort=-look&state=open")
    return Specimen(
        rows=tuple(
            QueueRow(i, w, n, b, charts.look_meter(_named(p)), f, g, s, word, d)
            for i, w, n, b, p, f, g, s, word, d in QUEUE
        ),
        columns=parts.sorted_columns(queue_columns(), query, sort="-look"),
        paging=parts.paging_for(query, page=1, total=318),
        evidence=charts.evidence_bars(EVIDENCE),
        few=charts.evidence_bars([EVIDENCE[0], EVIDENCE[2], EVIDENCE[4], EVIDENCE[5]]),
        falls=FALLS,
        drawing=charts.activity_drawing(_activity()),
        activity=charts.activity_chart(
            _activity(), title="In three common stops nobody was active; of matched accounts 97 % were"
        ),
        calendar=charts.calendar_chart(_days(), title="Active on 41 of 45 days, never above 31 exchanges"),
        timings=charts.timings_chart(_timings(), title="Scoring took half of the run"),
        line=charts.sparkline([3, 4, 4, 9, 12, 11, 18, 22, 21, 34, 38, 41], noun="members a week"),
        form=SpecimenForm({"policy": "", "rationale": "", "due": "yesterday"}),
        times=_times(),
        extra=_lists(),
    )


def queue_columns() -> tuple[parts.Column, ...]:
    """The columns of the specimen's queue."""
    return (
        parts.Column("Cluster"),
        parts.Column("What holds it"),
        parts.Column("Worth a look", "look", title="linkage, behaviour, size, novelty"),
        parts.Column("Accounts", "accounts", numeric=True),
        parts.Column("Bits", "bits", numeric=True),
        parts.Column("Families"),
        parts.Column("7 days", "grown", numeric=True),
        parts.Column("State"),
    )


def specimen_shell() -> shell.Shell:
    """A shell with a run in progress."""
    return shell.Shell(
        dataset="main",
        datasets=(
            shell.DatasetChoice("demo", "Demo", "/styleguide/"),
            shell.DatasetChoice("main", "Live", "/styleguide/", current=True),
        ),
        search_href="/styleguide/",
        preferences_href="/styleguide/",
        sign_out_href="/styleguide/",
        nav=(
            shell.NavItem("Triage", "triage", "/styleguide/", current=True, count=14, keys="g q"),
            shell.NavItem("Clusters", "clusters", "/styleguide/", count=318, keys="g c"),
            shell.NavItem("Cases", "cases", "/styleguide/", count=9, keys="g k"),
            shell.NavItem("Verdicts", "verdicts", "/styleguide/"),
            shell.NavItem("Runs", "runs", "/styleguide/", keys="g u"),
            shell.NavItem("Imports", "imports", "/styleguide/"),
            shell.NavItem("Exports", "exports", "/styleguide/"),
        ),
        run=shell.RunChip(
            "Run 42",
            "2 h ago · 1,094,758 accounts",
            "done",
            "settled",
            "/styleguide/",
            "Run 42 finished on 5 June at 07:28 UTC",
        ),
        calibration=shell.Calibration(
            "not calibrated here",
            "Bits are shown instead of a probability until 30 randomly sampled clusters are judged here.",
        ),
        user=shell.ShellUser(
            "Ada Lindqvist",
            "AL",
            "Lead",
            (
                shell.UserLink("Password", "key", "/styleguide/"),
                shell.UserLink("Two-factor sign-in", "shield", "/styleguide/"),
            ),
        ),
    )


def _times() -> tuple[datetime, ...]:
    now = timezone.now()
    return tuple(now - age for age in (timedelta(minutes=3), timedelta(hours=2), timedelta(days=9), timedelta(days=80)))


def _named(values: tuple[float, ...]) -> list[tuple[str, float]]:
    return list(zip(("linkage", "behaviour", "size", "novelty"), values, strict=True))


def _activity() -> charts.Activity:
    source = random.Random(5)
    stops = {22, 23, 24, 51, 52, 70, 71, 72}
    members = tuple(
        tuple(0 if x in stops or source.random() < 0.45 else source.randint(1, 9) for x in range(96)) for _ in range(26)
    )
    others = tuple(
        tuple(source.randint(1, 7) if source.random() < (0.75 if 30 < x % 48 < 44 else 0.35) else 0 for x in range(96))
        for _ in range(8)
    )
    return charts.Activity(
        start=datetime(2026, 6, 1, tzinfo=UTC),
        bucket=timedelta(hours=1),
        how="every 31st member by bits, and 8 of 812 matched accounts",
        bands=(
            charts.ActivityBand("members", tuple(f"acc_{i:012X}" for i in range(26)), members, 812, "26 of 812"),
            charts.ActivityBand(
                "matched others", tuple(f"acc_{i:012X}" for i in range(100, 108)), others, 812, "same plan, age, volume"
            ),
        ),
    )


def _days() -> list[charts.Day]:
    source = random.Random(7)
    return [
        charts.Day(date(2026, 4, 20) + timedelta(days=i), source.choice((0, 24, 26, 27, 31, 19))) for i in range(45)
    ]


def _timings() -> list[charts.StepTiming]:
    rows = (
        ("gather", 0.9, 5_310_000, "sightings"),
        ("hubs", 1.4, 41_200, "values"),
        ("candidates", 2.2, 24_600_000, "pairs"),
        ("score", 7.8, 5_400_000, "pairs"),
        ("cluster", 3.1, 318, "clusters"),
        ("save", 1.2, 14_806, "links"),
    )
    return [charts.StepTiming(*row) for row in rows]


def _lists() -> dict[str, Any]:
    """Everything that the templates loop over, by name."""
    return _words() | _progress() | _choices() | _explanations()


def _words() -> dict[str, Any]:
    """What stands in lines: states, figures, tabs, filters, messages."""
    return {
        "statuses": [
            ("open", "Open", "neutral", ""),
            ("active", "In review", "active", "you"),
            ("waiting", "Awaiting second review", "caution", "2 d"),
            ("decided", "Decided", "settled", ""),
            ("closed", "Closed", "neutral", ""),
            ("queued", "Queued", "neutral", ""),
            ("running", "Running", "active", "63 %"),
            ("done", "Finished", "settled", ""),
            ("cancelled", "Cancelled", "neutral", ""),
            ("failed", "Failed", "failed", "attempt 3 of 3"),
            ("caution", "Stale", "caution", ""),
        ],
        "facts": [
            parts.Fact("Bits over the line", "64"),
            parts.Fact("Actionable core", "641", "of 812"),
            parts.Fact("Sessions", "118,204"),
            parts.Fact("Exchanges", "541,377"),
            parts.Fact("Output tokens", "1.09 B"),
            parts.Fact("First seen", "22 Apr 2026"),
        ],
        "exports": export_menu.ExportMenu(
            "#",
            (export_menu.ExportGroup("All 812 members", (), (("csv", "CSV"), ("xlsx", "Excel (XLSX)"))),),
            (parts.Link("Evidence by family (CSV)", "#"),),
        ),
        "tabs": [
            parts.Link("Evidence", "#", current=True),
            parts.Link("Members", "#", count=812),
            parts.Link("Activity", "#"),
            parts.Link("Lineage", "#"),
            parts.Link("Notes", "#", count=3),
        ],
        "filters": [
            parts.Link("Needs a look", "#", current=True, count=14),
            parts.Link("Grown", "#", count=3),
            parts.Link("Successors", "#", count=1),
            parts.Link("Mine", "#", count=1),
            parts.Link("All", "#", count=318),
        ],
        "crumbs": [parts.Link("Clusters", "#"), parts.Link("clu_7Q4KD2M0XW3A", "#"), parts.Link("Compare")],
        "messages": [
            {"level_tag": "success", "message": "Verdict recorded. Undo is possible until somebody builds on it."}
        ],
    }


def _progress() -> dict[str, Any]:
    """Steps of a run that goes on, and of one that failed."""
    return {
        "steps": [
            parts.Step("Gather sightings", "done", 100, "5,310,224", "0.9 s"),
            parts.Step("Find hubs", "done", 100, "41,208", "1.4 s"),
            parts.Step("Score pairs", "running", 63, "3.4 of 5.4 M", "about 4 s"),
            parts.Step("Cluster", "waiting"),
            parts.Step("Save", "waiting"),
        ],
        "broken": [
            parts.Step("Gather sightings", "done", 100, "5,310,224", "0.9 s"),
            parts.Step("Score pairs", "failed", 34, "1.8 of 5.4 M", "stopped"),
            parts.Step("Cluster", "cancelled"),
        ],
    }


def _choices() -> dict[str, Any]:
    """What forms and states offer."""
    return {
        "same": [{"value": v, "label": v.capitalize()} for v in ("confirmed", "shared", "unsure", "more info")],
        "abusive": [{"value": v, "label": v.capitalize()} for v in ("yes", "no", "undetermined")],
        "effects": [
            parts.Fact("Accounts added", "143"),
            parts.Fact("Decided cases touched", "1", "cas_14"),
            parts.Fact("Can be undone", "until the next run"),
        ],
        "first": [parts.Action("Import an extract", "#", main=True), parts.Action("Load the demo world", "#")],
        "clear": [parts.Action("Clear filters", "#")],
        "again": [parts.Action("Try again", "#", main=True), parts.Action("Open run 41", "#")],
        "selection": [
            parts.SelectionAction("Open a case", main=True, value="case"),
            parts.SelectionAction("Compare the two", value="compare", exactly=2),
        ],
    }


def _explanations() -> dict[str, Any]:
    """Benign explanations with their tests."""
    return {
        "hypotheses": [
            (
                "Carrier NAT",
                "against",
                "3 of 41 addresses have more than 200 unrelated holders; the links hold without them",
            ),
            ("Office or team", "against", "no common domain, 9 cards, no office hours"),
            ("Reseller", "untested", "ask: are end users named in the traffic?"),
            ("Popular template or benchmark", "against", "the 6 templates occur on 4 of 1,093,946 other accounts"),
            (
                "Framing by a third party",
                "untested",
                "payment and client evidence can't be made by others; content could",
            ),
        ],
    }
