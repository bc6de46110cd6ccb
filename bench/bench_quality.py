"""How much the engine finds, and whom it hurts: every figure beside its target, misses included.

    python -m bench.bench_quality [--row NAME ...] [--accounts N] [--seeds S ...] [--keep FOLDER]

One default setting serves every row. Worlds are simulated anew for each seed, or kept in a folder for the next row.
The public data is read from the folder in REAL_DATA; without it those rows say that they were left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.quality import attacks, ladder, real  # noqa: E402
from bench.quality.calibration import calibration  # noqa: E402
from bench.quality.figures import HEAD, Figure, Options, Row, plain  # noqa: E402
from bench.quality.replay import replay  # noqa: E402
from investigations.linkage import Settings  # noqa: E402
from tests.linkage import real_data  # noqa: E402

ROWS: dict[str, Row] = {
    "E0": ladder.ladder("E0"),
    "E1": ladder.ladder("E1"),
    "E2": ladder.ladder("E2"),
    "E3": ladder.ladder("E3"),
    "E4": ladder.ladder("E4"),
    "mixed": ladder.ladder(""),
    "nobody": ladder.nobody,
    "lone": ladder.lone,
    "crowds": attacks.crowds,
    "majority": attacks.majority,
    "framing": attacks.framing,
    "chaff": attacks.chaff,
    "bridge": attacks.bridge,
    "pools": ladder.pools,
    "replay": replay("E0", "E1", "E2"),
    "calibration": calibration,
    "hop": real.hop,
    "numpy": real.numpy_identities,
    "coortweet": real.coortweet,
    "shuffled": real.shuffled,
}
"""Every row by its name, in the order of the table."""
PUBLIC = ("hop", "numpy", "coortweet")
"""Rows that read public data only."""


def main() -> int:
    """Prints the table as Markdown; returns how many figures missed their targets."""
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        keep = options.keep or Path(scratch)
        asked = Options(options.accounts, tuple(options.seeds), keep, Settings(), options.shuffles)
        print(
            f"Worlds of {asked.accounts} accounts, seeds {' '.join(map(str, asked.seeds))}, default settings.\n\n{HEAD}"
        )
        figures = [figure for name in options.row or ROWS for figure in row_print(name, asked)]
    missed = sum(figure.met is False for figure in figures)
    print(f"\n{sum(figure.met is True for figure in figures)} figures met, {missed} missed.")
    return min(missed, 1)


def row_print(name: str, asked: Options) -> list[Figure]:
    """The figures of a row, each printed as soon as it is there, and the seconds that the row took."""
    began = time.perf_counter()
    if name in PUBLIC and not real_data.DATA:
        figures = [plain("left out", "REAL_DATA is not set")]
        print(figures[0].line(name), flush=True)
        return figures
    figures = []
    for figure in ROWS[name](asked):
        print(figure.line(name), flush=True)
        figures.append(figure)
    print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return figures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How much the engine finds, and whom it hurts.")
    parser.add_argument("--row", nargs="+", choices=list(ROWS), metavar="NAME", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--shuffles", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="keep the worlds in this folder, and use those that are there")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
