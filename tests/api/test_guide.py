"""The examples of the guide do what the guide says: its commands run against a server, in their order."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.api.reference import document
from tests.api.client import token_make
from tests.cast import cast_make, people_make

GUIDE = Path(__file__).resolve().parents[2] / "docs/guide/api.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
CURLS = [block for block in BLOCKS if "curl" in block]


def test_the_examples_work_one_after_the_other(live_db: Any, web_server: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    cast = cast_make(people_make())
    environment = os.environ | {
        "TOKEN": token_make(cast.people.lead),
        "API": f"{web_server}/api/v1",
        "CLUSTER": cast.cards.public_id,
        "ACCOUNT_A": cast.cards_accounts[0].public_id,
        "ACCOUNT_B": cast.cards_accounts[1].public_id,
        "PLATFORM_ID": cast.cards_accounts[0].platform_id,
    }
    for block in CURLS:
        script = block.replace("curl -s", "curl -sS --fail-with-body --noproxy '*' --max-time 30")
        made = subprocess.run(
            ["sh", "-euc", script], env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert made.returncode == 0, (block, made.stdout, made.stderr)
        body = json.loads(made.stdout) if made.stdout.strip().startswith("{") else {}
        if str(body.get("id", "")).startswith("cas_"):
            environment["CASE"] = body["id"]
        if str(body.get("id", "")).startswith("run_"):
            environment["RUN"] = body["id"]


def test_examples_of_the_document_are_valid() -> None:
    examples = [
        (path, content["examples"])
        for path, item in document()["paths"].items()
        for operation in item.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if "examples" in content
    ]
    assert len(examples) >= 8
