from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

ROLES_SQL = """\
-- Run as a superuser, once. Choose two passwords, and put them into DATABASE_URL and OWNER_DATABASE_URL.
CREATE ROLE hydrascope_owner LOGIN PASSWORD 'choose one';
CREATE ROLE hydrascope_app LOGIN PASSWORD 'choose another';
CREATE DATABASE hydrascope OWNER hydrascope_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE hydrascope FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE hydrascope TO hydrascope_app;
-- `manage.py migrate` then makes the tables as the owner and grants the app role what it needs, table by table.
"""


class Command(BaseCommand):
    """Prints the SQL that makes the owner role, the app role and the database on a server of your own."""

    help = "Print the SQL that makes both database roles and the database on an external server."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(ROLES_SQL)
