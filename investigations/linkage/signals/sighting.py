"""Shared identifiers: accounts seen with the same address, card, device or any other value."""

from __future__ import annotations

from dataclasses import dataclass

from investigations.linkage.signals.protocol import Source


@dataclass(frozen=True)
class SightingSignal:
    """Equal values among the sightings."""

    name: str = "sighting"

    def kinds(self, source: Source) -> tuple[str, ...]:
        """The kinds that the sightings hold, by name."""
        rows = source.connection.execute("SELECT DISTINCT kind FROM sightings WHERE kind IS NOT NULL ORDER BY 1")
        return tuple(str(kind) for (kind,) in rows.fetchall())

    def query(self, source: Source) -> str | None:
        """All sightings of values that more than one account has."""
        return """
            SELECT kind, value, account, min(first_at) AS first_at, max(last_at) AS last_at
            FROM sightings SEMI JOIN (
                SELECT kind, value FROM sightings WHERE value IS NOT NULL
                GROUP BY kind, value HAVING min(account) <> max(account)) AS shared USING (kind, value)
            GROUP BY kind, value, account"""


SIGHTING = SightingSignal()
