"""Which way things point, and that the engine stands on its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.settings import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
BLOCK_AND_IMPORT = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        first = name.split(".")[0]
        if first in {"django", "rest_framework", "celery", "psycopg", "config", "core", "staff", "accounts"}:
            raise ImportError(f"the engine must not import {name}")
sys.meta_path.insert(0, Block())
import importlib, pkgutil, investigations.linkage as package
for module in pkgutil.walk_packages(package.__path__, "investigations.linkage."):
    importlib.import_module(module.name)
"""


def test_it_imports_in_the_right_direction_only() -> None:
    done = subprocess.run([LINT_IMPORTS], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_imports_the_engine_without_django_or_any_of_our_apps() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCK_AND_IMPORT], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", ["investigations", "accounts"])
def test_it_keeps_the_apps_packages_empty(package: str) -> None:
    assert (ROOT / package / "__init__.py").read_text(encoding="utf-8").strip() == ""


def test_it_exports_at_most_ten_names_from_the_engine() -> None:
    from investigations import linkage

    assert 0 < len(linkage.__all__) <= 10


def test_it_loads_no_compiler_before_somebody_loads_or_links() -> None:
    """A second and more that every command and the console's start would pay, and none of them needs."""
    heavy = ("numba", "llvmlite", "scipy", "duckdb")
    loading = f"""
import importlib, sys, django
django.setup()
importlib.import_module("config.urls")
print(*sorted(sys.modules.keys() & set({heavy!r})))
"""
    done = subprocess.run(
        [sys.executable, "-c", loading],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
