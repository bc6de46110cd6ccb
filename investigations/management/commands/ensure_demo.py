from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from accounts.services.ingest import LoadProgress, ingest_files
from accounts.simulation import DEMO, SimulationError, simulate
from core.datasets import dataset_ensure
from core.errors import AppError, Unavailable
from core.models import Dataset
from core.models.dataset import DatasetKind
from investigations.management.output import stop
from investigations.selectors.demo import DEMO_NAME, demo_is_ready


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Makes the demo dataset: a small labelled world, loaded and linked. Does nothing when it is there."

    def handle(self, *_: Any, **__: Any) -> None:
        if demo_is_ready():
            self.stdout.write("The demo dataset is there.")
            return
        try:
            self._load(dataset_ensure(DEMO_NAME, kind=DatasetKind.DEMO))
        except AppError as error:
            stop(self, error, as_json=False)
        except (SimulationError, OSError) as error:
            stop(self, Unavailable(f"The demo dataset could not be made: {error}."), as_json=False)
        self._say("linking it")
        call_command("link", dataset=DEMO_NAME, stdout=self.stdout, stderr=self.stderr)
        self.stdout.write("Demo dataset: ready. Reload the page to see its networks.")

    def _load(self, dataset: Dataset) -> None:
        """The demo world's extract, loaded. Equal seeds give equal bytes: what landed before is passed over."""
        home = Path(settings.HYDRASCOPE_HOME)
        with tempfile.TemporaryDirectory(prefix="demo-", dir=home) as folder:
            extract = Path(folder) / "extract"
            self._say(f"making a world of {DEMO.accounts:,} accounts")
            simulate(extract, DEMO)
            report = ingest_files([extract], dataset=dataset.name, progress=self._loading())
        if report.exit_code:
            raise Unavailable(
                "The demo world did not load.",
                what_to_do=f"See batch {report.batch.public_id}, or delete the dataset and try again.",
            )

    def _loading(self) -> Any:
        seen: set[str] = set()

        def progress(at: LoadProgress) -> None:
            if at.file not in seen:
                seen.add(at.file)
                self._say(f"loading {at.file}")

        return progress

    def _say(self, what: str) -> None:
        self.stdout.write(f"Demo dataset: {what} …")
        self.stdout.flush()
