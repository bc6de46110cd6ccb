"""The browser of the end-to-end tests: one that is there, or one that the system's package manager brings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
INSTALL_LINE = "apt-get update && apt-get install --yes chromium"
ARGUMENTS = ["--disable-dev-shm-usage", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
MISSING = (
    "No browser was found. Install one (as root: {install}), name it with BROWSER=/path/to/chromium, "
    "or leave the browser tests out with BROWSER=none."
)


def browser_path() -> str | None:
    """Return the path of a Chromium: BROWSER when set, else one from the path; None when there is none."""
    named = os.environ.get("BROWSER", "")
    if named and named != "none":
        return shutil.which(named)
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or next((path for path in MAC if Path(path).exists()), None)


def browser_arguments() -> list[str]:
    """Return the switches Chromium needs here; its sandbox refuses root."""
    return [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS


def browser_install() -> bool:
    """Install Chromium with apt when we are root and there is none; return whether there is one now."""
    if os.environ.get("BROWSER") == "none" or browser_path():
        return True
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "--yes", "-qq", "chromium"]):
        if subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL).returncode:
            return False
    return browser_path() is not None


if __name__ == "__main__":
    if not browser_install():
        print(f"The browser tests will fail. {MISSING.format(install=INSTALL_LINE)}", file=sys.stderr)
