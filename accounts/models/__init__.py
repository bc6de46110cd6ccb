from accounts.models.account import Account, AccountVersion, Status
from accounts.models.batch import Batch, BatchFile, BatchState, FileState, Reject, WaitingRow
from accounts.models.events import EventDirectory
from accounts.models.identifier import Identifier, Sighting
from accounts.models.session import Session
from accounts.models.truth import TruthLabel

__all__ = [
    "Account",
    "AccountVersion",
    "Batch",
    "BatchFile",
    "BatchState",
    "EventDirectory",
    "FileState",
    "Identifier",
    "Reject",
    "Session",
    "Sighting",
    "Status",
    "TruthLabel",
    "WaitingRow",
]
