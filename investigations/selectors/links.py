"""Links of an account, a cluster and a pair, with the one explanation that pages, API and exports share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from django.db.models import Count, Q

from accounts.kinds import FAMILY_LABELS
from accounts.models import Account, Sighting
from core.errors import InvalidInput, NotFound
from investigations import linkage
from investigations.linkage.explain import EvidenceRow as Weighed
from investigations.linkage.explain import Explanation, seen_text
from investigations.models import Cluster, HubValue, Link, Member, Run
from investigations.selectors.paging import page_of, page_start
from investigations.selectors.pair_words import headline_unlinked, why_not
from investigations.selectors.refs import account_ref, bits_shown, cluster_ref, families_of, run_ref, values_shown
from investigations.selectors.runs import run_latest
from investigations.selectors.shapes.links import EvidenceRow, LinkExplanation, LinkRow, PathStep, WaterfallStep
from investigations.selectors.shapes.page import Page
from investigations.selectors.shapes.refs import ClusterRef, ValueRef
from investigations.services import run_files

EVIDENCE_COLUMNS = ("family", "kind", "value", "bits", "raw_bits", "holders", "hub", "seen", "expected")
FAMILY_ORDER = {name: i for i, name in enumerate(FAMILY_LABELS)}
NEIGHBOURS_LOOKED_AT = 400
SHARED_LOOKED_AT = 200


def links_of_account(
    account: Account,
    *,
    page: int = 1,
    size: int = 50,
    cursor: str = "",
    run: Run | None = None,
    shows_platform_ids: bool = False,
) -> Page[LinkRow]:
    """The account's links in a run, the strongest first. Five queries."""
    run = run or run_latest(account.dataset)
    scope = f"links-{account.pk}-{run.pk if run else 0}"
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=scope)
    rows = Link.objects.filter(Q(a=account) | Q(b=account), run=run).order_by("-bits", "id")
    n = rows.count() if run else 0
    found = list(rows.select_related("a", "b", "cluster__current")[offset : offset + size]) if n else []
    strongest = [max(link.evidence, key=lambda row: row[3], default=None) for link in found]
    shown = values_shown((row[1], row[2]) for row in strongest if row)
    pairs = list(zip(found, strongest, strict=True))
    return page_of(
        pairs,
        lambda pair: _link_row(pair[0], pair[1], account, shown, shows_platform_ids=shows_platform_ids),
        offset=offset,
        size=size,
        n_matching=n,
        scope=scope,
    )


def links_of_cluster(
    cluster: Cluster,
    *,
    page: int = 1,
    size: int = 50,
    cursor: str = "",
    run: Run | None = None,
    shows_platform_ids: bool = False,
) -> Page[PathStep]:
    """The links inside a cluster in a run, the strongest first. Three queries."""
    run = run or run_latest(cluster.dataset)
    scope = f"cluster-links-{cluster.pk}-{run.pk if run else 0}"
    offset, size = page_start(page=page, size=size, cursor=cursor, scope=scope)
    rows = Link.objects.filter(cluster=cluster, run=run).defer("evidence").order_by("-bits", "id")
    n = rows.count() if run else 0
    return page_of(
        list(rows.select_related("a", "b")[offset : offset + size]) if n else [],
        lambda link: _step(link, shows_platform_ids=shows_platform_ids),
        offset=offset,
        size=size,
        n_matching=n,
        scope=scope,
    )


def link_explain(
    a: Account, b: Account, *, run: Run | None = None, shows_platform_ids: bool = False
) -> LinkExplanation:
    """Why two accounts are linked in a run, or are not: at most thirteen queries, whatever the dataset's size."""
    if a.pk == b.pk:
        raise InvalidInput(
            "That is the same account twice.", code="same_account", what_to_do="Choose another account to compare."
        )
    first, second = (a, b) if a.pk < b.pk else (b, a)
    run = run or run_latest(first.dataset)
    if run is None or first.dataset_id != second.dataset_id or run.dataset_id != first.dataset_id:
        raise NotFound(
            "There is no run that looked at both accounts.",
            code="no_run",
            what_to_do="Start a run, and compare accounts of one dataset.",
        )
    link = Link.objects.filter(run=run, a=first, b=second).select_related("cluster__current").first()
    told = _stored(link, run) if link else _weighed(first, second, run)
    listed = _listed(told) if told else _shared_now(first, second, run)
    evidence = _evidence_rows(listed, first, second)
    path = () if link else _path(first, second, run, shows_platform_ids=shows_platform_ids)
    return LinkExplanation(
        a=account_ref(a, shows_platform_ids=shows_platform_ids),
        b=account_ref(b, shows_platform_ids=shows_platform_ids),
        run=run_ref(run),
        is_linked=link is not None,
        is_stored=link is not None,
        bits=bits_shown(told.bits if told else _start(run)),
        prior_bits=bits_shown(told.start if told else _start(run)),
        headline=told.sentence if link and told else headline_unlinked(run, listed, path),
        evidence=evidence,
        waterfall=_waterfall(told, evidence) if told else (),
        contradictions=tuple(row for row in evidence if row.bits < 0),
        why_not="" if link else why_not(run, told, listed),
        path=path,
        same_cluster=_same_cluster(first, second, run),
        model_digest=run.model_digest,
    )


def _link_row(
    link: Link,
    strongest: list[Any] | None,
    account: Account,
    shown: Mapping[tuple[str, int | None], ValueRef],
    *,
    shows_platform_ids: bool,
) -> LinkRow:
    other = link.b if link.a_id == account.pk else link.a
    return LinkRow(
        other=account_ref(other, shows_platform_ids=shows_platform_ids),
        bits=bits_shown(link.bits),
        families=families_of(link.families),
        n_evidence=len(link.evidence),
        cluster=cluster_ref(link.cluster) if link.cluster else None,
        strongest=shown[strongest[1], strongest[2]] if strongest else None,
    )


def _step(link: Link, *, shows_platform_ids: bool) -> PathStep:
    return PathStep(
        a=account_ref(link.a, shows_platform_ids=shows_platform_ids),
        b=account_ref(link.b, shows_platform_ids=shows_platform_ids),
        bits=bits_shown(link.bits),
        families=families_of(link.families),
    )


def _stored(link: Link, run: Run) -> Explanation:
    """The explanation of a link from the evidence that the run stored, with the start that makes it add up."""
    given = [dict(zip_longest(EVIDENCE_COLUMNS, row)) for row in link.evidence]  # older runs stored fewer columns
    prior = run.model.get("prior_millibits", 0)
    threshold = prior + sum(row["bits"] for row in given) - link.bits
    model = {**run.model, "prior_millibits": prior, "threshold_millibits": threshold}
    return linkage.explain(link.a_id, link.b_id, given, model)


def _weighed(first: Account, second: Account, run: Run) -> Explanation | None:
    """The explanation of any pair in the run's own bits; None when what the run weighed is no longer kept."""
    from investigations.linkage.pair import explain_pair, holdings_read  # brings numba and SciPy

    held = holdings_read(run_files.folder_of(run), (first.pk, second.pk), run.model)
    return explain_pair(*held, run.model) if held else None


def _listed(told: Explanation) -> list[dict[str, Any]]:
    rows: tuple[Weighed, ...] = (*told.rows, *told.weightless)
    return [{name: getattr(row, name) for name in EVIDENCE_COLUMNS} for row in rows]


def _start(run: Run) -> int:
    return int(run.model.get("prior_millibits", 0) - run.model.get("threshold_millibits", 0))


def _shared_now(first: Account, second: Account, run: Run) -> list[dict[str, Any]]:
    """The identifiers that both have now, without bits: for pairs of runs whose weights are no longer kept."""
    from accounts.kinds import kind_family

    both = (
        Sighting.objects.filter(account__in=[first.pk, second.pk])
        .values("identifier_id", "identifier__kind")
        .annotate(n=Count("account_id", distinct=True))
        .filter(n=2)
        .order_by("identifier__kind", "identifier_id")[:SHARED_LOOKED_AT]
    )
    rows = [(row["identifier_id"], row["identifier__kind"]) for row in both]
    numbers = [number for number, _ in rows]
    holders = dict(
        Sighting.objects.filter(identifier__in=numbers).values_list("identifier_id").annotate(n=Count("*")).order_by()
    )
    hubs = set(HubValue.objects.filter(run=run, value__in=numbers).values_list("kind", "value"))
    listed = [
        {
            "family": kind_family(kind),
            "kind": kind,
            "value": number,
            "bits": 0,
            "raw_bits": 0,
            "holders": holders.get(number, 2),
            "hub": (kind, number) in hubs,
            "seen": None,
            "expected": None,
        }
        for number, kind in rows
    ]
    return sorted(listed, key=lambda row: (FAMILY_ORDER[row["family"]], row["holders"], row["value"]))


def _evidence_rows(given: list[dict[str, Any]], first: Account, second: Account) -> tuple[EvidenceRow, ...]:
    """Evidence with each end's times and counts, by family, then bits. Two queries."""
    shown = values_shown((row["kind"], row["value"]) for row in given)
    numbers = [ref.public_id and row["value"] for row in given for ref in [shown[row["kind"], row["value"]]]]
    seen = {
        (s.account_id, s.identifier_id): s
        for s in Sighting.objects.filter(account__in=[first.pk, second.pk], identifier__in=[n for n in numbers if n])
    }
    ordered = sorted(given, key=lambda row: (FAMILY_ORDER[row["family"]], -row["bits"]))
    return tuple(_evidence_row(row, shown, seen, first.pk, second.pk) for row in ordered)


def _evidence_row(
    row: dict[str, Any],
    shown: Mapping[tuple[str, int | None], ValueRef],
    seen: Mapping[tuple[int, int], Sighting],
    first: int,
    second: int,
) -> EvidenceRow:
    of_a, of_b = seen.get((first, row["value"])), seen.get((second, row["value"]))
    return EvidenceRow(
        family=row["family"],
        family_label=FAMILY_LABELS[row["family"]],
        value=_value(row, shown),
        bits=bits_shown(row["bits"]),
        raw_bits=bits_shown(row["raw_bits"]),
        n_holders=row["holders"],
        is_hub=row["hub"],
        a_first_at=of_a.first_at if of_a else None,
        a_last_at=of_a.last_at if of_a else None,
        a_count=of_a.n if of_a else None,
        b_first_at=of_b.first_at if of_b else None,
        b_last_at=of_b.last_at if of_b else None,
        b_count=of_b.n if of_b else None,
    )


def _value(row: dict[str, Any], shown: Mapping[tuple[str, int | None], ValueRef]) -> ValueRef:
    """The shared value or, where the evidence has none, how often it was seen and would be by chance."""
    ref = shown[row["kind"], row["value"]]
    if row["seen"] is None or row["expected"] is None:
        return ref
    return replace(ref, shown=seen_text(row["kind"], row["seen"], row["expected"]))


def _waterfall(told: Any, evidence: tuple[EvidenceRow, ...]) -> tuple[WaterfallStep, ...]:
    """From the start over each family, for and against apart, to the sum."""
    at = bits_shown(told.start)
    steps = [WaterfallStep("prior", "Prior and threshold", at, 0.0, at, "prior", "what a pair needs to be a link")]
    for family, label in FAMILY_LABELS.items():
        mine = [row for row in evidence if row.family == family]
        for kind, part in (("for", [r for r in mine if r.bits > 0]), ("against", [r for r in mine if r.bits < 0])):
            if part:
                bits = sum(row.bits for row in part)
                steps.append(WaterfallStep(family, label, bits, at, at + bits, kind, _note(part)))
                at += bits
        if mine and not any(row.bits for row in mine):
            steps.append(WaterfallStep(family, label, 0.0, at, at, "nothing", _note(mine)))
    steps.append(WaterfallStep("sum", "Over the line", at, 0.0, at, "sum", ""))
    return tuple(steps)


def _note(rows: list[EvidenceRow]) -> str:
    best = max(rows, key=lambda row: abs(row.bits))
    said = f"{best.value.kind_label} {best.value.shown}, {best.n_holders:,} holders"
    if best.is_hub:
        said += " (hub)"
    return said + (f" and {len(rows) - 1} more" if len(rows) > 1 else "")


def _same_cluster(first: Account, second: Account, run: Run) -> ClusterRef | None:
    rows = Member.objects.filter(account__in=[first.pk, second.pk], version__run=run)
    found = list(rows.select_related("version__cluster__current"))
    if len(found) == 2 and found[0].version_id == found[1].version_id:
        return cluster_ref(found[0].version.cluster)
    return None


def _path(first: Account, second: Account, run: Run, *, shows_platform_ids: bool) -> tuple[PathStep, ...]:
    """The way over one other account, or two, whose weakest link is the strongest. At most four queries."""
    near_a, near_b = _neighbours(first.pk, run), _neighbours(second.pk, run)
    common = set(near_a) & set(near_b)
    if common:
        middle = max(sorted(common), key=lambda n: min(near_a[n].bits, near_b[n].bits))
        found = [near_a[middle], near_b[middle]]
    else:
        found = _path_of_three(near_a, near_b, run)
    ends = {a for link in found for a in (link.a_id, link.b_id)}
    accounts = Account.objects.in_bulk(ends) if ends else {}
    for link in found:
        link.a, link.b = accounts[link.a_id], accounts[link.b_id]
    return tuple(_step(link, shows_platform_ids=shows_platform_ids) for link in found)


def _path_of_three(near_a: dict[int, Link], near_b: dict[int, Link], run: Run) -> list[Link]:
    between = Link.objects.filter(
        Q(a__in=near_a, b__in=near_b) | Q(a__in=near_b, b__in=near_a), run=run
    ).defer("evidence")  # fmt: skip
    best: tuple[int, list[Link]] = (-1, [])
    for link in between.order_by("-bits", "id")[:NEIGHBOURS_LOOKED_AT]:
        left, right = (link.a_id, link.b_id) if link.a_id in near_a and link.b_id in near_b else (link.b_id, link.a_id)
        weakest = min(near_a[left].bits, link.bits, near_b[right].bits)
        if weakest > best[0]:
            best = (weakest, [near_a[left], link, near_b[right]])
    return best[1]


def _neighbours(account_id: int, run: Run) -> dict[int, Link]:
    """The strongest links of an account by their other end."""
    rows = Link.objects.filter(Q(a=account_id) | Q(b=account_id), run=run).defer("evidence").order_by("-bits", "id")
    return {(link.b_id if link.a_id == account_id else link.a_id): link for link in rows[:NEIGHBOURS_LOOKED_AT]}
