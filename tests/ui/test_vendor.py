"""The browser libraries are exactly those that were vendored, and of the same major as their Python side."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import plotly
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location("vendor", ROOT / "scripts" / "vendor.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "vendor", module)
    spec.loader.exec_module(module)
    return module


def test_every_vendored_file_has_its_checksum() -> None:
    done = subprocess.run([sys.executable, "scripts/vendor.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_finds_changed_missing_and_unlisted_files(vendor: ModuleType, tmp_path: Path) -> None:
    vendor.VENDOR, vendor.CHECKSUMS = tmp_path, tmp_path / "SHA256SUMS"
    for name in ("same.js", "changed.js", "unlisted.js"):
        (tmp_path / name).write_text(name)
    sums = {n: vendor.digest(n) for n in ("same.js", "changed.js")} | {"missing.js": "0" * 64}
    vendor.CHECKSUMS.write_text("".join(f"{value}  {name}\n" for name, value in sums.items()))
    (tmp_path / "changed.js").write_text("something else")
    assert vendor.differing_files() == ["changed.js", "missing.js", "unlisted.js"]


def test_plotly_in_the_browser_is_of_the_same_major_as_in_python(vendor: ModuleType) -> None:
    bundled = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    version = re.search(r"plotly\.js v(\d+)\.", bundled.read_text(encoding="utf-8")[:400])
    pinned = next(p.version for p in vendor.PACKAGES if p.name.startswith("plotly"))
    assert version and version.group(1) == pinned.split(".")[0]


def test_the_style_rules_inside_plotly_are_all_in_the_file(vendor: ModuleType) -> None:
    bundle = (ROOT / "static/vendor/plotly/plotly-cartesian.min.js").read_text(encoding="utf-8")
    styles = vendor.plotly_styles(bundle)
    assert styles == (ROOT / "static/vendor/plotly/plotly.css").read_text(encoding="utf-8")
    assert ".js-plotly-plot .plotly .modebar {" in styles
    assert ".plotly-notifier {" in styles


def test_a_bundle_without_those_rules_is_refused(vendor: ModuleType) -> None:
    with pytest.raises(SystemExit, match="addStyleRule"):
        vendor.plotly_styles("var Plotly = {};")
