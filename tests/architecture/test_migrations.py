"""Migrations are complete and named by what they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from tests.settings import ROOT

OURS = ("core", "staff", "accounts", "investigations")
FILES = sorted(file for app in OURS for file in (ROOT / app / "migrations").glob("0*.py"))


def test_it_has_a_migration_for_every_change_of_a_model(db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.parent.name}.{file.stem}")
def test_it_names_migrations_by_intent(file: Path) -> None:
    assert re.fullmatch(r"\d{4}_[a-z][a-z0-9_]+", file.stem)
    assert not re.search(r"_auto_\d|_and_more$", file.stem)


def test_it_numbers_migrations_without_gaps_or_twins() -> None:
    for app in OURS:
        numbers = [int(file.stem[:4]) for file in FILES if file.parent.parent.name == app]
        assert numbers == list(range(1, len(numbers) + 1)), app


def test_what_points_at_accounts_and_identifiers_can_be_found_by_index(db: None) -> None:
    """Deleting a dataset checks every constraint once a row; without an index each check reads the whole table."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.contype = 'f' AND NOT EXISTS (
                SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])"""
        )
        assert cursor.fetchall() == []
