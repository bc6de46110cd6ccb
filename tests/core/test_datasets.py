from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, connections
from django.db.utils import DatabaseError

from core import audit, datasets
from core.errors import InvalidInput, NotFound
from core.models import AuditEntry, Dataset
from core.models.dataset import DatasetKind
from investigations.models import Case, CaseNote
from tests.cast import cast_make, people_make
from tests.factories import dataset_make


def test_it_makes_a_dataset_once(db: None) -> None:
    made = datasets.dataset_ensure("main")
    assert datasets.dataset_ensure("main") == made
    assert (made.exchange_retention_days, made.upload_retention_hours) == (90, 24)


def test_retention_is_off_for_demo_and_evaluation(db: None) -> None:
    for kind in (DatasetKind.DEMO, DatasetKind.EVALUATION):
        made = datasets.dataset_ensure(f"d-{kind}", kind=kind)
        assert made.exchange_retention_days is None and made.upload_retention_hours is None


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 41, "ünï", "a/b", "a\x00"])
def test_it_refuses_names_that_could_be_paths(db: None, name: str) -> None:
    with pytest.raises(InvalidInput, match="can't be a dataset's name"):
        datasets.dataset_ensure(name)


def test_it_says_which_datasets_there_are(db: None) -> None:
    dataset_make("main")
    with pytest.raises(NotFound) as caught:
        datasets.dataset_get("mian")
    assert "main" in str(caught.value)


def test_deleting_one_leaves_the_others_and_the_audit_trail(live_db: object, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[int] = []
    monkeypatch.setattr(datasets, "file_removers", lambda: [removed.append])
    people = people_make()
    gone = cast_make(people, dataset_make("gone"))
    kept = cast_make(people, dataset_make("kept"))
    for one in (gone, kept):
        case = Case.objects.create(dataset=one.dataset, number=1, title="A case", opened_by=people.lead)
        CaseNote.objects.create(case=case, author=people.lead, text="seen")
    before = {m: m.objects.count() for m in apps.get_models() if m._meta.app_label in ("accounts", "investigations")}
    number = gone.dataset.pk
    told: list[tuple[str, int]] = []
    counts = datasets.dataset_delete(
        gone.dataset, by=people.administrator, progress=lambda table, n: told.append((table, n))
    )
    after = {m: m.objects.count() for m in before}
    assert not Dataset.objects.filter(name="gone").exists() and removed == [number]
    assert "accounts_account" in dict(told) and told[-1][1] <= sum(counts.values())
    assert [n for _, n in told] == sorted(n for _, n in told)
    assert counts["accounts_account"] == 12 and counts["investigations_casenote"] == 1
    assert after == {m: n // 2 for m, n in before.items()}
    assert kept.run.links.count() == 6
    assert AuditEntry.objects.filter(action="dataset.deleted", target=gone.dataset.public_id).exists()
    assert audit.verify().is_whole


def test_notes_can_not_be_changed_or_deleted_otherwise(live_db: object) -> None:
    people = people_make()
    one = cast_make(people)
    case = Case.objects.create(dataset=one.dataset, number=1, title="A case", opened_by=people.lead)
    CaseNote.objects.create(case=case, author=people.lead, text="seen")
    for statement in ("UPDATE investigations_casenote SET text = 'x'", "DELETE FROM investigations_casenote"):
        with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(statement)
        with pytest.raises(DatabaseError, match="append-only"), connections["owner"].cursor() as cursor:
            cursor.execute(statement)
