from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from accounts.selectors.datasets import DatasetRow, dataset_list
from core.datasets import dataset_delete, dataset_get
from core.errors import AppError


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "List the datasets, or delete one with everything in it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="what there is")
        listing.add_argument("--json", action="store_true", help="print one JSON object")
        deleting = verbs.add_parser("delete", help="delete a dataset: rows, event files, uploads")
        deleting.add_argument("name", help="its name")
        deleting.add_argument("--yes", action="store_true", help="don't ask")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        try:
            if verb == "list":
                self._list(as_json=options["json"])
            else:
                self._delete(options["name"], is_sure=options["yes"])
        except AppError as error:
            raise CommandError(str(error)) from error

    def _list(self, *, as_json: bool) -> None:
        rows = dataset_list()
        if as_json:
            self.stdout.write(json.dumps({"items": [_as_dict(row) for row in rows]}))
            return
        if not rows:
            self.stdout.write("No datasets yet. Load one: manage.py ingest PATH… --dataset NAME")
            return
        self.stdout.write(f"{'name':<24}{'kind':<12}{'accounts':>12}{'sessions':>13}{'exchanges':>14}{'event MB':>10}")
        for row in rows:
            size = row.n_event_bytes / 1e6
            counts = f"{row.n_accounts:>12,}{row.n_sessions:>13,}{row.n_exchanges:>14,}{size:>10,.1f}"
            self.stdout.write(f"{row.name:<24}{row.kind:<12}{counts}")

    def _delete(self, name: str, *, is_sure: bool) -> None:
        dataset = dataset_get(name)
        if not is_sure and input(f"Delete {name} with everything in it? Type its name: ").strip() != name:
            raise CommandError("Nothing was deleted.")
        counts = dataset_delete(dataset, progress=self._progress if sys.stderr.isatty() else None)
        if sys.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="")
        self.stdout.write(f"Deleted {name}: {sum(counts.values()):,} rows, and its files.")

    def _progress(self, table: str, n_rows: int) -> None:
        what = next(m._meta.verbose_name_plural for m in apps.get_models() if m._meta.db_table == table)
        self.stderr.write(f"\r\x1b[KDeleting {what}: {n_rows:,} rows gone", ending="")
        self.stderr.flush()


def _as_dict(row: DatasetRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "accounts": row.n_accounts,
        "sessions": row.n_sessions,
        "exchanges": row.n_exchanges,
        "event_bytes": row.n_event_bytes,
    }
