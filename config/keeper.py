"""The keeper: the process that runs the embedded servers of one home for as long as anybody uses them.

It is started by the first user (config.embedded) and lives in a session of its own. Users hold a shared lock on
`locks/users`; a thread of the keeper waits for the exclusive one, which the kernel grants when the last user is gone,
however that user ended. If the keeper itself is killed, the kernel signals its servers (die_with_parent).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from config.home import check_free_space, home_prepare, places_decide, secrets_for
from config.problems import Problem, ServerProblem, os_error_to_problem
from config.servers import Postgres, Server, Valkey

RESTARTS_PER_MINUTE = 5
CHECK_SECONDS = 0.5
LOCK_TRIES, LOCK_SECONDS = 20, 0.02


class Keeper:
    """Starts the servers, restarts one that dies, and stops them in the end."""

    def __init__(self, home: Path, *, fsync: bool) -> None:
        home_prepare(home)
        check_free_space(home)
        self.places = places_decide(home)
        self.servers: list[Server] = [
            Postgres(self.places, secrets_for(home), fsync=fsync),
            Valkey(self.places, fsync=fsync),
        ]
        self.ends: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.restarts: list[float] = []

    def start(self) -> None:
        """Start every server, or none."""
        threading.Thread(target=self._wait_for_last_user, daemon=True).start()
        try:
            for server in self.servers:
                server.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the servers in reverse order."""
        for server in reversed(self.servers):
            server.stop()

    def keep(self) -> str:
        """Return the reason to end, once there is one."""
        while True:
            try:
                return self.ends.get(timeout=CHECK_SECONDS)
            except queue.Empty:
                self._restart_the_dead()

    def _wait_for_last_user(self) -> None:
        users = (self.places.locks / "users").open("a")
        fcntl.flock(users, fcntl.LOCK_EX)
        self.ends.put("nobody uses the servers any more")
        self.lock = users

    def _restart_the_dead(self) -> None:
        for server in self.servers:
            if server.process is None or server.process.poll() is None:
                continue
            now = time.monotonic()
            self.restarts = [*(at for at in self.restarts if now - at < 60), now]
            if len(self.restarts) > RESTARTS_PER_MINUTE:
                raise ServerProblem(
                    f"{server.name} died {RESTARTS_PER_MINUTE} times within a minute.\n{server.log_tail()}"
                )
            print(
                f"{server.name} died (exit {server.process.returncode}), starting it again", file=sys.stderr, flush=True
            )
            server.start()


def main() -> int:
    """Run the keeper of a home: one JSON line on standard output says ready or why not."""
    parser = argparse.ArgumentParser(prog="python -m config.keeper", description=main.__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--no-fsync", action="store_true", help="for tests: faster, unsafe when the machine crashes")
    options = parser.parse_args()
    try:
        keeper = Keeper(options.home, fsync=not options.no_fsync)
        alive = (keeper.places.locks / "keeper").open("a")
        _lock_for_good(alive)
        for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(sent, lambda number, _frame: keeper.ends.put(f"signal {number}"))
        keeper.start()
    except BlockingIOError:
        return _report({"error": "another keeper runs already", "exit_code": 69})
    except Problem as problem:
        return _report({"error": str(problem), "exit_code": problem.exit_code})
    except OSError as error:
        told = os_error_to_problem(error, "starting the servers", home=options.home)
        return _report({"error": str(told), "exit_code": told.exit_code})
    _report({"ready": True})
    try:
        reason = keeper.keep()
    except (Problem, OSError) as failure:
        reason = str(failure)
    print(f"stopping: {reason}", file=sys.stderr, flush=True)
    keeper.stop()
    return 0


def _lock_for_good(file: TextIO) -> None:
    """Take the keeper's lock; BlockingIOError when another has it. Who only asks whether there is a keeper has it for
    a moment."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_SECONDS)
        else:
            return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _report(message: dict[str, object]) -> int:
    """Tell whoever started the keeper, then let go of that pipe."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
