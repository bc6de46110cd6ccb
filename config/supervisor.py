"""`make run`: servers, migrations, web, worker and scheduler in one terminal, stopped together.

    python -m config.supervisor

PORT, BIND, DEMO and every setting of config.settings apply. The console answers before the demo dataset is made.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TextIO
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from config import embedded, env, home
from config.embedded import Held
from config.problems import Problem, ServerProblem, exit_with_message, os_error_to_problem
from config.servers import die_with_parent

WEB_READY_SECONDS = 120
GENTLE_SECONDS, FIRM_SECONDS = 4.0, 7.0
RESTARTS_PER_MINUTE = 3
SHORT_LIFE_SECONDS = 10.0
"""A part that ends later than this after its start did not fail at its start: it is started again however often, as
when a server below it is killed again and again."""
TAIL_LINES = 15
LOOK_SECONDS = 1.0
PORTS_TO_SUGGEST = 50


@dataclass
class Child:
    """One process of the console: its command, its last lines, when it was started."""

    name: str
    command: list[str]
    firm_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM
    is_lasting: bool = True
    process: subprocess.Popen[bytes] | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    started: float = 0.0
    short_lives: list[float] = field(default_factory=list)
    partial: bytes = b""

    def ended(self, now: float) -> int:
        """Notes that it ended just now; how often it did so soon after its start, within the last minute."""
        if now - self.started < SHORT_LIFE_SECONDS:
            self.short_lives.append(now)
        self.short_lives = [at for at in self.short_lives if now - at < 60]
        return len(self.short_lives)


class Supervisor:
    """Runs the console until it is told to stop or a part of it cannot be kept alive."""

    def __init__(self) -> None:
        self.port = env.integer("PORT", home.FIRST_PORT, low=1, high=65535)
        self.bind = env.bind_address()
        self.wants_demo = env.boolean("DEMO", True)
        self.selector = selectors.DefaultSelector()
        self.children: list[Child] = []
        self.held: Held | None = None
        self.own_lock: TextIO | None = None
        self.is_stopping = False
        self.is_spawning = False

    def run(self) -> int:
        """Return the exit code once everything has stopped."""
        self._listen_to_signals()
        check_port(self.bind, self.port)
        self._lock_home()
        failure: Problem | None = None
        try:
            self._start()
            self._watch()
        except KeyboardInterrupt:
            pass
        except Problem as problem:
            failure = problem
        finally:
            self._stop()
        if failure is not None:
            raise failure
        return 0

    def _start(self) -> None:
        began = time.monotonic()
        if embedded.is_embedded():
            say("Starting PostgreSQL and Valkey …")
            self.held = embedded.hold(home.home_path())
        say("Bringing the database up to date …")
        self._spawn(self._web())  # it imports the application meanwhile
        django_prepare()
        self._wait_for_web()
        announce(time.monotonic() - began)
        self._spawn(
            Child(
                "worker",
                celery("worker", "--concurrency", "2", "--without-mingle", "--without-gossip"),
                firm_signal=signal.SIGQUIT,
                orphan_signal=signal.SIGKILL,  # gently, it may wait for its pool for good while the servers go
            )
        )
        self._spawn(Child("beat", celery("beat", "--pidfile="), orphan_signal=signal.SIGKILL))
        if self.wants_demo and not demo_is_there():
            self._spawn(Child("demo", [sys.executable, "manage.py", "ensure_demo"], is_lasting=False))

    def _web(self) -> Child:
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        command = [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"{host}:{self.port}"]
        command += ["--worker-class", "gthread", "--workers", "1", "--threads", "8", "--timeout", "60"]
        command += ["--graceful-timeout", "3", "--keep-alive", "5", "--log-level", "warning", "--no-control-socket"]
        return Child("web", command)

    def _spawn(self, child: Child) -> None:
        child.started = time.monotonic()
        self.is_spawning = True
        try:
            child.process = started(child)
        finally:
            self.is_spawning = False
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self.selector.register(child.process.stdout, selectors.EVENT_READ, child)
        if child not in self.children:
            self.children.append(child)
        if self.is_stopping:
            raise KeyboardInterrupt

    def _wait_for_web(self) -> None:
        address = f"{env.address_to_site(self.bind, self.port)}/healthz"
        opener = build_opener(ProxyHandler({}))
        deadline = time.monotonic() + WEB_READY_SECONDS
        while time.monotonic() < deadline:
            self._look(0.1)
            try:
                with opener.open(address, timeout=2):
                    return
            except (URLError, OSError):
                continue
        raise ServerProblem(f"The web server did not answer within {WEB_READY_SECONDS} s.\n{tail_of(self.children[0])}")

    def _watch(self) -> None:
        """Return when told to stop; raise when a part cannot be kept alive."""
        while not self.is_stopping:
            self._look(LOOK_SECONDS)
            if self.held is not None and self.held.ensure():
                say("The database servers had stopped and were started again.")

    def _look(self, seconds: float) -> None:
        """Pass on what the children print, and see who has ended."""
        for key, _ in self.selector.select(seconds):
            if key.data is None:
                os.read(key.fd, 4096)
            else:
                self._pass_on(key.data, key.fileobj)
        if self.is_stopping:
            raise KeyboardInterrupt
        for child in list(self.children):
            if child.process is not None and child.process.poll() is not None:
                self._ended(child, child.process.returncode)

    def _ended(self, child: Child, code: int) -> None:
        self._drop(child)
        if not child.is_lasting:
            self.children.remove(child)
            if code:
                say(f"{child.name} ended with exit code {code}; the console goes on without it.")
            return
        n = child.ended(time.monotonic())
        if n > RESTARTS_PER_MINUTE:
            raise ServerProblem(
                f"{child.name} ended {n} times within a minute, right after its start (exit code {code}).\n{tail_of(child)}"
            )
        say(f"{child.name} ended (exit code {code}), starting it again.")
        self._spawn(child)

    def _drop(self, child: Child) -> None:
        assert child.process is not None and child.process.stdout is not None
        self._pass_on(child, child.process.stdout)
        self.selector.unregister(child.process.stdout)
        child.process.stdout.close()
        child.process = None

    def _pass_on(self, child: Child, stream: object) -> None:
        assert hasattr(stream, "read")
        data = child.partial + (stream.read() or b"")
        *lines, child.partial = data.split(b"\n")
        for line in lines:
            shown = line.decode(errors="replace").rstrip()
            if shown:
                child.tail.append(shown)
                say(f"{child.name:<6} | {shown}")

    def _stop(self) -> None:
        """Stop all in under ten seconds: gently, firmly, then by force; the servers last."""
        running = [child for child in self.children if child.process is not None]
        if running:
            say("Stopping …")
        began = time.monotonic()
        signal_all(running, lambda child: signal.SIGTERM)
        steps: list[tuple[float, Callable[[Child], signal.Signals]]] = [
            (GENTLE_SECONDS, lambda child: child.firm_signal),
            (FIRM_SECONDS, lambda child: signal.SIGKILL),
        ]
        for seconds, firmer in steps:
            while any(alive(child) for child in running) and time.monotonic() - began < seconds:
                self._drain()
            signal_all(running, firmer)
        for child in running:
            if child.process is not None:
                child.process.wait()
                self._drop(child)
        if self.held is not None:
            self.held.release()
        if self.own_lock is not None:
            self.own_lock.close()
        if running:
            say("Stopped.")

    def _drain(self) -> None:
        for key, _ in self.selector.select(0.1):
            if key.data is None:
                os.read(key.fd, 4096)
            else:
                self._pass_on(key.data, key.fileobj)

    def _listen_to_signals(self) -> None:
        """Turn the usual signals into a stop, and wake the loop when a child ends."""
        if os.environ.get("MAKELEVEL"):
            die_with_parent(signal.SIGTERM, parent=os.getppid())()
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        self.selector.register(read_end, selectors.EVENT_READ, None)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._told_to_stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: it shall outlive its terminal
            signal.signal(signal.SIGHUP, self._told_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _told_to_stop(self, *_: object) -> None:
        is_first, self.is_stopping = not self.is_stopping, True
        if is_first and not self.is_spawning:  # what Python runs around a fork prints an exception and forgets it
            raise KeyboardInterrupt

    def _lock_home(self) -> None:
        places = home.home_prepare(home.home_path())
        try:
            lock = (places.locks / "supervisor").open("a+")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.seek(0)
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            home.port_remember(places, self.port)
        except BlockingIOError:
            other = (places.locks / "supervisor").read_text(encoding="utf-8")
            raise ServerProblem(
                f"The console runs already on {places.home} (process {other}). "
                "Stop it, or set HYDRASCOPE_HOME to another folder."
            ) from None
        except OSError as error:
            raise os_error_to_problem(error, "locking the data folder", home=places.home) from error
        self.own_lock = lock


def started(child: Child) -> subprocess.Popen[bytes]:
    """Return the child's new process, which ends with this one."""
    return subprocess.Popen(
        child.command,
        cwd=home.REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent(child.orphan_signal),
        env={**os.environ, "PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "config.settings"},
    )


def check_port(bind: str, port: int) -> None:
    """Refuse a port that cannot be had, before anything is started."""
    error = port_error(bind, port)
    if error is None:
        return
    if isinstance(error, PermissionError):
        raise ServerProblem(f"No right to listen on port {port}. Choose one above 1023: make run PORT=8000")
    if isinstance(error, socket.gaierror) or error.errno in {99, 49}:
        raise ServerProblem(f"BIND={bind!r} is no address of this machine. Use 127.0.0.1, or 0.0.0.0 for all of them.")
    free = next(
        (other for other in range(port + 1, min(port + PORTS_TO_SUGGEST, 65535)) if port_error(bind, other) is None),
        None,
    )
    suggestion = f": make run PORT={free}" if free else "."
    raise ServerProblem(f"Port {port} on {bind} is in use. Stop what uses it, or choose another{suggestion}")


def port_error(bind: str, port: int) -> OSError | None:
    """Return why the port cannot be had, or None."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error
    return None


def django_prepare() -> None:
    """Migrate as the owner, and make the first person when there is none."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import call_command
    from django.db import OperationalError, connections

    django.setup()
    try:
        call_command("migrate", verbosity=0)
        call_command("ensure_admin", verbosity=0, stdout=sys.stdout)
    except OperationalError as error:
        raise ServerProblem(f"The database does not answer: {str(error).strip()}") from error
    finally:
        connections.close_all()


def announce(seconds: float) -> None:
    """Print the address and a sign-in link for the first person."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    say(
        f"\nHydrascope runs at {settings.PUBLIC_URL} (after {seconds:.1f} s). Ctrl-C stops it.\n"
        "Sign in, once, as admin:\n"
    )
    call_command("signin_link", "admin", stdout=sys.stdout)
    say("")
    connections.close_all()


def demo_is_there() -> bool:
    """Tell whether the demo dataset needs no making."""
    from django.db import connections

    from investigations.selectors.demo import demo_is_ready

    try:
        return demo_is_ready()
    finally:
        connections.close_all()


def celery(*arguments: str) -> list[str]:
    """Return the command line of a Celery program."""
    return [sys.executable, "-m", "celery", "-A", "config.celery", "--quiet", *arguments, "--loglevel", "WARNING"]


def signal_all(children: list[Child], choose: Callable[[Child], signal.Signals]) -> None:
    """Send each living child its signal; SIGKILL goes to its whole group."""
    for child in children:
        if not alive(child) or child.process is None:
            continue
        number = choose(child)
        if number == signal.SIGKILL:
            os.killpg(child.process.pid, number)
        else:
            child.process.send_signal(number)


def alive(child: Child) -> bool:
    """Tell whether the child's process runs."""
    return child.process is not None and child.process.poll() is None


def tail_of(child: Child) -> str:
    """Return the child's last lines, indented."""
    return "\n".join(f"  {line}" for line in child.tail)


def say(line: str) -> None:
    """Print a line at once; a terminal that is gone is no reason to stop half-way."""
    try:
        print(line, flush=True)
    except OSError:
        with Path(os.devnull).open("w") as nowhere:
            stdout: IO[str] = sys.stdout
            os.dup2(nowhere.fileno(), stdout.fileno())


def main() -> int:
    """Run the console."""
    with exit_with_message():
        try:
            return Supervisor().run()
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    raise SystemExit(main())
