"""What the engine says of a cluster is what its page, the API and the run's files say."""

from __future__ import annotations

from dataclasses import asdict
from html import unescape

import pyarrow.parquet as pq
from django.test import Client

from investigations.api.clusters import ClusterDetailSerializer
from investigations.models import ClusterVersion, Run
from investigations.models.choices import RunState
from investigations.selectors.cluster import cluster_detail
from investigations.services import run_files
from investigations.services.run_execution import run_execute
from investigations.services.runs import run_request
from tests.databases import LiveDatabase
from tests.factories import person_make
from tests.investigations.worlds import world_make


def linked() -> Run:
    run = run_execute(run_request(world_make("main"), reason="test").pk)
    assert run is not None
    assert run.state == RunState.DONE, run.error
    return run


def test_page_api_and_file_say_the_same_of_benign_explanations(live_db: LiveDatabase, client: Client) -> None:
    run = linked()
    client.force_login(person_make(roles=["investigator"]))
    kept = pq.read_table(run_files.folder_of(run) / "hypotheses.parquet").to_pylist()
    assert {row["answer"] for row in kept} == {"against", "untested"}
    for version in ClusterVersion.objects.filter(run=run).select_related("cluster"):
        detail = cluster_detail(version.cluster)
        said = [(e.name, e.answer, e.text, [asdict(f) for f in e.figures]) for e in detail.explanations]
        rows = [(row["hypothesis"], row["answer"], row["text"], row["figures"]) for row in version.hypothesis_rows]
        assert said == rows
        assert all(any(row["text"] == text for row in kept) for _, _, text, _ in said)
        page = unescape(client.get(f"/clusters/{version.cluster.public_id}/").content.decode())
        assert all(text in page for _, _, text, _ in said)
        told = ClusterDetailSerializer(detail).data["hypotheses"]
        assert [(row["name"], row["answer"], row["text"], row["figures"]) for row in told] == said
