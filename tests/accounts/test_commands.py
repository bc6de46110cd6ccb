"""The commands as a person or a script meets them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, Identifier, Sighting
from core.models import Dataset
from tests.accounts.conftest import ACCOUNTS, SESSIONS, Load, Write
from tests.databases import LiveDatabase


def _ingest(*arguments: Any, **options: Any) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("ingest", *map(str, arguments), stdout=out, stderr=err, **options)
    return int(stopped.value.code or 0), out.getvalue(), err.getvalue()


@pytest.mark.django_db
def test_ingest_prints_one_json_object(write: Write) -> None:
    write("accounts.csv", ACCOUNTS + "a3,never,\n")
    code, out, _ = _ingest(write("sessions.csv", SESSIONS).parent, json=True)
    found = json.loads(out)
    assert code == 0
    assert found["accepted"] == {"accounts": 2, "sessions": 3}
    assert found["refused"] == {"accounts": 1}
    assert found["duplicates"] == {}
    assert found["seconds"] >= 0
    assert found["batch"].startswith("bat_")
    assert [file["state"] for file in found["files"]] == ["landed", "landed"]


@pytest.mark.django_db
def test_ingest_tells_people_what_was_refused_and_why(write: Write) -> None:
    code, out, err = _ingest(write("accounts.csv", ACCOUNTS + "a3,never,\n"))
    assert code == 0
    assert "accounts" in out
    assert "accounts.csv, line 4, created_at: “never” is not a time" in err


@pytest.mark.django_db
def test_ingest_exit_codes(write: Write, tmp_path: Path) -> None:
    good, bad = write("accounts.csv", ACCOUNTS), write("sessions.parquet", b"PAR1 broken")
    assert _ingest(good, bad)[0] == 3
    assert _ingest(bad)[0] == 2
    assert _ingest(tmp_path / "nothing.csv")[0] == 2
    assert _ingest(write("accounts.csv", ACCOUNTS + "a3,never,\n"), strict=True)[0] == 1


@pytest.mark.django_db
def test_ingest_says_what_is_wrong_with_names_and_mappings(write: Write) -> None:
    path = write("accounts.csv", ACCOUNTS)
    code, _, err = _ingest(path, dataset="no/good")
    assert code == 2
    assert "can't be a dataset's name" in err
    code, out, _ = _ingest(path, mapping=write("map.toml", "[["), json=True)
    assert code == 2
    assert json.loads(out)["error"]["code"] == "bad_mapping"
    code, _, err = _ingest(path, mapping=path.with_name("absent.toml"))
    assert "cannot be read" in err


def test_dataset_lists_what_there_is(load: Load, write: Write) -> None:
    out = StringIO()
    call_command("dataset", "list", stdout=out)
    assert "No datasets yet" in out.getvalue()
    load(write("accounts.csv", ACCOUNTS), write("sessions.csv", SESSIONS))
    out = StringIO()
    call_command("dataset", "list", "--json", stdout=out)
    [row] = json.loads(out.getvalue())["items"]
    assert (row["name"], row["accounts"], row["sessions"]) == ("main", 2, 3)


def test_dataset_delete_asks_and_knows_its_datasets(load: Load, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    load(write("accounts.csv", ACCOUNTS))
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("dataset", "delete", "main")
    with pytest.raises(CommandError, match="There is no dataset “other”"):
        call_command("dataset", "delete", "other", "--yes")
    assert Account.objects.count() == 2


def test_rederive_makes_old_digests_anew_and_merges_what_became_equal(load: Load, write: Write) -> None:
    from core import keys

    load(write("accounts.csv", ACCOUNTS))
    kept = Identifier.objects.get(sightings__account__platform_id="a1")
    old = Identifier.objects.get(sightings__account__platform_id="a2")
    sealed = keys.value_seal("One+x@Example.org", kind="email")
    Identifier.objects.filter(pk=old.pk).update(
        normaliser_version=0, sealed=sealed.sealed, data_key=sealed.data_key, digest=bytes(16)
    )
    out = StringIO()
    call_command("rederive", stdout=out)
    assert "0 made anew, 1 merged" in out.getvalue()
    assert Identifier.objects.get() == kept
    assert Sighting.objects.filter(identifier=kept).count() == 2
    Identifier.objects.update(normaliser_version=0)
    call_command("rederive", stdout=StringIO())
    assert Identifier.objects.get().digest == kept.digest
    out = StringIO()
    call_command("rederive", stdout=out)
    assert "0 made anew, 0 merged, 0 left" in out.getvalue()


def test_a_command_that_deletes_a_dataset_deletes_its_files_too(
    live_db: LiveDatabase, write: Write, run_manage: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    exchanges = write("exchanges.csv", "account_id,occurred_at\na1,1767225600\n")
    loaded = run_manage("ingest", str(write("accounts.csv", ACCOUNTS)), str(exchanges), "--dataset", "main")
    assert loaded.returncode == 0, loaded.stderr
    home, number = Path(live_db.environment["HYDRASCOPE_HOME"]), Dataset.objects.get(name="main").pk
    kept = [home / "events" / f"dataset-{number}", home / "uploads" / f"dataset-{number}"]
    kept += [home / "runs" / str(number), home / "exports" / str(number)]
    assert kept[0].is_dir()
    for folder in kept[1:]:
        folder.mkdir(parents=True)
    done = run_manage("dataset", "delete", "main", "--yes")
    assert done.returncode == 0, done.stderr
    assert [path for path in kept if path.exists()] == []
