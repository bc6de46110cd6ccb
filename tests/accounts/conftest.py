"""Extracts written on the spot, and a function that loads them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from accounts.ingest.mapping import mapping_parse
from accounts.models import Reject
from accounts.services.ingest import IngestReport, ingest_files

ACCOUNTS = (
    "account_id,created_at,email\na1,2026-01-01T00:00:00Z,one@example.org\na2,2026-01-02T00:00:00Z,two@example.org\n"
)
SESSIONS = (
    "session_id,account_id,started_at,ip,user_agent\n"
    "s1,a1,2026-01-03T00:00:00Z,45.12.3.4,client/1\n"
    "s2,a2,2026-01-04T00:00:00Z,45.12.3.4,client/1\n"
    "s3,a1,2026-01-05T00:00:00Z,45.12.3.9,client/1\n"
)

Load = Callable[..., IngestReport]
Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of an extract and returns its path; names that end in .gz are compressed."""
    folder = tmp_path / "extract"
    folder.mkdir()

    def make(name: str, content: str | bytes) -> Path:
        data = content.encode() if isinstance(content, str) else content
        path = folder / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") and isinstance(content, str) else data)
        return path

    return make


@pytest.fixture
def load(db: None) -> Load:
    """Loads paths into the dataset `main`."""

    def run(*paths: Path, mapping: str = "", strict: bool = False, dataset: str = "main") -> IngestReport:
        return ingest_files(paths, dataset=dataset, mapping=mapping_parse(mapping), strict=strict)

    return run


def rejects_of(report: IngestReport) -> list[tuple[int, str, str, str]]:
    """Line, column, code and reason of a report's refused rows, by line."""
    rows = Reject.objects.filter(batch_file__batch=report.batch).order_by("line", "id")
    return [(row.line, row.column, row.code, row.reason) for row in rows]


def errors_of(report: IngestReport) -> list[dict[str, str]]:
    """The errors of files that could not be read."""
    return [file.error for file in report.files if file.error]
