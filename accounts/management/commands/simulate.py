"""`manage.py simulate OUT`: a labelled world in the extract format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.simulation import (
    FORMATS,
    LEVELS,
    PRESETS,
    USUAL_PREVALENCE,
    SimulationError,
    Summary,
    WorldSettings,
    simulate,
)

_OPTIONS = ("accounts", "prevalence", "evasion", "seed", "days", "exchanges_per_account")


class Command(BaseCommand):
    """Writes accounts, sessions, exchanges, identifiers and truth into a folder."""

    help = "Writes a labelled world (networks on an evasion ladder among honest crowds) into the folder OUT."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        usual = WorldSettings()
        parser.add_argument("out", type=Path, metavar="OUT", help="a new or empty folder")
        parser.add_argument("--accounts", type=int, metavar="N", help=f"accounts, {usual.accounts} unless told")
        parser.add_argument(
            "--prevalence",
            type=float,
            metavar="P",
            help=f"share in abusive hands, usually 0 to 0.025; {usual.prevalence} unless told",
        )
        parser.add_argument("--evasion", choices=LEVELS, help="one level for all operators; a mix unless told")
        parser.add_argument("--seed", type=int, help=f"same seed, same bytes; {usual.seed} unless told")
        parser.add_argument("--days", type=int, help=f"length of the window, {usual.days} unless told")
        parser.add_argument(
            "--exchanges-per-account",
            type=float,
            metavar="X",
            help=f"mean, {usual.exchanges_per_account:g} unless told",
        )
        parser.add_argument("--preset", choices=sorted(PRESETS), help="a ready-made world; other options still count")
        parser.add_argument("--format", choices=FORMATS, default="parquet", help="parquet unless told")
        parser.add_argument("--force", action="store_true", help="replace the extract in a folder that is not empty")

    def handle(self, *args: Any, **options: Any) -> None:
        """Makes the world and says what is in it."""
        asked = {name: options[name] for name in _OPTIONS if options[name] is not None}
        try:
            settings = replace(PRESETS.get(options["preset"] or "", WorldSettings()), **asked)
            if settings.prevalence > USUAL_PREVALENCE:
                share, usual = f"{settings.prevalence:.1%}", f"{USUAL_PREVALENCE:.1%}"
                self.stderr.write(
                    f"Note: {share} in abusive hands, usual is up to {usual}: good to look at, not to measure."
                )
            summary = simulate(
                options["out"],
                settings,
                form=options["format"],
                force=options["force"],
                progress=self._progress,
            )
        except SimulationError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_sentence(summary, options["out"]))

    def _progress(self, done: int, total: int) -> None:
        if done < total:
            self.stderr.write(f"{done:,} of {total:,} accounts")


def _sentence(summary: Summary, out: Path) -> str:
    operators = ", ".join(f"{n} {kind}" for kind, n in summary.operators.items()) or "none"
    return (
        f"{out}: {summary.accounts:,} accounts ({summary.abusive_accounts:,} in abusive hands), "
        f"{summary.sessions:,} sessions, {summary.exchanges:,} exchanges "
        f"in {summary.seconds:.1f} s; operators: {operators}."
    )
