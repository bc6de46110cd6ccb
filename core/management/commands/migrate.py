from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.commands.migrate import Command as MigrateCommand

from core.grants import OWNER


class Command(MigrateCommand):
    """Migrates as the owner role unless another database alias is named."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER)
