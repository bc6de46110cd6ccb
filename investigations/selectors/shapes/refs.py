"""References: enough of a thing to name it and link to it.

Accounts carry the platform's own id only when the caller asked for it by right (`shows_platform_ids`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AccountRef:
    public_id: str
    platform_id: str | None  # None: the reader has no right to it
    status: str
    status_label: str
    created_at: datetime
    plan: str = ""


@dataclass(frozen=True)
class ClusterRef:
    public_id: str
    summary: str = ""
    n_accounts: int = 0
    is_ended: bool = False


@dataclass(frozen=True)
class RunRef:
    public_id: str
    number: int
    state: str
    finished_at: datetime | None


@dataclass(frozen=True)
class CaseRef:
    public_id: str
    number: int
    title: str
    state: str
    state_label: str
    owner: str  # a person's label, empty when nobody took it
    owner_public_id: str = ""


@dataclass(frozen=True)
class VerdictRef:
    public_id: str
    same_operator: str
    same_operator_label: str
    abusive: str
    abusive_label: str
    likelihood_label: str
    confidence_label: str
    author: str
    created_at: datetime


@dataclass(frozen=True)
class ValueRef:
    """A value that accounts share, as it may be shown: the mask of an identifier, or a fingerprint's hex."""

    kind: str
    kind_label: str
    family: str
    shown: str
    public_id: str | None  # of the identifier; None for fingerprints of exchanges and signals without a value
    is_personal: bool
