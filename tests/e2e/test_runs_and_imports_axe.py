"""Axe finds nothing on the pages of runs, instructions and imports, whatever state they are in."""

from __future__ import annotations

import pytest

from accounts.models import Batch, BatchFile, Reject
from investigations.models import Run
from investigations.services.instructions import instruction_on_pair
from tests.cast import Cast
from tests.e2e.conftest import Console
from tests.factories import run_make

ERROR = {
    "title": "The run failed",
    "code": "disk_full",
    "detail": "Full.",
    "kept": "Run 1.",
    "what_to_do": "Free space.",
}


NAMES = [
    "runs", "run", "failed run", "instructions", "instruction on two", "instruction on a value", "instructed", "imports",
    "import",
]  # fmt: skip


def run_failed(cast: Cast) -> Run:
    return run_make(cast.dataset, state="failed", error=ERROR)


def batch_with_everything(cast: Cast) -> Batch:
    batch = Batch.objects.create(dataset=cast.dataset, state="partly")
    landed = BatchFile.objects.create(
        batch=batch, name="accounts.csv", state="landed", accepted={"accounts": 3}, refused={"accounts": 1}
    )
    problem = {"code": "unknown_format", "detail": "Not readable.", "what_to_do": "Send it again."}
    BatchFile.objects.create(batch=batch, name="sessions.csv", state="failed", error=problem)
    Reject.objects.create(
        batch_file=landed, table="accounts", line=2, column="created_at", code="wrong_time", reason="not a time"
    )
    return batch


@pytest.fixture(scope="module")
def read_paths(read_only: tuple[str, Cast]) -> dict[str, str]:
    """The pages, on the console that the tests here share."""
    _, cast = read_only
    failed, batch = run_failed(cast), batch_with_everything(cast)
    a, b = cast.cards_accounts[:2]
    instruction_on_pair(a, b, kind="cannot", rationale="Two people: both came by.", by=cast.people.lead)
    shared = cast.dataset.identifiers.order_by("pk")[0].public_id
    return {
        "runs": "/runs/",
        "run": f"/runs/{cast.run.public_id}/",
        "failed run": f"/runs/{failed.public_id}/",
        "instructions": "/instructions/",
        "instruction on two": f"/instructions/give/?a={cast.pair_accounts[0].public_id}&b={a.public_id}",
        "instruction on a value": f"/instructions/give/?identifier={shared}",
        "instructed": f"/compare/?a={a.public_id}&b={b.public_id}",
        "imports": "/imports/",
        "import": f"/imports/{batch.public_id}/",
    }


@pytest.mark.parametrize("which", NAMES)
def test_axe_finds_nothing(reader: Console, read_paths: dict[str, str], which: str) -> None:
    reader.assert_accessible(read_paths[which])
