"""The line that turns bits into calibrated log odds, fitted on simulated worlds: what linkage/calibration.py holds.

    python -m bench.calibrate [--accounts N] [--seeds S ...] [--keep FOLDER]

Worlds with few and with many abusive accounts, all levels of evasion mixed. `bench_quality --row calibration` measures
the line on worlds of other seeds and of a prevalence between these.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.quality.figures import Options  # noqa: E402
from bench.quality.worlds import linked, world  # noqa: E402
from investigations.linkage import Settings  # noqa: E402
from investigations.linkage.calibration import fitted, same_operator  # noqa: E402
from investigations.linkage.gather import column_ints  # noqa: E402

PREVALENCES = (0.005, 0.025)


def main() -> None:
    """Prints the line of each world, then that of all together."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--keep", type=Path, help="keep the worlds in this folder, and use those that are there")
    asked = parser.parse_args()
    parts = []
    with tempfile.TemporaryDirectory() as scratch:
        options = Options(asked.accounts, tuple(asked.seeds), asked.keep or Path(scratch), Settings())
        for seed in options.seeds:
            for prevalence in PREVALENCES:
                given = world(options, seed, prevalence=prevalence)
                near = linked(given, options.settings).near
                bits = column_ints(near, "bits") / 1000 + options.settings.threshold_bits
                parts.append((bits, same_operator(near, given.truth)))
                print_line(f"seed {seed}, {prevalence:.1%}", *parts[-1])
    print_line("all", *(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def print_line(name: str, bits: np.ndarray, right: np.ndarray) -> None:
    """Slope and offset of the truth on bits."""
    slope, offset = fitted(bits, right)
    print(f"{name}: slope {slope:.2f}, offset {offset:.2f} bits, {bits.size} pairs, {right.sum()} right", flush=True)


if __name__ == "__main__":
    main()
