"""Lock the dependencies: uv.lock, and from it the hashed requirements that the bootstrap installs.

python scripts/lock.py            newer versions of everything
python scripts/lock.py --export   only write the requirements files from uv.lock again
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
EXPORT = ["export", "--quiet", "--frozen", "--no-emit-project", "--no-header", "--no-annotate"]


def main() -> int:
    """Write the files; return 0."""
    if "--export" not in sys.argv:
        uv("lock", "--upgrade")
        uv(*COMPILE_UV, "--upgrade")
    uv(*EXPORT, "--no-dev", "--output-file", "requirements.txt")
    uv(*EXPORT, "--all-groups", "--output-file", "requirements-dev.txt")
    return 0


COMPILE_UV = [
    "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate",
    "--python-version", "3.11", "--output-file", "requirements-uv.txt", "requirements-uv.in",
]  # fmt: skip


def uv(*arguments: str) -> None:
    """Run uv in the repository."""
    subprocess.run([str(UV), *arguments], check=True, cwd=ROOT)


if __name__ == "__main__":
    raise SystemExit(main())
