"""Conversation migration: an account continues an answer that another account was given.

A request's prefix fingerprint equals the fingerprint of the answer that it continues. Accounts share such a value
when one got the answer (and no other did: a common answer proves nothing) or when several continue it.
"""

from __future__ import annotations

from dataclasses import dataclass

from investigations.linkage.prefilter import maybe_shared
from investigations.linkage.signals.protocol import Source

KIND = "prefix_fingerprint"


@dataclass(frozen=True)
class MigrationSignal:
    """Answers continued by another account."""

    name: str = "migration"

    def kinds(self, source: Source) -> tuple[str, ...]:
        """One kind, when there are exchanges."""
        return (KIND,) if source.inputs.exchanges else ()

    def query(self, source: Source) -> str | None:
        """Who continues an answer, and who got it if exactly one account did."""
        if not source.inputs.exchanges:
            return None
        prefixes, outputs = maybe_shared(source.inputs.exchanges, ("prefix", "output"), ("any", "known"))
        source.connection.register("maybe_prefix", prefixes)
        source.connection.register("maybe_output", outputs)
        return f"""
            WITH continued AS (
                SELECT value, account, min("at") AS first_at, max("at") AS last_at
                FROM maybe_prefix GROUP BY value, account),
            given AS (
                SELECT value, min(account) AS account, min("at") AS first_at, max("at") AS last_at
                FROM maybe_output SEMI JOIN continued USING (value)
                GROUP BY value HAVING min(account) = max(account)),
            both_ends AS (SELECT * FROM continued UNION ALL SELECT * FROM given)
            SELECT '{KIND}' AS kind, value, account, min(first_at) AS first_at, max(last_at) AS last_at
            FROM both_ends SEMI JOIN (
                SELECT value FROM both_ends GROUP BY value HAVING min(account) <> max(account)) AS shared USING (value)
            GROUP BY value, account"""


MIGRATION = MigrationSignal()
