from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from accounts.ingest.mapping import Mapping, mapping_read
from accounts.ingest.problems import FileProblem
from accounts.models import FileState, Reject
from accounts.services.ingest import IngestReport, LoadProgress, ingest_files
from core.errors import AppError

_SHOWN = 10


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Load extracts: files or folders of CSV (plain or gzip) and Parquet. The table is the file's name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder of them")
        parser.add_argument("--dataset", default="main", help="where to load them (default: main)")
        parser.add_argument("--mapping", type=Path, metavar="FILE", help="a mapping file (TOML) for other layouts")
        parser.add_argument("--strict", action="store_true", help="refuse a whole file when one of its rows is refused")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            mapping = mapping_read(options["mapping"]) if options["mapping"] else Mapping()
            report = ingest_files(
                options["paths"],
                dataset=options["dataset"],
                mapping=mapping,
                strict=options["strict"],
                progress=self._progress if sys.stderr.isatty() else None,
            )
        except FileProblem as problem:
            self._stop(f"{problem.reason} {problem.hint}", problem.as_dict(), as_json=options["json"])
        except AppError as error:
            body = {"code": error.code, "detail": error.detail, "what_to_do": error.what_to_do}
            self._stop(str(error), body, as_json=options["json"])
        if sys.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="")
        if options["json"]:
            self.stdout.write(json.dumps(report_as_dict(report), ensure_ascii=False))
        else:
            self._print(report)
        sys.exit(report.exit_code)

    def _stop(self, text: str, body: dict[str, str], *, as_json: bool) -> None:
        """Ends with 2: nothing could be read."""
        if as_json:
            self.stdout.write(json.dumps({"error": body}, ensure_ascii=False))
        else:
            self.stderr.write(text)
        sys.exit(2)

    def _progress(self, at: LoadProgress) -> None:
        share = f"{100 * at.n_bytes // at.total_bytes} %" if at.total_bytes else ""
        self.stderr.write(f"\r\x1b[K{at.file}: {at.n_rows:,} rows {share}", ending="")
        self.stderr.flush()

    def _print(self, report: IngestReport) -> None:
        out = self.stdout.write
        out(f"{'table':<14}{'accepted':>12}{'refused':>10}{'there already':>15}{'waiting':>10}")
        counts = (report.accepted, report.refused, report.duplicates, report.waiting)
        for table in sorted({name for count in counts for name in count}):
            accepted, refused, same, waiting = (count.get(table, 0) for count in counts)
            out(f"{table:<14}{accepted:>12,}{refused:>10,}{same:>15,}{waiting:>10,}")
        for file in report.files:
            if file.state == FileState.FAILED:
                error = file.error or {}
                self.stderr.write(f"{file.name}: {error.get('detail', '')} {error.get('what_to_do', '')}".rstrip())
            elif file.state == FileState.REFUSED:
                self.stderr.write(f"{file.name}: refused as a whole, since a row was refused (--strict).")
            elif file.state == FileState.DUPLICATE:
                out(f"{file.name}: landed before, nothing to do.")
        for name, columns in report.ignored.items():
            out(f"{name}: no table has {', '.join(columns)}; left out (name a column x_… to keep it).")
        if report.skipped:
            out(f"Left alone, as their names are no tables: {', '.join(report.skipped)}.")
        if report.arrived:
            out("Their accounts arrived, so these were loaded now: " + _listed(report.arrived) + ".")
        if report.waiting and any(report.waiting.values()):
            out("Waiting for their accounts, sealed: " + _listed(report.waiting) + ".")
        self._print_rejects(report)
        out(f"Batch {report.batch.public_id} in dataset {report.batch.dataset.name}, {report.seconds:.1f} s.")

    def _print_rejects(self, report: IngestReport) -> None:
        rejects = Reject.objects.filter(batch_file__batch=report.batch).select_related("batch_file")
        for reject in rejects[:_SHOWN]:
            column = f", {reject.column}" if reject.column else ""
            self.stderr.write(f"{reject.batch_file.name}, line {reject.line}{column}: {reject.reason}.")
        more = sum(report.refused.values()) - _SHOWN
        if more > 0:
            self.stderr.write(f"… and {more:,} more refused rows; the import's page lists them.")


def report_as_dict(report: IngestReport) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "dataset": report.batch.dataset.name,
        "batch": str(report.batch.public_id),
        "state": report.batch.state,
        "accepted": report.accepted,
        "refused": report.refused,
        "duplicates": report.duplicates,
        "waiting": report.waiting,
        "arrived": report.arrived,
        "seconds": round(report.seconds, 3),
        "files": [
            {
                "name": file.name,
                "state": file.state,
                "rows": file.n_rows_read,
                "accepted": file.accepted,
                "refused": file.refused,
                "duplicates": file.duplicates,
                "waiting": file.waiting,
                "error": file.error,
            }
            for file in report.files
        ],
        "ignored_columns": report.ignored,
        "skipped": report.skipped,
    }


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {table}" for table, n in counts.items() if n)
