"""Who is not root runs the console from a checkout of their own, with nothing but their rights."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from config.home import reachable_by_others
from tests.processes import environment, free_port, own_folder, processes_of, read_until, wait_until
from tests.settings import ROOT

pytestmark = [pytest.mark.xdist_group("console"), pytest.mark.slow]
NOBODY = 65534
BASE = Path(sys.base_prefix).resolve()
SHOW = """
mount --bind "$2" "$1" && mount -t tmpfs -o mode=755 tmpfs "$3" && mkdir -p "$2" && mount --bind "$1" "$2" || exit 1
shift 3
exec "$@"
"""
"""Leaves of folder $3 nothing but $2, in a view of the file system of its own."""


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy of the checkout that belongs to another user, with an environment that shares this one's packages."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("to become another user needs root and setpriv")
    with own_folder("ordinary") as folder:
        path = folder / "checkout"
        listed = subprocess.run(["git", "ls-files", "-z"], check=False, cwd=ROOT, capture_output=True, text=True)
        if listed.returncode:
            pytest.skip("what belongs to the checkout is known from git alone")
        for name in filter(None, listed.stdout.split("\0")):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, path / name)
        environment_share(path)
        for found in (path, *path.rglob("*")):
            os.chown(found, NOBODY, NOBODY, follow_symlinks=False)
        yield path


def environment_share(path: Path) -> None:
    """Make .venv/ with this Python and its packages, and note it as installed."""
    venv, site = path / ".venv", Path(sys.prefix) / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    if not reachable_by_others(site):
        pytest.skip(f"the packages in {site} are for their owner alone")
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(BASE / "bin" / f"python3.{sys.version_info[1]}")
    (venv / "pyvenv.cfg").write_text(f"home = {BASE / 'bin'}\ninclude-system-site-packages = false\n")
    (venv / "lib" / site.parent.name).mkdir(parents=True)
    (venv / "lib" / site.parent.name / "site-packages").symlink_to(site)
    spec = importlib.util.spec_from_file_location("copied_bootstrap", path / "scripts" / "bootstrap.py")
    assert spec is not None and spec.loader is not None
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    bootstrap.write_stamp("run")


def python_shown(folder: Path) -> list[str]:
    """What runs a command where this Python can be reached by everybody: it may lie in root's home."""
    closed = next((above for above in reversed(BASE.parents) if not above.stat().st_mode & stat.S_IXOTH), None)
    if closed is None:
        return []
    (folder / "python").mkdir()
    shown = ["unshare", "--mount", "sh", "-c", SHOW, "sh", str(folder / "python"), str(BASE), str(closed)]
    if shutil.which("unshare") is None or subprocess.run([*shown, "true"], check=False).returncode:
        pytest.skip(f"this Python lies in {closed}, which nobody else may enter, and this root may mount nothing")
    return shown


def start_as(user: int, path: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start a command in the folder as this user, who has no home."""
    kept = {k: v for k, v in environment(path / ".hydrascope", **more).items() if k not in {"HOME", "VIRTUAL_ENV"}}
    rights = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"]
    return subprocess.Popen(
        [*python_shown(path.parent), *rights, *arguments],
        cwd=path,
        env=kept | {"HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_make_run_serves_and_stops_for_an_ordinary_user(checkout: Path) -> None:
    port, python, home = free_port(), checkout / ".venv" / "bin" / "python", checkout / ".hydrascope"
    make = start_as(NOBODY, checkout, "make", "run", f"PYTHON={python}", PORT=str(port), DEMO="0")
    try:
        said = read_until(make, "/auth/link/")
        assert not any("Making the environment" in line or "Traceback" in line for line in said)
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            assert answer.status == 200
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes_of(home)} == {NOBODY}
        assert home.stat().st_mode & 0o077 == 0
    finally:
        make.terminate()
        rest, _ = make.communicate(timeout=30)
        wait_until(lambda: not processes_of(home))
    assert "Traceback" not in rest, rest
