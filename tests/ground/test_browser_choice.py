"""`make test` without a browser: left out visibly when asked for, else all the rest runs and the way out is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import INSTALL_LINE
from tests.settings import ROOT

pytestmark = pytest.mark.slow
CHOSEN = ["tests/ground/test_harness.py", "-k", "real_browser or cannot_change_tables", "-n0"]


def make_test(**changed: str) -> subprocess.CompletedProcess[str]:
    """What `make test T=…` runs, on one test that needs a browser and one that does not."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "BROWSER"))}
    return subprocess.run(
        [sys.executable, "scripts/test.py", *CHOSEN],
        check=False,
        cwd=ROOT,
        env=kept | changed,
        capture_output=True,
        text=True,
    )


def test_without_browser_tests_the_rest_runs_and_what_was_left_out_is_listed(servers: None) -> None:
    done = make_test(BROWSER="none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"1 passed, 1 skipped", done.stdout)
    assert re.search(r"SKIPPED \[1\] .*: BROWSER=none", done.stdout)
    assert INSTALL_LINE not in done.stdout + done.stderr


def test_where_there_is_none_the_rest_runs_and_it_fails_with_the_line_that_installs_one(
    servers: None, tmp_path: Path
) -> None:
    done = make_test(PATH=str(tmp_path))  # no browser, and no package manager that brings one
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"1 passed, .*1 error", done.stdout)
    assert INSTALL_LINE in done.stdout and INSTALL_LINE in done.stderr
    assert "BROWSER=none" in done.stdout
