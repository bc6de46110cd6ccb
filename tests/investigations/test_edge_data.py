"""Data at its edges from the file to the page: nobody, one account, and one identifier that all accounts share."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import Account, Identifier
from investigations.models import Run
from investigations.models.choices import RunState
from tests.cast import people_make
from tests.databases import LiveDatabase

HEADERS = {"accounts": "account_id,created_at", "identifiers": "account_id,kind,value,first_seen,last_seen"}
N = 300


@pytest.fixture
def viewer(live_db: LiveDatabase, client: Client) -> Client:
    client.force_login(people_make().viewer)
    return client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for an extract."""
    path = tmp_path / "extract"
    path.mkdir()
    return path


def loaded_and_linked(folder: Path, n: int, shared: dict[str, str]) -> Run:
    """A run over `n` accounts, each with a device of its own and all with the shared values."""
    rows = {"accounts": [f"a{i},2026-01-{1 + i % 28:02}T00:00:00Z" for i in range(n)]}
    seen = "2026-02-01T00:00:00Z,2026-02-09T00:00:00Z"
    rows["identifiers"] = [f"a{i},device_id,device-{i},{seen}" for i in range(n)]
    rows["identifiers"] += [f"a{i},{kind},{value},{seen}" for kind, value in shared.items() for i in range(n)]
    for table, lines in rows.items():
        (folder / f"{table}.csv").write_text("\n".join([HEADERS[table], *lines]) + "\n", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        call_command("ingest", folder, dataset="main")
    assert ended.value.code == 0
    call_command("link", dataset="main")
    return Run.objects.get()


def counts_of(run: Run) -> tuple[int, int, int]:
    """How many accounts, links and clusters a run that is done has."""
    assert run.state == RunState.DONE
    return run.statistics["accounts"], run.statistics["links"], run.statistics["clusters"]


def text_of(client: Client, address: str) -> str:
    """The words of a page that opens."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    page = re.sub(r"<(script|style|svg).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    main = page[page.index("<main") : page.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_accounts_to_link_are_no_error_anywhere(n: int, viewer: Client, folder: Path) -> None:
    run = loaded_and_linked(folder, n, {"payment_fingerprint": "card-1"})
    assert counts_of(run) == (n, 0, 0)
    for page in ("/", "/clusters/"):
        assert "Run 1 found no clusters" in text_of(viewer, page)
    assert f"Run 1 found 0 clusters among {n} accounts" in text_of(viewer, f"/runs/{run.public_id}/")
    for account in Account.objects.all():
        assert "This account is in no cluster" in text_of(viewer, f"/accounts/{account.public_id}/")
        assert "It has no link" in text_of(viewer, f"/accounts/{account.public_id}/links/")
    for identifier in Identifier.objects.all():
        found = text_of(viewer, f"/identifiers/{identifier.public_id}/")
        assert "1 account used this value" in found


@pytest.mark.parametrize(("kind", "value"), [("ip", "45.12.3.4"), ("payment_fingerprint", "card-1")])
def test_one_identifier_that_all_share_links_nobody_and_the_pages_say_why(
    kind: str, value: str, viewer: Client, folder: Path
) -> None:
    run = loaded_and_linked(folder, N, {kind: value})
    assert counts_of(run) == (N, 0, 0)
    assert "Run 1 found no clusters" in text_of(viewer, "/")
    one, other = Account.objects.order_by("pk")[:2]
    assert "This account is in no cluster" in text_of(viewer, f"/accounts/{one.public_id}/")
    shared = Identifier.objects.get(kind=kind)
    assert f"{N} accounts used this value: a hub" in text_of(viewer, f"/identifiers/{shared.public_id}/")
    compared = text_of(viewer, f"/compare/?a={one.public_id}&b={other.public_id}")
    assert "Run 1 did not link these two" in compared
    assert "it weighs nothing, because the holders are independent of each other" in compared
