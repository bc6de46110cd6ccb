"""Schemathesis against the live console: `make fuzz-api`. Not collected by a plain run, because it takes minutes.

It sends what the OpenAPI document allows and what it forbids to every endpoint, with ids of things that exist, and
checks that no answer is a fault of ours and that each is one that the document promises. FUZZ_EXAMPLES sets how many
examples each operation gets (50), FUZZ_SEED which ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.api.client import Api
from tests.cast import Cast, cast_make, people_make

ROOT = Path(__file__).resolve().parents[2]
# Not a dependency of the console's own environment: its pytest plugin would join every test run.
UVX = Path(sys.executable).with_name("uvx")
SCHEMATHESIS = os.environ.get("SCHEMATHESIS", f"{UVX} --quiet --from schemathesis==4.32.5 schemathesis")
# A body that keeps the schema may still break a rule of casework: a state, a cluster that isn't there, a used key.
LEFT_OUT = "positive_data_acceptance"


def test_the_api_keeps_its_promises(live_db: Any, web_server: str, settings: Any, tmp_path: Path) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    cast = cast_make(people_make())
    lead = Api(cast.people.lead)
    things = _things(lead, cast)
    made = subprocess.run(
        [
            *SCHEMATHESIS.split(),
            "--config-file",
            str(_config(tmp_path, things, lead.secret)),
            "run",
            str(ROOT / "docs/api/openapi.json"),
            "--url",
            web_server,
            "--mode",
            "all",
            "--exclude-checks",
            LEFT_OUT,
            "--max-examples",
            os.environ.get("FUZZ_EXAMPLES", "50"),
            "--seed",
            os.environ.get("FUZZ_SEED", "1"),
            "--continue-on-failure",
            "--no-color",
            "--workers",
            "2",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    print(made.stdout[-20_000:], made.stderr[-2_000:])
    assert made.returncode == 0, "Schemathesis found something: see above."


def _things(lead: Api, cast: Cast) -> dict[str, str]:
    """Ids of things that exist, for the addresses' parameters."""
    from investigations.models.choices import Hypothesis

    case = lead.post("cases", {"title": "fuzz", "clusters": [cast.cards.public_id]}).json()["id"]
    verdict = lead.post(
        f"cases/{case}/verdicts",
        {
            "cluster": cast.cards.public_id,
            "same_operator": "inconclusive",
            "abusive": "undetermined",
            "likelihood": "roughly_even",
            "confidence": "low",
            "policy": "none",
            "rationale": "A verdict to read.",
            "hypotheses": {h.value: {"answer": "untested"} for h in Hypothesis},
        },
    ).json()["id"]
    return {
        "account_id": cast.cards_accounts[0].public_id,
        "cluster_id": cast.cards.public_id,
        "run_id": cast.run.public_id,
        "case_id": case,
        "verdict_id": verdict,
    }


def _config(folder: Path, things: dict[str, str], secret: str) -> Path:
    """Schemathesis' settings: the token, and one existing id for each kind of address."""
    lines = ["[parameters]", *(f'"path.{name}" = "{value}"' for name, value in things.items())]
    lines += ["", "[headers]", f'Authorization = "Bearer {secret}"']
    lines += [
        "",
        "[checks.negative_data_rejection]",
        'expected-statuses = ["400", "401", "403", "404", "405", "406", "409",',
    ]
    lines += ['  "412", "413", "415", "422", "428", "429"]', "", "[checks.missing_required_header]"]
    lines += ['expected-statuses = ["400", "401", "403", "404", "409", "412", "415", "422", "428"]']
    path = folder / "schemathesis.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
