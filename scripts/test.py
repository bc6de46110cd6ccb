"""Run the checks, while a browser is brought where there is none, and the tests; the tests even when a check fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Return 0 when checks and tests pass; with arguments, run only those tests."""
    chosen = sys.argv[1:]
    browser = subprocess.Popen([sys.executable, "-m", "tests.browser"], cwd=ROOT)
    checks = 0 if chosen else subprocess.run([sys.executable, "scripts/lint.py"], check=False, cwd=ROOT).returncode
    browser.wait()
    tests = subprocess.run([sys.executable, "-m", "pytest", *chosen], check=False, cwd=ROOT).returncode
    return checks or tests


if __name__ == "__main__":
    raise SystemExit(main())
