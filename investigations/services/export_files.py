"""Where exports lie: HYDRASCOPE_HOME/exports/<dataset>/<export>.<format>, readable by the console's user alone."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from investigations.models import Export


@dataclass(frozen=True)
class Stored:
    """A finished file: its name under the folder of exports, its size and sha256."""

    stored_as: str
    n_bytes: int
    digest: str


def export_folder() -> Path:
    """The folder of all exports."""
    return Path(settings.HYDRASCOPE_HOME) / "exports"


def export_path(export: Export) -> Path:
    """Where the finished file of an export lies."""
    return export_folder() / export.stored_as


@contextmanager
def making(export: Export) -> Iterator[Path]:
    """A path to write to, in a folder of this attempt alone (0700, the file 0600); the folder goes away afterwards."""
    folder = export_folder() / str(export.dataset_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = folder / f".{export.public_id}.{export.attempts}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    path = work / f"{export.public_id}.{export.format}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield path
    finally:
        shutil.rmtree(work, ignore_errors=True)


def export_store(export: Export, path: Path) -> Stored:
    """Puts a written file where downloads look for it, whole or not at all, and takes its digest."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
        os.fsync(file.fileno())
    stored_as = f"{export.dataset_id}/{path.name}"
    path.replace(export_folder() / stored_as)
    return Stored(stored_as, (export_folder() / stored_as).stat().st_size, digest.hexdigest())


def exports_of_dataset_remove(dataset_id: int) -> None:
    """Removes the files of a deleted dataset."""
    shutil.rmtree(export_folder() / str(dataset_id), ignore_errors=True)
