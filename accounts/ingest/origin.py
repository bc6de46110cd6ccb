"""Where the bytes of an input file come from: a path, or a sealed upload."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from accounts.ingest.problems import FileProblem


@dataclass(frozen=True)
class Origin:
    """An input file by name, with a way to open its bytes as often as needed."""

    name: str
    n_bytes: int
    open: Callable[[], BinaryIO]


class Counted(io.RawIOBase):
    """A readable stream that counts the bytes taken from the one below."""

    def __init__(self, below: BinaryIO) -> None:
        self._below = below
        self.n_read = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._below.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._below.seek(offset, whence)

    def tell(self) -> int:
        return self._below.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._below.read(len(buffer))
        buffer[: len(data)] = data
        self.n_read += len(data)
        return len(data)

    def close(self) -> None:
        self._below.close()
        super().close()


def origin_of_path(path: Path) -> Origin:
    """The origin of a file on disk; FileProblem when it cannot be read."""
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise FileProblem(
            f"{path} cannot be opened: {error.strerror or error}.",
            code="unreadable",
            hint="Check the path, and that this user may read it.",
        ) from error
    return Origin(name=path.name, n_bytes=size, open=lambda: path.open("rb"))


def origin_digest(origin: Origin) -> str:
    """The sha256 of the bytes as they came."""
    total = hashlib.sha256()
    try:
        with origin.open() as stream:
            while block := stream.read(1 << 20):
                total.update(block)
    except OSError as error:
        raise FileProblem(f"{origin.name} cannot be read: {error}.", code="unreadable") from error
    return total.hexdigest()
