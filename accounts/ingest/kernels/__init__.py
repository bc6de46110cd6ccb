"""Compiled loops over the buffers of Arrow columns: hashing, finding records, reading times and whole numbers."""

from __future__ import annotations

import importlib
import sys


def kernels_ready() -> None:
    """Loads what numba needs for the first compiled call of a process, without SciPy: a third of a second less.

    Numba imports `scipy.linalg` there to learn whether `np.convolve` and `np.correlate` may use it, which no loop of ours
    calls; functions that need linear algebra import it themselves when they are compiled.
    """
    if "scipy.linalg" in sys.modules or "numba.np.arraymath" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]
