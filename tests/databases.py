"""Databases for tests: a template per state of the migrations, cloned for each process and each test that commits."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from config import embedded, home
from config.servers import APP_ROLE, OWNER_ROLE
from tests.settings import ROOT, TEST_HOME

ALIASES = ("default", "owner")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class LiveDatabase:
    """A database of one test, with the environment that points another process at it."""

    name: str
    environment: dict[str, str]


def template_name() -> str:
    """Return the name of the template that the migrations at hand make."""
    digest = hashlib.sha256(django.__version__.encode())
    for file in [*sorted(ROOT.glob("*/migrations/*.py")), ROOT / "core" / "grants.py", ROOT / "uv.lock"]:
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return f"template_{digest.hexdigest()[:16]}"


def template_ensure() -> str:
    """Return the template's name; it is built, by one process alone, when it is not there yet."""
    name = template_name()
    with (TEST_HOME / "locks" / "template").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with owner_connection() as connection:
            rows = connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^(template_|building_|test_)'")
            for (found,) in rows.fetchall():
                if found == name:
                    continue
                if found.startswith("building_") or (found.startswith("test_") and not _is_running(found)):
                    database_drop(found)
            if (name,) not in connection.execute("SELECT datname FROM pg_database").fetchall():
                _build(connection, name)
    return name


def _build(connection: psycopg.Connection, name: str) -> None:
    building = f"building_{os.getpid()}"
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(building)))
    with pointing_at(building):
        call_command("migrate", database="owner", verbosity=0)
    old = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'template\\_%'").fetchall()
    for (found,) in old:
        database_drop(found)
    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(building), sql.Identifier(name)))


def database_clone(template: str) -> str:
    """Return the name of a new database like the template."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with owner_connection() as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return name


def database_drop(name: str) -> None:
    """Drop a database, whoever is connected to it; only a superuser may end the sessions of a worker that was killed."""
    with role_connection("postgres", home.secrets_for(TEST_HOME).postgres_superuser) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def owner_connection() -> AbstractContextManager[psycopg.Connection]:
    """Give a connection of the owner role outside any test database."""
    return role_connection(OWNER_ROLE, home.secrets_for(TEST_HOME).postgres_owner)


@contextmanager
def role_connection(role: str, word: str, *, database: str = "postgres") -> Iterator[psycopg.Connection]:
    """Give a connection of a role, by default outside any test database."""
    run = str(home.places_for(TEST_HOME).postgres_run)
    with psycopg.connect(host=run, user=role, password=word, dbname=database, autocommit=True) as connection:
        yield connection


@contextmanager
def pointing_at(name: str) -> Iterator[None]:
    """Point Django's connections, in every thread, at another database for the block."""
    before = {alias: connections.settings[alias]["NAME"] for alias in ALIASES}
    _point(dict.fromkeys(ALIASES, name))
    try:
        yield
    finally:
        _point(before)


def _point(names: dict[str, str]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections.settings[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


def live_database(name: str, files: Path, broker_url: str) -> LiveDatabase:
    """Return the database with the environment for processes that should use it."""
    places, words = home.places_for(TEST_HOME), home.secrets_for(TEST_HOME)
    return LiveDatabase(
        name=name,
        environment={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": embedded.database_address(places, APP_ROLE, words.postgres_app, name),
            "OWNER_DATABASE_URL": embedded.database_address(places, OWNER_ROLE, words.postgres_owner, name),
            "BROKER_URL": broker_url,
            "CACHE_URL": embedded.cache_address(places),
            "SECRET_KEY": words.secret_key,
            "HYDRASCOPE_HOME": str(files),
            "HYDRASCOPE_KEYRING": str(TEST_HOME / "keyring.json"),
        },
    )


def _is_running(name: str) -> bool:
    try:
        os.kill(int(name.split("_")[1]), 0)
    except (ValueError, IndexError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
