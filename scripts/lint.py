"""Run every check of the code; all of them, even when one fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CHECKS = {
    "style": [str(BIN / "ruff"), "check", "--quiet", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "direction of imports": [str(BIN / "lint-imports")],
    "types": [str(BIN / "mypy")],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
}


def main() -> int:
    """Return 0 when every check passes."""
    failed = []
    for name, command in CHECKS.items():
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            failed.append(name)
            print(f"== {name} ==\n{done.stdout}{done.stderr}")
    print(f"checks failed: {', '.join(failed)}" if failed else f"checks passed: {', '.join(CHECKS)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
