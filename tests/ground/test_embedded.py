"""The embedded servers run as long as somebody uses them, and survive every way to end."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from config import embedded, home
from config.embedded import Held
from config.home import Places
from config.keeper import Keeper
from config.problems import HomeProblem, ServerProblem, os_error_to_problem
from config.servers import valkey_answers
from tests.processes import environment, free_port, own_folder, pid_of, processes_of, read_until, run, start, wait_until
from tests.settings import ROOT

pytestmark = pytest.mark.xdist_group("embedded")
HOLDER = """
import sys
from pathlib import Path
from config import embedded
held = embedded.hold(Path(sys.argv[1]), fsync=False)
print("up", flush=True)
sys.stdin.readline()
held.release()
"""


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    """A home of this module; its data is made once."""
    with own_folder("embedded") as path:
        held = embedded.hold(path, fsync=False)
        with connect(held.places) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (42)")
        held.release()
        yield path


def connect(places: Places) -> psycopg.Connection:
    """Connect as the owner."""
    words = home.secrets_for(places.home)
    return psycopg.connect(embedded.database_address(places, "hydrascope_owner", words.postgres_owner, "hydrascope"))


def kept(held: Held) -> list[tuple[int]]:
    with connect(held.places) as connection:
        return connection.execute("SELECT n FROM kept").fetchall()


def holder(path: Path) -> subprocess.Popen[str]:
    process = start("-c", HOLDER, str(path), env=environment(path))
    read_until(process, "up")
    return process


def close(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=30)


def test_it_starts_both_servers_and_stops_them_with_the_last_user(own: Path) -> None:
    held = embedded.hold(own, fsync=False)
    assert kept(held) == [(42,)]
    assert valkey_answers(held.places.valkey_socket)
    held.release()
    wait_until(lambda: not processes_of(own))


def test_it_opens_no_port(own: Path) -> None:
    held = embedded.hold(own, fsync=False)
    with connect(held.places) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)
    pid = pid_of(own, "valkey-server")
    sockets = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    tcp = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    inodes = {row.split()[9] for row in tcp.splitlines() if len(row.split()) > 9}
    assert not [name for name in sockets if name.removeprefix("socket:[").rstrip("]") in inodes]
    held.release()


def test_it_refuses_a_wrong_password(own: Path) -> None:
    held = embedded.hold(own, fsync=False)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(embedded.database_address(held.places, "hydrascope_app", "wrong", "hydrascope"))
    held.release()


def test_who_comes_while_the_servers_start_waits_until_they_answer() -> None:
    with own_folder("embedded-early") as path:
        places = home.home_prepare(path)
        first = start("-c", HOLDER, str(path), env=environment(path))
        wait_until(lambda: embedded._keeper_alive(places))
        assert not list(places.postgres_run.glob(".s.PGSQL.*")), (
            "too late to show anything: the server is there already"
        )
        held = embedded.hold(path, fsync=False)
        with connect(held.places) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        read_until(first, "up")
        held.release()
        close(first)


def test_it_serves_two_users_at_once_from_one_keeper(own: Path) -> None:
    processes = [start("-c", HOLDER, str(own), env=environment(own)) for _ in range(2)]
    for process in processes:
        read_until(process, "up")
    assert len([command for command in processes_of(own).values() if "config.keeper" in command]) == 1
    close(processes[0])
    held = embedded.hold(own, fsync=False)
    assert kept(held) == [(42,)]
    held.release()
    close(processes[1])
    wait_until(lambda: not processes_of(own))


def test_it_stops_the_servers_when_their_user_is_killed(own: Path) -> None:
    process = holder(own)
    process.kill()
    process.communicate()
    wait_until(lambda: not processes_of(own))
    held = embedded.hold(own, fsync=False)
    assert kept(held) == [(42,)]
    held.release()


def test_it_stops_the_servers_of_what_a_script_put_into_the_background(own: Path) -> None:
    ignoring = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.SIGQUIT, signal.SIG_IGN)"
    )
    process = start("-c", ignoring + HOLDER, str(own), env=environment(own))
    read_until(process, "up")
    close(process)
    wait_until(lambda: not processes_of(own))


def test_it_recovers_when_the_keeper_is_killed(own: Path) -> None:
    held = embedded.hold(own, fsync=False)
    os.kill(pid_of(own, "config.keeper"), signal.SIGKILL)
    wait_until(held.ensure)
    assert kept(held) == [(42,)]
    held.release()
    wait_until(lambda: not processes_of(own))


@pytest.mark.parametrize("server", ["postgres -D", "valkey-server"])
def test_it_restarts_a_server_that_is_killed(own: Path, server: str) -> None:
    held = embedded.hold(own, fsync=False)
    before = pid_of(own, server) if server != "postgres -D" else _postmaster(held)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{before}").exists())

    def is_back() -> bool:
        try:
            return kept(held) == [(42,)] and valkey_answers(held.places.valkey_socket)
        except psycopg.OperationalError:
            return False

    wait_until(is_back)
    held.release()


def test_it_comes_back_although_a_busy_process_of_the_dead_server_goes_on(own: Path) -> None:
    held = embedded.hold(own, fsync=False)
    with connect(held.places) as connection, ThreadPoolExecutor(1) as pool:
        cursor = connection.cursor()
        busy = pool.submit(cursor.execute, "SELECT count(*) FROM generate_series(1, 1000000000)")
        wait_until(lambda: bool(_rows_of(held, "SELECT 1 FROM pg_stat_activity WHERE query ~ '^SELECT count'")))
        began = time.monotonic()
        os.kill(_postmaster(held), signal.SIGKILL)
        wait_until(lambda: _rows_of(held, "SELECT n FROM kept") == [(42,)], 20)
        assert isinstance(busy.exception(20), psycopg.OperationalError)
        assert time.monotonic() - began < 20
    held.release()


def _rows_of(held: Held, statement: str) -> list[tuple[int]]:
    """Rows of a statement, none while the server is away."""
    try:
        with connect(held.places) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]
    except psycopg.OperationalError:
        return []


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("global/pg_control", lambda old: bytes(b ^ 0xFF for b in old)),
        ("global/pg_control", lambda old: old[:100]),
    ],
)
def test_it_says_so_when_postgresql_s_files_are_damaged_and_changes_nothing(
    own: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    data = home.places_for(own).postgres_data
    file = data / name
    good = file.read_bytes()
    file.write_bytes(damage(good))
    damaged = file.read_bytes()
    began = time.monotonic()
    done = run("-m", "config.supervisor", env=environment(own, PORT=str(free_port()), DEMO="0"))
    untouched = file.read_bytes() == damaged
    file.write_bytes(good)
    assert done.returncode == ServerProblem.exit_code, done.stderr
    assert f"data in {data} is damaged. Nothing in it was changed. Restore" in done.stderr
    assert untouched and "Traceback" not in done.stderr
    assert time.monotonic() - began < 30
    wait_until(lambda: not processes_of(own))
    held = embedded.hold(own, fsync=False)
    assert kept(held) == [(42,)]
    held.release()


def _postmaster(held: Held) -> int:
    return int((held.places.postgres_data / "postmaster.pid").read_text().split()[0])


def test_it_lets_a_process_be_that_took_over_the_number_of_a_dead_server(own: Path) -> None:
    data = home.places_for(own).postgres_data
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n0\n5432\n\n\n\nready\n")
    held = embedded.hold(own, fsync=False)
    assert kept(held) == [(42,)]
    held.release()


def test_it_shows_the_end_of_the_log_when_a_server_does_not_start(own: Path) -> None:
    auto = home.places_for(own).postgres_data / "postgresql.auto.conf"
    before = auto.read_text()
    auto.write_text("no_such_setting = 1\n")
    done = run("manage.py", "migrate", env=environment(own))
    auto.write_text(before)
    assert done.returncode == ServerProblem.exit_code
    assert "postgres did not start" in done.stderr and "no_such_setting" in done.stderr
    assert "Traceback" not in done.stderr
    wait_until(lambda: not processes_of(own))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("17\n", "was made by PostgreSQL 17; this is PostgreSQL 18"),
        (None, "PG_VERSION is missing"),
        ("", "PG_VERSION is missing"),
    ],
)
def test_it_refuses_the_data_of_another_postgresql_and_changes_nothing(
    own: Path, content: str | None, words: str
) -> None:
    file = home.places_for(own).postgres_data / "PG_VERSION"
    before = {path: path.stat().st_mtime_ns for path in file.parent.rglob("*") if path != file}
    text = file.read_text()
    if content is None:
        file.rename(file.with_name("aside"))
    else:
        file.write_text(content)
    done = run("manage.py", "migrate", env=environment(own))
    if content is None:
        file.with_name("aside").rename(file)
    else:
        file.write_text(text)
    assert done.returncode == ServerProblem.exit_code
    assert words in done.stderr and "move it away" in done.stderr and str(file.parent) in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in file.parent.rglob("*") if path != file} == before


def test_it_says_so_when_the_passwords_do_not_belong_to_the_data(own: Path) -> None:
    file = own / "secrets.json"
    before = file.read_text()
    file.unlink()
    done = run("manage.py", "migrate", env=environment(own))
    file.write_text(before)
    assert done.returncode == ServerProblem.exit_code
    assert "Restore that file from a backup" in done.stderr


@pytest.mark.parametrize("content", ["", "{", "[]", '{"secret_key": "x"}'])
def test_it_says_so_when_the_secrets_are_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / "secrets.json").write_text(content)
    with pytest.raises(HomeProblem, match=r"secrets\.json is damaged"):
        home.secrets_for(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
def test_it_says_so_when_postgresql_can_no_longer_enter_the_home(own: Path) -> None:
    own.chmod(0o700)
    with pytest.raises(ServerProblem, match="may not enter"):
        embedded.hold(own, fsync=False)
    own.chmod(0o755)


def test_it_keeps_secrets_to_the_owner(own: Path) -> None:
    assert (own / "secrets.json").stat().st_mode & 0o077 == 0
    assert home.places_for(own).postgres_data.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("below", ["", "inner/home"])
def test_it_refuses_a_home_that_is_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    done = run("manage.py", "migrate", env=environment(tmp_path / "file" / below))
    assert done.returncode == HomeProblem.exit_code
    assert "HYDRASCOPE_HOME=" in done.stderr and "Traceback" not in done.stderr


def test_it_refuses_a_home_without_rights(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    command = [shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or "", "-c", PREPARE, str(closed / "home")]
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None or not command[0]:
            pytest.skip("as root this needs setpriv and a python3 that everybody can run")
        command = [setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups", *command]
    with tempfile.TemporaryDirectory() as readable:  # the checkout itself may be its owner's alone
        shutil.copytree(ROOT / "config", Path(readable) / "config", ignore=shutil.ignore_patterns("__pycache__"))
        Path(readable).chmod(0o755)
        done = subprocess.run(
            command, check=False, cwd=readable, capture_output=True, text=True, env={"PYTHONDONTWRITEBYTECODE": "1"}
        )
    assert done.returncode == HomeProblem.exit_code, done.stderr
    assert "No right to use" in done.stderr and str(tmp_path.name) in done.stderr


PREPARE = """
import sys
from pathlib import Path
from config import home, problems
with problems.exit_with_message():
    home.home_prepare(Path(sys.argv[1]))
"""


def test_it_refuses_a_disk_that_is_about_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "NEEDED_FREE_BYTES", 1 << 62)
    with pytest.raises(HomeProblem, match=r"is full: .* MB free"):
        Keeper(tmp_path, fsync=False)
    assert not (tmp_path / "postgres").exists()


def test_it_says_so_when_the_disk_is_full() -> None:
    with pytest.raises(OSError) as caught, open("/dev/full", "w") as full:
        full.write("x")
        full.flush()
    assert caught.value.errno == errno.ENOSPC
    told = str(os_error_to_problem(caught.value, "writing", home=Path("/a/home")))
    assert "The disk is full: no room at /a/home (writing)" in told


def test_it_finds_a_short_place_for_sockets_of_a_deep_home(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    places = Places(deep, deep)
    assert len(str(places.postgres_run / ".s.PGSQL.5432").encode()) <= 107
    assert len(str(places.valkey_socket).encode()) <= 107
    assert places.postgres_run != Places(tmp_path, tmp_path).postgres_run


def test_it_runs_a_command_and_leaves_nothing_behind(own: Path) -> None:
    done = run("manage.py", "migrate", "--plan", env=environment(own))
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not processes_of(own))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
def test_settings_know_where_the_database_will_be_before_it_runs(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    code = "from config import settings; print(settings.DATABASE_URL)"
    done = run("-c", code, env=environment(closed / "home"))
    assert done.returncode == 0, done.stderr
    places = home.places_decide(closed / "home")
    try:
        assert places.base != places.home
        assert quote(str(places.postgres_run), safe="") in done.stdout
    finally:
        shutil.rmtree(places.base)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
def test_it_puts_postgresql_where_its_user_can_go_when_the_home_is_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    held = embedded.hold(closed / "home", fsync=False)
    try:
        assert held.places.base != held.places.home
        with connect(held.places) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        held.release()
        shutil.rmtree(held.places.base)
