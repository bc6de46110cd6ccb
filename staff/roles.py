"""The roles and what each may do."""

from __future__ import annotations

from django.db import models

from core.access import Capability as C


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    INVESTIGATOR = "investigator", "Investigator"
    LEAD = "lead", "Lead"
    MANAGER = "manager", "Manager"
    INTEGRATION = "integration", "Integration"
    ADMINISTRATOR = "administrator", "Administrator"


ROLE_CAPABILITIES: dict[str, frozenset[C]] = {
    Role.VIEWER: frozenset({C.VIEW}),
    Role.INVESTIGATOR: frozenset({C.VIEW, C.RUN, C.CASEWORK, C.VERDICT, C.EXPORT, C.PLATFORM_IDS}),
    Role.LEAD: frozenset({C.VIEW, C.IMPORT, C.RUN, C.CASEWORK, C.VERDICT, C.EXPORT, C.PLATFORM_IDS, C.AUDIT}),
    Role.MANAGER: frozenset({C.VIEW, C.EXPORT, C.AUDIT}),
    Role.INTEGRATION: frozenset({C.VIEW, C.RUN, C.CASEWORK, C.PLATFORM_IDS}),
    Role.ADMINISTRATOR: frozenset({C.VIEW, C.IMPORT, C.AUDIT, C.PEOPLE}),
}
"""Integration has no VERDICT: a verdict is a person's decision. Administrator has no casework."""


class Scope(models.TextChoices):
    """What a token may do; it never does more than its owner's roles allow."""

    READ = "read", "Read accounts, clusters, links, runs, cases, verdicts and notes"
    CASES = "cases:write", "Open and change cases, write notes"
    VERDICTS = "verdicts:write", "Record verdicts"
    RUNS = "runs:write", "Start and cancel runs"


SCOPE_CAPABILITIES: dict[str, frozenset[C]] = {
    Scope.READ: frozenset({C.VIEW, C.PLATFORM_IDS}),
    Scope.CASES: frozenset({C.CASEWORK}),
    Scope.VERDICTS: frozenset({C.VERDICT}),
    Scope.RUNS: frozenset({C.RUN}),
}
