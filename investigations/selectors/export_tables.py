"""What an export holds: documented columns, and rows read through a server-side cursor, a few thousand at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from investigations.models import Case, ClusterVersion, Export, Member, Run, Verdict, VerdictStanding
from investigations.models.choices import ExportSubject, Hypothesis, Standing
from investigations.reports.table import Column, Row, Sheet
from investigations.selectors.clusters import cluster_filters_from, cluster_versions
from investigations.selectors.shapes.cases import mask_families
from investigations.selectors.verdicts import verdict_filters_from, verdict_rows

CHUNK = 5_000
ID, TIME, SHORT, LONG = 20, 20, 14, 60

CLUSTER_COLUMNS = (
    Column("cluster_id", "Durable id of the cluster, the same in every run", ID),
    Column("run", "Number of the run that found it like this", 8),
    Column("n_accounts", "Members", 12),
    Column("n_actionable", "Members in the actionable core: their evidence would carry a decision", 13),
    Column("n_new", "Members more than in the run before; negative when it shrank", 10),
    Column("n_links", "Links between its members", 10),
    Column("bits", "Median over the members of the strongest link of each, in bits over the line", 10),
    Column("cohesion", "Share of the possible links that exist, 0 to 1", 10),
    Column("families", "Families of evidence, in their fixed order, separated by spaces", 30),
    Column("n_sessions", "Sessions of its members", 12),
    Column("n_exchanges", "Exchanges (API calls that produced output) of its members", 12),
    Column("n_output_tokens", "Output tokens of its members", 16),
    Column("first_seen_at", "First activity of a member, UTC", TIME),
    Column("last_seen_at", "Last activity of a member, UTC", TIME),
    Column("worth", "Expected value of a look, the triage order", 10),
    Column("why", "Why it stands there in triage, what speaks against a look after “But:”", LONG),
    Column("summary", "What holds it together, in words", LONG),
    Column("case", "Number of the newest case that it is in", 8),
    Column("case_state", "State of that case", SHORT),
    Column("same_operator", "Newest standing verdict: same operator?", 18),
    Column("abusive", "Newest standing verdict: abusive?", SHORT),
)
MEMBER_COLUMNS = (
    Column("account_id", "Opaque id of the account in this console", ID),
    Column("platform_id", "The platform's own id; empty when whoever made the export has no right to it", 24),
    Column("cluster_id", "Durable id of the account's cluster", ID),
    Column("run", "Number of the run", 8),
    Column("position", "core, periphery or bridge", SHORT),
    Column("actionable", "Whether the account is in the actionable core", SHORT),
    Column("bits", "Strongest link inside the cluster, in bits over the line", 10),
    Column("n_links", "Links inside the cluster", 10),
    Column("families", "Families of evidence of its links, separated by spaces", 30),
    Column("since", "Start of the part of the account's life that is meant; empty = all of it", TIME),
    Column("status", "Status on the platform: active, suspended, banned, closed", SHORT),
    Column("created_at", "When the account was created, UTC", TIME),
    Column("last_seen_at", "Last activity, UTC", TIME),
    Column("n_sessions", "Sessions", 12),
    Column("n_exchanges", "Exchanges", 12),
    Column("n_output_tokens", "Output tokens", 16),
)
VERDICT_COLUMNS = (
    Column("verdict_id", "Id of the verdict", ID),
    Column("case", "Number of the case", 8),
    Column("case_title", "Title of the case", 40),
    Column("ticket_id", "Id in the external ticketing system", SHORT),
    Column("cluster_id", "Durable id of the cluster that it is about", ID),
    Column("run", "Number of the run whose evidence it rests on", 8),
    Column("n_accounts", "Members of the cluster in that run", 12),
    Column("same_operator", "confirmed, benign_shared, inconclusive, more_information, duplicate", 18),
    Column("abusive", "yes, no, undetermined", SHORT),
    Column("likelihood", "Likelihood of one operator, in the words of ICD 203", 18),
    Column("confidence", "low, moderate, high", SHORT),
    Column("policy", "Policy that it applies", 30),
    Column("rationale", "Why, in the author's words", LONG),
    *(Column(f"hypothesis_{h.value}", f"{h.label}: for, against or untested", SHORT) for h in Hypothesis),
    *(Column(f"n_{s.value}", f"Accounts with the standing {s.label.lower()}", SHORT) for s in Standing),
    Column("author", "Who gave it", SHORT),
    Column("created_at", "When, UTC", TIME),
    Column("supersedes", "Id of the verdict that it replaces", ID),
    Column("superseded_by", "Id of the verdict that replaced it; empty for a standing one", ID),
    Column("frozen_digest", "sha256 of the frozen evidence", 66),
)
STANDING_COLUMNS = (
    Column("verdict_id", "Id of the verdict", ID),
    Column("cluster_id", "Durable id of the cluster", ID),
    Column("account_id", "Opaque id of the account in this console", ID),
    Column("platform_id", "The platform's own id; empty when whoever made the export has no right to it", 24),
    Column("standing", "core, peripheral, excluded, compromised_owner, pool_account, reseller_customer", 20),
    Column("reason", "Why, when it differs from what its position gives", LONG),
    Column("same_operator", "Of the verdict", 18),
    Column("abusive", "Of the verdict", SHORT),
    Column("is_standing", "False when a later verdict superseded this one", SHORT),
)


@dataclass(frozen=True)
class ExportTables:
    """The sheets of an export, with how many rows they will have together."""

    sheets: tuple[Sheet, ...]
    n_rows: int


def export_tables(export: Export, run: Run | None) -> ExportTables:
    """The sheets of a list export. Rows are read when the sheets are."""
    if export.subject == ExportSubject.CLUSTERS:
        assert run is not None
        rows = _cluster_rows(export, run)
        return ExportTables((Sheet("clusters", CLUSTER_COLUMNS, _clusters(rows, run)),), rows.count())
    if export.subject == ExportSubject.MEMBERS:
        assert run is not None
        members = _member_rows(export, run)
        sheet = Sheet("members", MEMBER_COLUMNS, _members(members, run, export.shows_platform_ids))
        return ExportTables((sheet,), members.count())
    verdicts = verdict_rows(export.dataset, filters=verdict_filters_from(_without(export, "table")))
    standings = VerdictStanding.objects.filter(verdict__in=verdicts.order_by().values("pk"))
    tables = {
        "verdicts": (Sheet("verdicts", VERDICT_COLUMNS, _verdicts(verdicts)), verdicts),
        "standings": (
            Sheet("standings", STANDING_COLUMNS, _standings(standings, export.shows_platform_ids)),
            standings,
        ),
    }
    chosen = [export.filters["table"]] if "table" in export.filters else list(tables)
    return ExportTables(tuple(tables[name][0] for name in chosen), sum(tables[name][1].count() for name in chosen))


def _without(export: Export, *names: str) -> dict[str, Any]:
    return {name: value for name, value in export.filters.items() if name not in names}


# --- clusters ---------------------------------------------------------------------------------------------------------


def _cluster_rows(export: Export, run: Run) -> QuerySet[ClusterVersion]:
    filters = cluster_filters_from(_without(export, "run", "sort"))
    return cluster_versions(run, filters=filters, sort=export.filters.get("sort", "worth"))


def _clusters(rows: QuerySet[ClusterVersion], run: Run) -> Iterator[Row]:
    cases = Case.objects.filter(case_clusters__cluster=OuterRef("cluster")).order_by("-opened_at", "-id")
    verdicts = Verdict.objects.filter(cluster=OuterRef("cluster"), superseded_by__isnull=True)
    newest = verdicts.order_by("-created_at", "-id")
    told = rows.annotate(
        export_case=Subquery(cases.values("number")[:1]),
        export_case_state=Subquery(cases.values("state")[:1]),
        export_same_operator=Subquery(newest.values("same_operator")[:1]),
        export_abusive=Subquery(newest.values("abusive")[:1]),
    ).values_list(
        "cluster__public_id", "n_accounts", "n_actionable", "n_new", "n_links", "bits", "cohesion", "families",
        "n_sessions", "n_exchanges", "n_output_tokens", "first_seen_at", "last_seen_at", "worth", "worth_reasons", "summary",
        "export_case", "export_case_state", "export_same_operator", "export_abusive",
    )  # fmt: skip
    for cluster, *rest in told.iterator(chunk_size=CHUNK):
        rest[4], rest[5], rest[6] = rest[4] / 1000, round(rest[5], 4), " ".join(mask_families(rest[6]))
        rest[12], rest[13] = round(rest[12], 4), reasons_text(rest[13])
        yield [cluster, run.number, *rest]


def reasons_text(rows: list[dict[str, str]]) -> str:
    """Reasons in one line: what speaks for a look, then what speaks against one."""
    told = [row["text"] for row in rows if row["speaks"] == "for"]
    but = [row["text"] for row in rows if row["speaks"] == "against"]
    return " ".join([*told, *(["But:", *but] if but else [])])


# --- members ----------------------------------------------------------------------------------------------------------


def _member_rows(export: Export, run: Run) -> QuerySet[Member]:
    rows = Member.objects.filter(version__run=run)
    filters = export.filters
    if filters.get("cluster"):
        rows = rows.filter(version__cluster__public_id=filters["cluster"])
    if filters.get("position"):
        rows = rows.filter(position=filters["position"])
    if filters.get("actionable") is not None:
        rows = rows.filter(is_actionable=filters["actionable"])
    return rows


def _members(rows: QuerySet[Member], run: Run, shows_platform_ids: bool) -> Iterator[Row]:  # noqa: FBT001
    told = rows.order_by("-version__n_accounts", "version_id", "-bits", "id").values_list(
        "account__public_id", "account__platform_id", "version__cluster__public_id", "position", "is_actionable",
        "bits", "degree", "families", "since", "account__status", "account__created_at", "account__last_seen_at",
        "account__n_sessions", "account__n_exchanges", "account__n_output_tokens",
    )  # fmt: skip
    for account, platform_id, cluster, position, actionable, bits, degree, families, *rest in told.iterator(
        chunk_size=CHUNK
    ):
        shown = platform_id if shows_platform_ids else ""
        yield [
            account, shown, cluster, run.number, position, actionable, bits / 1000, degree,
            " ".join(mask_families(families)), *rest,
        ]  # fmt: skip


# --- verdicts ---------------------------------------------------------------------------------------------------------


def _verdicts(rows: QuerySet[Verdict]) -> Iterator[Row]:
    counts = {f"count_{s.value}": Count("standings", filter=Q(standings__standing=s)) for s in Standing}
    for chunk in _chunks(rows.values_list("pk", flat=True).iterator(chunk_size=CHUNK)):
        found = {v.pk: v for v in rows.order_by().filter(pk__in=chunk)}
        tallies = Verdict.objects.filter(pk__in=chunk).order_by().annotate(**counts).values("pk", *counts)
        tally = {row["pk"]: [row[name] for name in counts] for row in tallies}
        for pk in chunk:
            verdict, later = found[pk], getattr(found[pk], "superseded_by", None)
            yield [
                verdict.public_id,
                verdict.case.number,
                verdict.case.title,
                verdict.case.ticket_id,
                verdict.cluster.public_id,
                verdict.version.run.number,
                verdict.version.n_accounts,
                verdict.same_operator,
                verdict.abusive,
                verdict.likelihood,
                verdict.confidence,
                verdict.policy,
                verdict.rationale,
                *(verdict.hypotheses.get(h.value, {}).get("answer", "untested") for h in Hypothesis),
                *tally[pk],
                verdict.author.label,
                verdict.created_at,
                verdict.supersedes.public_id if verdict.supersedes else "",
                later.public_id if later else "",
                verdict.frozen_digest,
            ]


def _standings(rows: QuerySet[VerdictStanding], shows_platform_ids: bool) -> Iterator[Row]:  # noqa: FBT001
    told = rows.order_by("-verdict_id", "id").values_list(
        "verdict__public_id", "verdict__cluster__public_id", "account__public_id", "account__platform_id",
        "standing", "reason", "verdict__same_operator", "verdict__abusive", "verdict__superseded_by",
    )  # fmt: skip
    for verdict, cluster, account, platform_id, *rest, later in told.iterator(chunk_size=CHUNK):
        yield [verdict, cluster, account, platform_id if shows_platform_ids else "", *rest, later is None]


def _chunks(keys: Iterable[int], size: int = 200) -> Iterator[list[int]]:
    chunk: list[int] = []
    for key in keys:
        chunk.append(key)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def made_label(at: datetime) -> str:
    """A time as it stands in a file's name."""
    return at.strftime("%Y%m%d-%H%M%S")
