"""Make .venv/ and install the locked dependencies into it. Needs nothing but Python and a package index.

    python3 scripts/bootstrap.py          what running needs
    python3 scripts/bootstrap.py --dev    and the tools for tests and checks

Uses uv (installed into .venv/ at a pinned version), and plain pip where uv does not work; both check the hashes of
requirements*.txt, which are exported from uv.lock. pip's own settings of index and certificates hold for both.
Does nothing when nothing has changed. This file is kept readable for any Python 3, so that an old one can be refused.
"""

import ast
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
OLDEST, NEWEST = (3, 11), (3, 14)
PIP_KEYS = ("index-url", "extra-index-url", "find-links", "cert")
FILES = {"run": ["requirements.txt"], "dev": ["requirements-dev.txt"]}
UV_FILE = "requirements-uv.txt"


def main():
    """Bring .venv/ up to date; return the exit code."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return use_another_python()
    wanted = "dev" if "--dev" in sys.argv[1:] else "run"
    if is_up_to_date(wanted):
        return 0
    os.umask(0o022)
    with open(os.path.join(ROOT, ".venv.lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_up_to_date(wanted):
            return 0
        say("Making the environment in .venv/ (once; later starts take no time) ...")
        if not make_venv():
            return 1
        remove_stamp()
        if not (install_with_uv(wanted) or install_with_pip(wanted)):
            say("The dependencies could not be installed: the messages above say why.")
            say("No package index at hand? Set PIP_INDEX_URL to one that this machine reaches.")
            return 1
        write_stamp(wanted)
    return 0


def use_another_python():
    """Start again with a Python that fits when there is one, else say which are needed."""
    found = python_that_fits()
    if found:
        os.execv(found, [found] + sys.argv)
    say(
        "Hydrascope needs Python 3.11 to 3.14; this is %d.%d (%s)."
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )
    say("Install one of them, or name it: make run PYTHON=/path/to/python3.12")
    return 1


def python_that_fits():
    """Return the newest Python on the path that fits and runs: version managers put names there that do not."""
    with open(os.devnull, "r+") as nowhere:
        for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
            probe = "import sys; sys.exit(sys.version_info[:2] != (3, %d))" % minor
            for folder in os.environ.get("PATH", "").split(os.pathsep):
                found = os.path.join(folder, "python3.%d" % minor)
                if not folder or not os.access(found, os.X_OK):
                    continue
                if subprocess.call([found, "-c", probe], stdin=nowhere, stdout=nowhere, stderr=nowhere) == 0:
                    return found
    return None


def is_up_to_date(wanted):
    """Tell whether what is installed is what the files ask for; an environment for development does for running."""
    try:
        with open(stamp_path()) as stamp:
            known = stamp.read().split()
    except (IOError, OSError):
        return False
    return os.path.exists(VENV_PYTHON) and (known == ["dev", digest("dev")] or known == [wanted, digest(wanted)])


def digest(wanted):
    """Return the digest of everything that the environment depends on."""
    total = hashlib.sha256(("%s %s %s" % (VENV, sys.platform, wanted)).encode())
    for name in FILES[wanted] + [UV_FILE]:
        with open(os.path.join(ROOT, name), "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def make_venv():
    """Make .venv/, anew when it is broken or moved; return whether it is there."""
    if os.path.exists(VENV_PYTHON) and venv_works():
        return True
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode == 0 and venv_works():
        return True
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "venv", "--clear", "--seed", "--python", sys.executable, VENV]).returncode == 0:
        return True
    say(done.stdout.decode("utf-8", "replace").strip())
    say("The environment could not be made in %s." % VENV)
    say("On Debian and Ubuntu the part of Python that makes one is a package of its own: apt-get install python3-venv")
    return False


def venv_works():
    """Tell whether .venv/ runs, has pip, is of a Python that fits and lies where it was made."""
    probe = "import sys, pip; print(sys.prefix, *sys.version_info[:2])"
    done = subprocess.run([VENV_PYTHON, "-c", probe], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    parts = done.stdout.decode().rsplit(None, 2) if done.returncode == 0 else []
    if len(parts) != 3 or os.path.realpath(parts[0]) != os.path.realpath(VENV):
        return False
    config = os.path.join(VENV, "bin", "pip")
    with open(config) as script:
        first = script.readline()
    fits = OLDEST <= (int(parts[1]), int(parts[2])) <= NEWEST
    return fits and (VENV in first or os.path.realpath(VENV) in first or first.startswith("#!/bin/sh"))


def install_with_uv(wanted):
    """Install exactly the locked packages with uv; return whether that worked."""
    if os.environ.get("HYDRASCOPE_INSTALLER") == "pip":
        return False
    uv = os.path.join(VENV, "bin", "uv")
    pip = [VENV_PYTHON, "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check"]
    if subprocess.run(pip + ["--require-hashes", "-r", UV_FILE], cwd=ROOT, env=environment()).returncode:
        say("uv could not be installed; going on with pip.")
        return False
    command = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", VENV_PYTHON] + FILES[wanted] + [UV_FILE]
    if subprocess.run(command, cwd=ROOT, env=environment()).returncode:
        say("uv could not install the dependencies; going on with pip.")
        return False
    return True


def install_with_pip(wanted):
    """Install the locked packages with pip; return whether that worked."""
    command = [
        VENV_PYTHON,
        "-m",
        "pip",
        "install",
        "-qq",
        "--no-input",
        "--disable-pip-version-check",
        "--require-hashes",
    ]
    for name in FILES[wanted]:
        command += ["-r", name]
    return subprocess.run(command, cwd=ROOT, env=environment()).returncode == 0


def environment():
    """Return the environment for pip and uv: uv hears of pip's index and certificates, and downloads no Python."""
    variables = dict(
        os.environ, UV_PYTHON_DOWNLOADS="never", UV_LINK_MODE="copy", UV_NO_PROGRESS="1", PIP_ROOT_USER_ACTION="ignore"
    )
    variables.pop("VIRTUAL_ENV", None)
    known = pip_settings()
    for ours, key in (
        ("UV_DEFAULT_INDEX", "index-url"),
        ("UV_INDEX", "extra-index-url"),
        ("UV_FIND_LINKS", "find-links"),
    ):
        value = known.get(key)
        if value and ours not in variables:
            variables[ours] = " ".join(value.split()) if key != "find-links" else ",".join(value.split())
    variables.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip does; the hashes say what may be installed
    certificates = known.get("cert")
    if certificates:
        variables.setdefault("SSL_CERT_FILE", certificates)
    cache = variables.get("UV_CACHE_DIR") or os.path.join(
        variables.get("XDG_CACHE_HOME") or os.path.join(home(), ".cache"), "uv"
    )
    if not can_make(cache):
        variables["UV_NO_CACHE"] = "1"
        variables["PIP_NO_CACHE_DIR"] = "1"
        variables["HOME"] = VENV
    return variables


def pip_settings():
    """Return what pip is set to by its files and variables; what holds for installing beats what holds for all.

    Read from `pip config list`: `pip config get` of some versions does not find what stands in a global file.
    """
    command = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in ("global", "install") and (section == "install" or key not in found):
            found[key] = str(ast.literal_eval(value))
    for key in PIP_KEYS:
        value = os.environ.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            found[key] = value
    return found


def home():
    """Return the home folder, or a name that does not exist when there is none."""
    return os.path.expanduser("~")


def can_make(folder):
    """Tell whether the folder is there or can be made, and can be written."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def stamp_path():
    """Return the path of the note that says what is installed."""
    return os.path.join(VENV, ".installed")


def remove_stamp():
    """Forget what is installed, before it changes."""
    if os.path.exists(stamp_path()):
        os.remove(stamp_path())


def write_stamp(wanted):
    """Note what is installed."""
    with open(stamp_path() + ".new", "w") as stamp:
        stamp.write("%s %s\n" % (wanted, digest(wanted)))
    os.rename(stamp_path() + ".new", stamp_path())


def say(text):
    """Print a line for people."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
