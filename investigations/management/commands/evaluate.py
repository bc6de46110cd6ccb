from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.core.management.base import BaseCommand

from core.errors import AppError, InvalidInput
from investigations import linkage
from investigations.linkage.calibration import reliability
from investigations.linkage.evaluate import UNLABELLED
from investigations.linkage.types import MEMBERS
from investigations.management.output import print_json, run_named, stop
from investigations.models import Member, Run
from investigations.services import run_files
from investigations.services.truth_file import Labels, labels_read


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Measures a run's clusters against labels: account_id, operator_id, kind (and abusive, since, until)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--truth", type=Path, nargs="+", required=True, metavar="FILE", help="CSV or Parquet")
        parser.add_argument("--dataset", default="main", help="whose run (default: main)")
        parser.add_argument("--run", metavar="ID", help="a run's id or number (default: the newest)")
        parser.add_argument("--ignore-kind", nargs="+", action="extend", default=[], metavar="K", help="kinds left out")
        parser.add_argument("--min-size", type=int, default=2, metavar="N", help="smallest cluster that counts (2)")
        parser.add_argument(
            "--unlabelled", choices=UNLABELLED, default="wrong", help="pairs of two unlabelled accounts"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            dataset, run = run_named(options["dataset"], options["run"])
            labels = labels_read(options["truth"], dataset)
            measured = evaluated(
                run,
                labels,
                ignore_kinds=options["ignore_kind"],
                min_size=options["min_size"],
                unlabelled=options["unlabelled"],
            )
        except AppError as error:
            stop(self, error, as_json=options["json"])
        except ValueError as error:
            stop(self, InvalidInput(str(error), code="bad_option"), as_json=options["json"])
        if options["json"]:
            print_json(self, measured)
        else:
            self._print(measured, run)

    def _print(self, measured: dict[str, Any], run: Run) -> None:
        out = self.stdout.write
        out(
            f"Run {run.number}: {measured['clusters']:,} clusters of at least {measured['min_size']}, "
            f"{measured['operators']:,} operators among {measured['accounts']:,} accounts."
        )
        out(f"{'':<26}{'precision':>10}{'recall':>10}{'F1':>10}")
        for name, label in _MEASURES:
            row = measured[name]
            out(f"{label:<26}{row['precision']:>10.3f}{row['recall']:>10.3f}{row['f1']:>10.3f}")
        out(f"{'operators, mean recall':<26}{'':>10}{measured['macro_recall']:>10.3f}")
        out(f"\n{'kind':<18}{'operators':>10}{'accounts':>10}{'recall':>10}{'mean':>10}")
        for kind, row in measured["recall_by_kind"].items():
            figures = f"{row['operators']:>10,}{row['accounts']:>10,}{row['recall']:>10.3f}{row['macro_recall']:>10.3f}"
            out(f"{kind:<18}{figures}")
        out(f"\n{'honest crowd':<18}{'accounts':>10}{'swept in':>10}{'actionable':>12}")
        for crowd, row in measured["swept_in"].items():
            out(f"{crowd:<18}{row['accounts']:>10,}{row['all']:>10,}{row['actionable']:>12,}")
        if measured["reliability"]:
            self._print_reliability(measured["reliability"])
        if measured["unknown_accounts"]:
            listed = ", ".join(measured["unknown_examples"])
            self.stderr.write(
                f"{measured['unknown_accounts']:,} labelled accounts are not in the dataset, among them {listed}."
            )

    def _print_reliability(self, found: dict[str, Any]) -> None:
        out = self.stdout.write
        out(
            f"\nReliability of {found['pairs']:,} pairs near the line or over it: slope {found['slope']:.2f} (1 when odds "
            f"hold), offset {found['offset_bits']:.1f} bits. Calibrated on simulated worlds, not here."
        )
        out(f"{'calibrated bits':<18}{'pairs':>10}{'expected':>10}{'right':>10}")
        for row in found["diagram"]:
            span = f"{row['from_bits']} to {row['to_bits']}"
            out(f"{span:<18}{row['pairs']:>10,}{row['expected']:>10.3f}{row['right']:>10.3f}")


_MEASURES = (
    ("pairwise", "pairs"),
    ("bcubed", "B-cubed"),
    ("account_level", "accounts"),
    ("account_level_actionable", "accounts, actionable"),
)


def evaluated(run: Run, labels: Labels, *, ignore_kinds: list[str], min_size: int, unlabelled: str) -> dict[str, Any]:
    """Every measure of linkage.evaluate, with the run and what the labels held beside."""
    measured = linkage.evaluate(
        members_table(run), labels.table, ignore_kinds=ignore_kinds, min_size=min_size, unlabelled=unlabelled
    )
    return {
        "run": str(run.public_id),
        "number": run.number,
        **measured,
        "reliability": reliability_of(run, labels, ignore_kinds=ignore_kinds, unlabelled=unlabelled),
        "labels": labels.n_rows,
        "repeated_labels": labels.n_repeated,
        "unknown_accounts": labels.n_unknown,
        "unknown_examples": list(labels.unknown),
    }


def reliability_of(run: Run, labels: Labels, *, ignore_kinds: list[str], unlabelled: str) -> dict[str, Any] | None:
    """The reliability diagram of the run's pairs; None when what the run weighed is no longer kept."""
    path = run_files.folder_of(run) / "near.parquet"
    if not path.is_file() or "calibration" not in run.model:
        return None
    near = pq.read_table(path)
    return reliability(near, labels.table, run.model, ignore_kinds=ignore_kinds, unlabelled=unlabelled)


def members_table(run: Run) -> pa.Table:
    """The run's members as the engine's table."""
    columns = ("version_id", "account_id", "position", "is_actionable", "bits", "degree", "families", "since")
    rows = Member.objects.filter(version__run=run).order_by("version_id", "account_id").values_list(*columns)
    listed = list(zip(*rows.iterator(chunk_size=20_000), strict=True)) or [()] * len(columns)
    since = [round(at.timestamp() * 1_000_000) if at else None for at in listed[-1]]
    return pa.table(dict(zip(MEMBERS.names, [*listed[:-1], since], strict=True)), schema=MEMBERS)
