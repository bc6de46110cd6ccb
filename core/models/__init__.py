from core.models.audit import AuditEntry
from core.models.dataset import Dataset
from core.models.idempotency import IdempotencyKey
from core.models.outbox import OutboxMessage

__all__ = ["AuditEntry", "Dataset", "IdempotencyKey", "OutboxMessage"]
