from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.services.rederive import identifiers_rederive
from core.datasets import dataset_get
from core.models import Dataset


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Make the digests of identifiers anew after a key or a normaliser changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", default="", help="one dataset (default: all)")

    def handle(self, *_: Any, dataset: str, **__: Any) -> None:
        for one in [dataset_get(dataset)] if dataset else list(Dataset.objects.order_by("name")):
            done = identifiers_rederive(one)
            self.stdout.write(
                f"{one.name}: {done.n_changed:,} made anew, {done.n_merged:,} merged, {done.n_lost:,} left as they are"
                " (their sealed value is gone or no longer fits)."
            )
