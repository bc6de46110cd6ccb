"""HYDRASCOPE_HOME: where the embedded servers, their secrets and the stored files live."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config import env
from config.problems import HomeProblem, ServerProblem, os_error_to_problem

REPOSITORY = Path(__file__).resolve().parent.parent
SYSTEM_USER = "hydrascope"
SYSTEM_STATE = Path("/var/lib/hydrascope")
SOCKET_PATH_LIMIT = 100
FIRST_PORT = 8000
NEEDED_FREE_BYTES = 300 * 1024 * 1024
POSTGRES_SOCKET = ".s.PGSQL.5432"
ELSEWHERE = "postgres-is-in"  # names the folder of PostgreSQL's data when that is not the home


@dataclass(frozen=True)
class Places:
    """Every path of one home; `base` holds PostgreSQL: the home itself, unless PostgreSQL's user cannot reach that."""

    home: Path
    base: Path

    @property
    def postgres_data(self) -> Path:
        return self.base / "postgres"

    @property
    def postgres_run(self) -> Path:
        return self._short(self.base, "pg", POSTGRES_SOCKET)

    @property
    def valkey_data(self) -> Path:
        return self.home / "valkey"

    @property
    def valkey_socket(self) -> Path:
        return self._short(self.home, "vk", "valkey.sock") / "valkey.sock"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def locks(self) -> Path:
        return self.home / "locks"

    def _short(self, base: Path, name: str, longest: str) -> Path:
        """Return a folder whose sockets fit the kernel's limit on socket paths."""
        inside = base / "run" / name
        if len(str(inside / longest).encode()) <= SOCKET_PATH_LIMIT:
            return inside
        digest = hashlib.sha256(str(base).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"hydrascope-{os.geteuid()}-{digest}-{name}"


@dataclass(frozen=True)
class Secrets:
    """What is generated once for a home and kept in its secrets.json (0600)."""

    secret_key: str
    postgres_superuser: str
    postgres_owner: str
    postgres_app: str


def home_path() -> Path:
    """Return HYDRASCOPE_HOME, by default `.hydrascope` in the repository."""
    return env.path("HYDRASCOPE_HOME", REPOSITORY / ".hydrascope")


def home_prepare(home: Path) -> Places:
    """Make the home when it is not there, check that it can be written, and return its paths."""
    try:
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(home))
        places = places_for(home)
        for folder in (places.logs, places.locks, places.valkey_data):
            folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError as error:
        raise HomeProblem(f"HYDRASCOPE_HOME={str(home)!r} is not a folder.") from error
    except NotADirectoryError as error:
        raise HomeProblem(f"HYDRASCOPE_HOME={str(home)!r} lies below something that is not a folder.") from error
    except OSError as error:
        raise os_error_to_problem(error, "preparing the data folder", home=home) from error
    return places


def port_remember(places: Places, port: int) -> None:
    """Note the port that the console listens on, for commands that print its address."""
    (places.locks / "port").write_text(str(port), encoding="utf-8")


def port_last(home: Path) -> int:
    """Return the port that the console of this home was last started on, 8000 before the first start."""
    try:
        return int((places_for(home).locks / "port").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return FIRST_PORT


def check_free_space(folder: Path) -> None:
    """Refuse to start servers on a disk that is about to be full."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_FREE_BYTES:
        raise HomeProblem(
            f"The disk that holds {folder} is full: {free >> 20} MB free, {NEEDED_FREE_BYTES >> 20} MB needed. "
            "Free some space, or set HYDRASCOPE_HOME to a disk that has it."
        )


def places_for(home: Path) -> Places:
    """Return the paths of a home, as `places_decide` settled them."""
    try:
        return Places(home, Path((home / ELSEWHERE).read_text(encoding="utf-8").strip()))
    except FileNotFoundError:
        return Places(home, home)
    except OSError as error:
        raise os_error_to_problem(error, "reading the data folder", home=home) from error


def places_decide(home: Path) -> Places:
    """Settle where PostgreSQL's data lies: elsewhere when we are root and its user could not enter the home."""
    if os.geteuid() != 0 or (home / "postgres").exists() or (home / ELSEWHERE).exists() or reachable_by_others(home):
        return places_for(home)
    try:
        _write_new(home / ELSEWHERE, f"{SYSTEM_STATE / secrets.token_hex(6)}\n")
        places = places_for(home)
        places.base.mkdir(mode=0o711, parents=True, exist_ok=True)
        for folder in (SYSTEM_STATE, places.base):
            folder.chmod(0o711)
    except OSError as error:
        raise os_error_to_problem(error, "making the data folder", home=home) from error
    return places


def reachable_by_others(path: Path) -> bool:
    """Tell whether a user without special rights can walk down to this path."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (resolved, *resolved.parents))


def secrets_for(home: Path) -> Secrets:
    """Return the home's secrets, made on first use; two processes at once agree on the same ones."""
    file = home / "secrets.json"
    try:
        if not file.exists():
            home_prepare(home)
            _write_new(
                file, json.dumps({name: secrets.token_urlsafe(48) for name in Secrets.__annotations__}, indent=1)
            )
        return Secrets(**json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise HomeProblem(
            f"{file} is damaged ({error}). Restore it from a backup: it holds the database passwords."
        ) from error
    except OSError as error:
        raise os_error_to_problem(error, "reading the secrets", home=home) from error


def _write_new(file: Path, content: str) -> None:
    """Write a file that must not exist yet, whole or not at all, readable by its owner alone."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()


def postgres_user(data: Path) -> pwd.struct_passwd | None:
    """Return the user PostgreSQL runs as: None for the current one; as root, the data's owner or a user of its own."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return _user_by_id(data.stat().st_uid)
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return _make_user()


def _user_by_id(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as error:
        raise ServerProblem(
            f"PostgreSQL's data belongs to user {uid}, whom this machine does not know. "
            "Run as that user, or give the data to one that exists."
        ) from error


def _make_user() -> pwd.struct_passwd:
    """Add the system user that runs PostgreSQL when we are root, and return it."""
    for command in (
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
        ["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", SYSTEM_USER],
    ):
        if shutil.which(command[0]):
            subprocess.run(command, check=False, capture_output=True)
            try:
                return pwd.getpwnam(SYSTEM_USER)
            except KeyError:
                continue
    raise ServerProblem(
        f"PostgreSQL refuses to run as root, and the user {SYSTEM_USER!r} could not be added. "
        "Add it, or run as an ordinary user."
    )
