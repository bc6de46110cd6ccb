"""The bootstrap: refuses a wrong Python, does nothing when nothing changed, installs what the lock says."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from tests.settings import ROOT

UV = Path(sys.executable).with_name("uv")


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts" / "bootstrap.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 10, 1), (3, 15, 0)])
def test_it_refuses_another_python_with_a_clear_word(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: tuple[int, ...]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setenv("PATH", "")
    assert bootstrap.main() == 1
    assert "needs Python 3.11 to 3.14" in capsys.readouterr().err


def test_it_can_be_read_by_an_old_python() -> None:
    source = (ROOT / "scripts" / "bootstrap.py").read_text(encoding="utf-8")
    assert not re.search(r"""\bf["']|:=|\bmatch \w+:| -> """, source)


def test_it_does_nothing_when_nothing_changed(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(bootstrap, "VENV", str(venv))
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", str(venv / "bin" / "python"))
    assert not bootstrap.is_up_to_date("run")
    bootstrap.write_stamp("dev")
    began = time.perf_counter()
    assert bootstrap.is_up_to_date("run") and bootstrap.is_up_to_date("dev")
    assert time.perf_counter() - began < 0.5
    bootstrap.write_stamp("run")
    assert bootstrap.is_up_to_date("run") and not bootstrap.is_up_to_date("dev")


def test_it_hands_pips_index_and_certificates_to_uv(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org/simple")
    monkeypatch.setenv("PIP_CERT", "/etc/own.pem")
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", sys.executable)
    for name in ("UV_DEFAULT_INDEX", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    found = bootstrap.environment()
    assert found["UV_DEFAULT_INDEX"] == "https://index.example.org/simple"
    assert found["SSL_CERT_FILE"] == "/etc/own.pem"
    assert found["UV_PYTHON_DOWNLOADS"] == "never"


def test_it_reads_pips_files_and_prefers_what_holds_for_installing(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\ncert = /all.pem\nindex-url = https://a.example/simple\n[install]\ncert = /one.pem\n")
    for key in bootstrap.PIP_KEYS:
        monkeypatch.delenv("PIP_" + key.upper().replace("-", "_"), raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", sys.executable)
    found = bootstrap.pip_settings()
    assert (found["cert"], found["index-url"]) == ("/one.pem", "https://a.example/simple")


def test_it_goes_without_a_cache_where_home_cannot_be_written(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", sys.executable)
    assert bootstrap.environment()["UV_NO_CACHE"] == "1"


@pytest.mark.parametrize(
    ("file", "arguments"), [("requirements.txt", ["--no-dev"]), ("requirements-dev.txt", ["--all-groups"])]
)
def test_it_installs_what_the_lock_says(file: str, arguments: list[str]) -> None:
    command = [
        str(UV),
        "export",
        "--quiet",
        "--frozen",
        "--no-emit-project",
        "--no-header",
        "--no-annotate",
        *arguments,
    ]
    done = subprocess.run(
        command, check=True, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "UV_OFFLINE": "1"}
    )
    assert done.stdout.strip() == (ROOT / file).read_text(encoding="utf-8").strip(), f"run make lock: {file} is stale"


def test_it_pins_every_requirement_by_hash() -> None:
    for file in ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt"):
        entries = re.split(r"\n(?=\S)", (ROOT / file).read_text(encoding="utf-8").strip())
        assert entries and all("==" in entry and "--hash=sha256:" in entry for entry in entries), file


def test_it_goes_on_with_a_python_that_fits_and_runs(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    minor = sys.version_info[1]
    for folder, script in (("shims", "exit 127"), ("real", f'exec "{sys.executable}" "$@"')):
        (tmp_path / folder).mkdir()
        program = tmp_path / folder / f"python3.{minor}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{tmp_path / 'real'}")
    assert bootstrap.python_that_fits() == str(tmp_path / "real" / f"python3.{minor}")
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    assert bootstrap.python_that_fits() is None


def test_make_says_what_is_needed_where_there_is_no_such_python() -> None:
    done = subprocess.run(
        ["make", "setup", "PYTHON=/nowhere/python3"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode
    assert "needs Python 3.11 to 3.14; there is no /nowhere/python3 here" in done.stderr
