"""`make run` as a person meets it: one terminal that starts everything, says what is wrong, and stops everything."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from config.problems import BadSetting, ServerProblem
from config.supervisor import RESTARTS_PER_MINUTE, SHORT_LIFE_SECONDS, Child
from tests.processes import environment, free_port, own_folder, pid_of, processes_of, read_until, run, start, wait_until

pytestmark = [pytest.mark.xdist_group("console"), pytest.mark.slow]
STOPS_WITHIN = 10
TOLD_AT_FORK = """
import os, signal
from config import supervisor
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM))
raise SystemExit(supervisor.main())
"""


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    with own_folder("console") as path:
        yield path


@pytest.fixture
def console(own: Path) -> Iterator[tuple[subprocess.Popen[str], int, list[str]]]:
    """A running console: its process, its port, and what it said up to the sign-in link."""
    port = free_port()
    process = start("-m", "config.supervisor", env=environment(own, PORT=str(port), DEMO="0"))
    said = read_until(process, "/auth/link/")
    yield process, port, said
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=30)
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    wait_until(lambda: not processes_of(own))


def healthy(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_it_runs_answers_serves_commands_and_stops_on_sigterm(
    console: tuple[subprocess.Popen[str], int, list[str]], own: Path
) -> None:
    process, port, said = console
    assert healthy(port)
    assert any(f"http://127.0.0.1:{port}" in line for line in said)
    assert re.search(rf"http://127.0.0.1:{port}/auth/link/\S{{20,}}", said[-1])

    command = run("manage.py", "migrate", "--check", env=environment(own))
    assert command.returncode == 0, command.stderr
    assert healthy(port)
    link = run("manage.py", "signin_link", "admin", env=environment(own))
    assert f"http://127.0.0.1:{port}/auth/link/" in link.stdout

    twin = run("-m", "config.supervisor", env=environment(own, PORT=str(free_port())))
    assert twin.returncode == ServerProblem.exit_code
    assert "runs already" in twin.stderr and str(process.pid) in twin.stderr

    began = time.monotonic()
    process.terminate()
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0, rest
    assert "Stopped." in rest and "Traceback" not in rest
    assert time.monotonic() - began < STOPS_WITHIN
    wait_until(lambda: not processes_of(own))


def test_it_restarts_a_part_that_dies_and_leaves_nothing_when_killed(
    console: tuple[subprocess.Popen[str], int, list[str]], own: Path
) -> None:
    process, port, _ = console
    os.kill(pid_of(own, "gunicorn"), signal.SIGKILL)
    read_until(process, "web ended (exit code -9), starting it again")
    wait_until(lambda: healthy(port))
    process.kill()
    process.wait(10)
    wait_until(lambda: not processes_of(own))
    assert not healthy(port)


def test_a_worker_that_hangs_does_not_outlive_the_console(
    console: tuple[subprocess.Popen[str], int, list[str]], own: Path
) -> None:
    process, _, _ = console
    worker = "config.celery --quiet worker"  # its main process, and a pool of two
    wait_until(lambda: sum(worker in command for command in processes_of(own).values()) >= 3)
    os.kill(pid_of(own, worker), signal.SIGSTOP)
    process.kill()
    process.wait(10)
    wait_until(lambda: not processes_of(own))


def test_it_starts_again_after_that_and_stops_on_ctrl_c(
    console: tuple[subprocess.Popen[str], int, list[str]], own: Path
) -> None:
    process, port, _ = console
    assert healthy(port)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "Stopped." in rest


def test_it_stops_without_a_word_too_many_when_told_while_it_starts_a_part(own: Path) -> None:
    done = run("-c", TOLD_AT_FORK, env=environment(own, PORT=str(free_port()), DEMO="0"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Stopping …\nStopped.\n")
    wait_until(lambda: not processes_of(own))


def test_a_part_that_dies_soon_after_each_start_is_given_up_and_one_that_had_run_is_not() -> None:
    looping, struck = Child("worker", []), Child("worker", [])
    for turn in range(RESTARTS_PER_MINUTE + 1):
        looping.started, struck.started = 100.0 + 3 * turn, 100.0 + 11 * turn
        n_looping, n_struck = looping.ended(102.0 + 3 * turn), struck.ended(struck.started + SHORT_LIFE_SECONDS)
    assert n_looping > RESTARTS_PER_MINUTE
    assert n_struck == 0
    looping.started = 200.0
    assert looping.ended(201.0) == 1


def test_it_says_so_when_the_port_is_busy_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("-m", "config.supervisor", env=environment(tmp_path / "home", PORT=str(port)))
    assert done.returncode == ServerProblem.exit_code
    assert f"Port {port} on 127.0.0.1 is in use" in done.stderr
    assert re.search(r"make run PORT=\d+", done.stderr)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "eight", "PORT='eight' is not a whole number"),
        ("PORT", "70000", "PORT='70000' is not a whole number from 1 to 65535"),
        ("DEMO", "maybe", "DEMO='maybe' is neither on nor off"),
        ("BIND", "here/there", "BIND='here/there' is not an address"),
        ("BIND", "192.0.2.1", "BIND='192.0.2.1' is no address of this machine"),
        ("BROKER_URL", "redis://localhost", "BROKER_URL is set and DATABASE_URL is not"),
    ],
)
def test_it_refuses_a_bad_value_with_the_value_in_the_message(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    done = run("-m", "config.supervisor", env=environment(tmp_path / "home", **{"PORT": str(free_port()), name: value}))
    assert done.returncode in {BadSetting.exit_code, ServerProblem.exit_code}
    assert words in done.stderr and "Traceback" not in done.stderr


def test_a_command_says_so_when_the_database_does_not_answer(tmp_path: Path) -> None:
    address = "postgresql://hydrascope_app:secret@127.0.0.1:1/hydrascope"
    outside = {"DATABASE_URL": address, "BROKER_URL": "redis://127.0.0.1:1"}
    done = run("manage.py", "dataset", "list", env=environment(tmp_path / "home", **outside))
    assert done.returncode == ServerProblem.exit_code
    assert "The database does not answer" in done.stderr and "start the command again" in done.stderr
    assert "secret" not in done.stderr and "Traceback" not in done.stderr


def test_it_says_so_when_an_external_database_does_not_answer(tmp_path: Path) -> None:
    address = "postgresql://hydrascope_app:secret@127.0.0.1:1/hydrascope"
    outside = {"DATABASE_URL": address, "BROKER_URL": "redis://127.0.0.1:1", "PORT": str(free_port())}
    done = run("-m", "config.supervisor", env=environment(tmp_path / "home", **outside))
    assert done.returncode == ServerProblem.exit_code
    assert "The database does not answer" in done.stderr
    assert "secret" not in done.stderr and "Traceback" not in done.stderr
