from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import audit
from core.models import AuditEntry


class Command(BaseCommand):
    help = "Recomputes the audit trail's hash chain; exits with 1 at the first entry that does not fit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--head", help="a head hash noted earlier (log line audit.head): it must be in the chain")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, head: str | None = None, **options: Any) -> None:
        report = audit.verify()
        problem = report.reason or (_head_problem(head) if head else "")
        if options["json"]:
            body = {"whole": not problem, "entries": report.n_entries, "head": report.head_hash}
            self.stdout.write(json.dumps(body | {"seq": report.head_seq, "problem": problem}))
        elif not problem:
            self.stdout.write(f"The chain is whole: {report.n_entries} entries, head {report.head_hash}.")
        if problem:
            raise CommandError(f"The audit chain is broken: {problem}.", returncode=1)


def _head_problem(head: str) -> str:
    try:
        noted = bytes.fromhex(head)
    except ValueError:
        return f"{head!r} is not a hash (64 hexadecimal digits)"
    return "" if AuditEntry.objects.filter(hash=noted).exists() else "the noted head is not in the chain"
