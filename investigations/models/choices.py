"""The closed lists of casework and linkage, with their groups."""

from __future__ import annotations

from django.db import models


class RunState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_RUN_STATES = (RunState.QUEUED, RunState.RUNNING)


class Position(models.TextChoices):
    CORE = "core", "Core"
    PERIPHERY = "periphery", "Periphery"
    BRIDGE = "bridge", "Bridge"


class LineageKind(models.TextChoices):
    BORN = "born", "Born"
    GREW = "grew", "Grew"
    SHRANK = "shrank", "Shrank"
    SAME = "same", "Unchanged"
    CHANGED = "changed", "Changed"  # as many came as left
    MERGED = "merged", "Merged"
    SPLIT = "split", "Split"
    ENDED = "ended", "Ended"


class InstructionKind(models.TextChoices):
    """What people tell the engine. The values are the engine's."""

    MUST = "must", "One hand"
    CANNOT = "cannot", "Never together"
    SHARED = "shared", "Shared by strangers"


PAIR_KINDS = (InstructionKind.MUST.value, InstructionKind.CANNOT.value)


class CaseState(models.TextChoices):
    OPEN = "open", "Open"
    IN_REVIEW = "in_review", "In review"
    AWAITING_SECOND = "awaiting_second", "Awaiting second review"
    DECIDED = "decided", "Decided"
    CLOSED = "closed", "Closed"
    APPEALED = "appealed", "Appealed"
    REOPENED = "reopened", "Reopened"


OPEN_CASE_STATES = (
    CaseState.OPEN,
    CaseState.IN_REVIEW,
    CaseState.AWAITING_SECOND,
    CaseState.APPEALED,
    CaseState.REOPENED,
)
CASE_TRANSITIONS: dict[str, tuple[CaseState, ...]] = {
    CaseState.OPEN: (CaseState.IN_REVIEW, CaseState.CLOSED),
    CaseState.IN_REVIEW: (CaseState.OPEN, CaseState.AWAITING_SECOND, CaseState.DECIDED, CaseState.CLOSED),
    CaseState.AWAITING_SECOND: (CaseState.IN_REVIEW, CaseState.DECIDED),
    CaseState.DECIDED: (CaseState.CLOSED, CaseState.APPEALED, CaseState.REOPENED),
    CaseState.CLOSED: (CaseState.APPEALED, CaseState.REOPENED),
    CaseState.APPEALED: (CaseState.IN_REVIEW, CaseState.DECIDED),
    CaseState.REOPENED: (CaseState.IN_REVIEW, CaseState.CLOSED),
}


CASE_UNDOABLE = (
    "case.cluster_added",
    "case.cluster_removed",
    "case.account_added",
    "case.account_removed",
)
"""The audit actions of a case that can be turned back."""


def transition_needs_reason(to: str, *, has_verdict: bool) -> bool:
    """Reopening, an appeal, and closing without a verdict need a word of why."""
    return to in (CaseState.REOPENED, CaseState.APPEALED) or (to == CaseState.CLOSED and not has_verdict)


class SameOperator(models.TextChoices):
    CONFIRMED = "confirmed", "Confirmed"
    BENIGN_SHARED = "benign_shared", "Benign shared resource"
    INCONCLUSIVE = "inconclusive", "Inconclusive"
    MORE_INFORMATION = "more_information", "Need more information"
    DUPLICATE = "duplicate", "Duplicate"


class Abusive(models.TextChoices):
    YES = "yes", "Yes"
    NO = "no", "No"
    UNDETERMINED = "undetermined", "Undetermined"


class Likelihood(models.TextChoices):
    """The words of ICD 203 with their ranges."""

    ALMOST_NO_CHANCE = "almost_no_chance", "Almost no chance (1–5 %)"
    VERY_UNLIKELY = "very_unlikely", "Very unlikely (5–20 %)"
    UNLIKELY = "unlikely", "Unlikely (20–45 %)"
    ROUGHLY_EVEN = "roughly_even", "Roughly even (45–55 %)"
    LIKELY = "likely", "Likely (55–80 %)"
    VERY_LIKELY = "very_likely", "Very likely (80–95 %)"
    ALMOST_CERTAIN = "almost_certain", "Almost certain (95–99 %)"


class Confidence(models.TextChoices):
    LOW = "low", "Low"
    MODERATE = "moderate", "Moderate"
    HIGH = "high", "High"


class Standing(models.TextChoices):
    """What a verdict says of one account: linked is not guilty."""

    CORE = "core", "Core"
    PERIPHERAL = "peripheral", "Peripheral"
    EXCLUDED = "excluded", "Excluded"
    COMPROMISED_OWNER = "compromised_owner", "Compromised owner"
    POOL_ACCOUNT = "pool_account", "Pool account"
    RESELLER_CUSTOMER = "reseller_customer", "Reseller customer"


class Hypothesis(models.TextChoices):
    """Benign explanations that are answered before a verdict."""

    CARRIER_NAT = "carrier_nat", "Carrier NAT"
    SHARED_EXIT = "shared_exit", "Campus, office or VPN exit"
    TEAM = "team", "Team"
    RESELLER = "reseller", "Reseller"
    POPULAR_CLIENT = "popular_client", "Popular client or template"
    BENCHMARK = "benchmark", "Benchmark"
    HACKATHON = "hackathon", "Class or hackathon"
    HOUSEHOLD = "household", "Household"
    FRAMING = "framing", "Framing by a third party"


class HypothesisAnswer(models.TextChoices):
    FOR = "for", "For"
    AGAINST = "against", "Against"
    UNTESTED = "untested", "Untested"


class ExportSubject(models.TextChoices):
    CLUSTERS = "clusters", "Clusters"
    MEMBERS = "members", "Members"
    VERDICTS = "verdicts", "Verdicts"
    CLUSTER_REPORT = "cluster_report", "Cluster report"


class ExportFormat(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel (XLSX)"
    PDF = "pdf", "PDF"


class ExportState(models.TextChoices):
    QUEUED = "queued", "Queued"
    WORKING = "working", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
