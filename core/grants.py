"""What the app role may do in the database: the owner role migrates and then grants, table by table."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.db import connections
from psycopg import sql

OWNER = "owner"
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
APPEND_ONLY = ("SELECT", "INSERT")


def app_role_grant(sender: AppConfig, using: str, **_: Any) -> None:
    """Grants the app role its rights on the tables of one app; append-only models lose UPDATE and DELETE."""
    role = connections["default"].settings_dict["USER"]
    if using != OWNER or role == connections[OWNER].settings_dict["USER"]:
        return
    connection = connections[OWNER]
    present = set(connection.introspection.table_names())
    append_only = {m._meta.db_table for m in apps.get_models() if getattr(m, "append_only", False)}
    with connection.cursor() as cursor:
        cursor.execute(_compose("GRANT USAGE ON SCHEMA public TO {role}", role))
        cursor.execute(_compose("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}", role))
        for table in sorted(present & _tables(sender)):
            rights = APPEND_ONLY if table in append_only else ALL
            cursor.execute(_compose("REVOKE ALL ON {table} FROM {role}", role, table))
            cursor.execute(_compose(f"GRANT {', '.join(rights)} ON {{table}} TO {{role}}", role, table))
        if "django_migrations" in present:
            cursor.execute(_compose("GRANT SELECT ON {table} TO {role}", role, "django_migrations"))


def _tables(app: AppConfig) -> set[str]:
    return {model._meta.db_table for model in app.get_models(include_auto_created=True, include_swapped=True)}


def _compose(statement: str, role: str, table: str = "") -> sql.Composed:
    return sql.SQL(statement).format(role=sql.Identifier(role), table=sql.Identifier(table))
