#!/usr/bin/env python3
"""Fetches the browser libraries that the pages use, at pinned versions, into static/vendor/ and writes their checksums.

`scripts/vendor.py` needs npm; `scripts/vendor.py --check` needs nothing and fails when a file differs.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
CHECKSUMS = VENDOR / "SHA256SUMS"


@dataclass(frozen=True)
class Package:
    """One package of the public JavaScript index and the files taken from it."""

    name: str
    version: str
    files: tuple[tuple[str, str], ...]


PACKAGES = (
    Package(
        "plotly.js-cartesian-dist-min",
        "4.1.1",
        (("plotly-cartesian.min.js", "plotly/plotly-cartesian.min.js"), ("LICENSE", "plotly/LICENSE")),
    ),
    Package("htmx.org", "2.0.11", (("dist/htmx.min.js", "htmx/htmx.min.js"), ("LICENSE", "htmx/LICENSE"))),
)
PLOTLY_BUNDLE = "plotly/plotly-cartesian.min.js"
PLOTLY_STYLES = "plotly/plotly.css"


def main() -> int:
    """Vendors everything, or with --check compares what lies there; 0 when all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare the files with their checksums")
    if parser.parse_args().check:
        wrong = differing_files()
        for name in wrong:
            print(f"{name} differs from {CHECKSUMS.name}", file=sys.stderr)
        return 1 if wrong else 0
    with tempfile.TemporaryDirectory() as place:
        for package in PACKAGES:
            fetch(package, Path(place))
    styles = plotly_styles((VENDOR / PLOTLY_BUNDLE).read_text(encoding="utf-8"))
    (VENDOR / PLOTLY_STYLES).write_text(styles, encoding="utf-8")
    CHECKSUMS.write_text("".join(f"{digest(name)}  {name}\n" for name in vendored_files()), encoding="utf-8")
    return 0


def fetch(package: Package, place: Path) -> None:
    """Copies a package's files into static/vendor/."""
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    archive = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True).stdout.split()[-1]
    with tarfile.open(place / archive) as tar:
        for inside, target in package.files:
            member = tar.extractfile(f"package/{inside}")
            if member is None:
                raise SystemExit(f"{package.name} {package.version} has no file {inside}")
            path = VENDOR / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(member.read())


def plotly_styles(bundle: str) -> str:
    """The style rules that plotly.js would insert by script, as a file, so that the page needs no inline style."""
    rules = dict(_rules(bundle, r'\{("X,X div":.*?)\};')) | dict(_rules(bundle, r'\{("Y":.*?)\};'))
    if not rules:
        raise SystemExit("plotly.js keeps its style rules elsewhere now: look for addStyleRule in the bundle")
    lines = []
    for selector, body in rules.items():
        scoped = selector.replace("X", ".js-plotly-plot .plotly").replace("Y", ".plotly-notifier")
        lines.append(f"{scoped} {{ {body} }}")
    return "/* Made by scripts/vendor.py from the rules inside plotly.js. */\n" + "\n".join(lines) + "\n"


def _rules(bundle: str, pattern: str) -> list[tuple[str, str]]:
    found = re.search(pattern, bundle, re.DOTALL)
    if not found:
        return []
    pairs = re.findall(r"\"([^\"]+)\":(\"(?:[^\"\\]|\\.)*\"|'[^']*')", found.group(1))
    bare = re.findall(r"(?:^|,)([XY]\w*):(\"[^\"]*\"|'[^']*')", found.group(1))
    return [(selector, body[1:-1]) for selector, body in [*pairs, *bare]]


def vendored_files() -> list[str]:
    """Every file under static/vendor/ apart from the checksums, sorted."""
    return sorted(p.relative_to(VENDOR).as_posix() for p in VENDOR.rglob("*") if p.is_file() and p != CHECKSUMS)


def differing_files() -> list[str]:
    """The files that differ from their checksum, are missing, or have none."""
    lines = CHECKSUMS.read_text(encoding="utf-8").splitlines() if CHECKSUMS.exists() else []
    expected = {name: value for value, name in (line.split("  ", 1) for line in lines)}
    names = sorted(set(expected) | set(vendored_files()))
    return [n for n in names if not (VENDOR / n).is_file() or expected.get(n) != digest(n)]


def digest(name: str) -> str:
    """The SHA-256 of a vendored file, in hexadecimal."""
    return hashlib.sha256((VENDOR / name).read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
