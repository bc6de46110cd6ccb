"""Killing parts of a running console at random moments, and comparing what is there in the end with an undisturbed one.

    python -m tests.faults.chaos [--kills 10] [--accounts 1500] [--seed 1] [--only run:worker load:postgres …]

One console, on a home of its own. Each round starts a run or a load, sends SIGKILL to one process of the named part at
a moment drawn between its start and its usual end, starts again what does not come back by itself, and waits until the
work is done: a run by itself, a load by asking for it again. Then every row must be the undisturbed one's. A kill that
came after the end is not counted and drawn anew. `make chaos` calls this; tests/faults/test_chaos.py does a little of it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import digests
from tests.faults.console import COMMAND_SECONDS, Console
from tests.processes import environment, own_folder, run, wait_until

RUN_PARTS = ("worker", "pool", "postgres", "backend", "valkey", "keeper", "supervisor")
LOAD_PARTS = ("ingest", "postgres", "backend", "valkey", "keeper", "supervisor")
UPLOAD_PARTS = ("worker", "pool", "postgres", "backend", "valkey", "keeper", "supervisor")
KINDS = [
    *(f"run:{part}" for part in RUN_PARTS),
    *(f"load:{part}" for part in LOAD_PARTS),
    *(f"upload:{part}" for part in UPLOAD_PARTS),
]
END_SECONDS = 300
LONGEST_DRAW = 5
RUN_IS_OVER = ("done", "failed", "cancelled")
BATCH_IS_OVER = ("landed", "partly", "failed")
STATE_OF_RUN = "SELECT state FROM investigations_run WHERE id = %s"
BATCH_NOW = """SELECT state, (SELECT name FROM accounts_batchfile f WHERE f.batch_id = b.id AND f.state = 'loading')
    FROM accounts_batch b WHERE id = %s"""
STATE_OF_BATCH = "SELECT state FROM accounts_batch WHERE id = %s"
NEWEST_RUN = """SELECT max(r.id) FROM investigations_run r JOIN core_dataset d ON d.id = r.dataset_id
    WHERE d.name = %s"""
NEWEST_BATCH = """SELECT max(b.id) FROM accounts_batch b JOIN core_dataset d ON d.id = b.dataset_id WHERE d.name = %s"""
SECONDS_OF_RUN = "SELECT extract(epoch FROM finished_at - started_at)::float FROM investigations_run WHERE id = %s"
SECONDS_OF_LOAD = """SELECT extract(epoch FROM b.finished_at - b.started_at)::float
    FROM accounts_batch b JOIN core_dataset d ON d.id = b.dataset_id WHERE d.name = %s"""
UPLOAD = """
import sys
from pathlib import Path
import django
django.setup()
from accounts.services.uploads import Upload, batch_upload
from accounts.tasks import batch_ingest
from staff.models import User
files = [Upload(path.name, iter([path.read_bytes()])) for path in sorted(Path(sys.argv[1]).iterdir())]
batch = batch_upload(dataset=sys.argv[2], uploads=files, started_by=User.objects.get(username="admin"))
batch_ingest.delay(batch.pk)
print(batch.pk)
"""


@dataclass
class Tally:
    """What came of one kind of kill."""

    kind: str
    kills: int = 0
    late: int = 0
    seconds: list[float] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def noted(self, where: str, seconds: float) -> None:
        """Count one kill, what was under way when it came, and how long the work took to its end."""
        self.kills += 1
        self.at[where] = self.at.get(where, 0) + 1
        self.seconds.append(seconds)


class Chaos:
    """A console with an undisturbed load and run to compare with."""

    def __init__(self, console: Console, world: Path, *, seed: int) -> None:
        self.console, self.world = console, world
        self.random = random.Random(seed)
        self.n_loads = 0
        for dataset in ("cold", "calm"):
            self.load(dataset)
            self.quiet()
        [[self.load_seconds]] = self.console.rows(SECONDS_OF_LOAD, ("calm",))
        self.rows = digests.of_dataset(console, "calm")
        self.partition = self.partition_of("calm")
        number = self.run_to_its_end()
        self.run_seconds = self.console.value(SECONDS_OF_RUN, (number,))
        self.run_rows = digests.of_run(console, number)
        assert digests.partition_of(console, number) == self.partition
        assert len(self.partition) > 1, "a world in which nothing is found shows nothing"

    def load(self, dataset: str) -> dict[str, Any]:
        """Load the world undisturbed."""
        return self.console.answer("ingest", str(self.world), "--dataset", dataset)

    def run_to_its_end(self) -> int:
        """Have the worker link the undisturbed dataset; return the run's number in the database."""
        number = self.run_start()
        wait_until(lambda: self.console.value(STATE_OF_RUN, (number,)) in RUN_IS_OVER, END_SECONDS)
        return number

    def run_start(self) -> int:
        """Queue a run of the undisturbed dataset; return its number in the database as soon as it is under way."""
        before = self.console.value(NEWEST_RUN, ("calm",))
        process = self.console.command("link", "--dataset", "calm", "--queue")
        wait_until(lambda: self.console.value(NEWEST_RUN, ("calm",)) != before or bool(process.poll()), END_SECONDS)
        assert not process.returncode, f"no run was queued: {process.communicate()}"
        number = int(self.console.value(NEWEST_RUN, ("calm",)))
        wait_until(lambda: self.console.value(STATE_OF_RUN, (number,)) != "queued", END_SECONDS)
        return number

    def quiet(self) -> None:
        """Wait until every run that a load asked for is over."""
        statement = """SELECT (SELECT count(*) FROM investigations_run WHERE NOT state = ANY(%s))
            + (SELECT count(*) FROM core_outboxmessage WHERE done_at IS NULL)"""
        wait_until(lambda: self.console.value(statement, (list(RUN_IS_OVER),)) == 0, END_SECONDS)

    def _runs_of(self, dataset: str) -> str:
        statement = """SELECT r.number, r.state, r.reason, r.error, r.statistics FROM investigations_run r
            JOIN core_dataset d ON d.id = r.dataset_id WHERE d.name = %s ORDER BY r.number"""
        return repr(self.console.rows(statement, (dataset,)))

    def partition_of(self, dataset: str) -> list[str]:
        """The clusters of a dataset's newest run, which is over."""
        return digests.partition_of(self.console, self.console.value(NEWEST_RUN, (dataset,)))

    def one(self, kind: str, tally: Tally) -> None:
        """One kill of a kind; a draw that came too late is drawn anew."""
        work, part = kind.split(":")
        act = {"run": self.disturb_run, "load": self.disturb_load, "upload": self.disturb_upload}[work]
        for _ in range(LONGEST_DRAW):
            began = time.monotonic()
            where, found = act(part)
            if found:
                tally.differences += found
            if where:
                tally.noted(where, time.monotonic() - began)
                return
            tally.late += 1
            self._shorter(work)

    def disturb_run(self, part: str) -> tuple[str, list[str]]:
        """Kill a part in the middle of a run; return the step that was under way, and what is different in the end."""
        number = self.run_start()
        time.sleep(self.random.uniform(0, self.run_seconds))
        where = self._killed(part, "SELECT state, step FROM investigations_run WHERE id = %s", number, RUN_IS_OVER)
        self.console.revive()
        wait_until(lambda: self.console.value(STATE_OF_RUN, (number,)) in RUN_IS_OVER, END_SECONDS)
        state, error = self.console.rows("SELECT state, error FROM investigations_run WHERE id = %s", (number,))[0]
        if state != "done":
            return where or state, [f"the run {state}: {json.dumps(error)}"]
        return where, digests.different(digests.of_run(self.console, number), self.run_rows)

    def disturb_load(self, part: str) -> tuple[str, list[str]]:
        """Kill the load or a part below it in the middle; load again; return where it was, and what is different."""
        self.n_loads += 1
        dataset = f"load-{self.n_loads}"
        process = self.console.command("ingest", str(self.world), "--dataset", dataset, "--json")
        number = self._batch_under_way(dataset)
        time.sleep(self.random.uniform(0, self.load_seconds))
        pids = [process.pid] if part == "ingest" else None
        where = self._killed(part, BATCH_NOW, number, BATCH_IS_OVER, pids)
        _, complained = process.communicate(timeout=COMMAND_SECONDS)
        found = [f"a traceback: {complained[-1500:]}"] if "Traceback" in complained else []
        self.console.revive()
        self._servers_answer()
        self.load(dataset)
        return where, found + self._load_compared(dataset)

    def disturb_upload(self, part: str) -> tuple[str, list[str]]:
        """Kill a part while the worker loads an upload; return where it was, and what is different in the end."""
        self.n_loads += 1
        dataset = f"load-{self.n_loads}"
        env = {**self.console.env, "DJANGO_SETTINGS_MODULE": "config.settings"}
        made = run("-c", UPLOAD, str(self.world), dataset, env=env, seconds=COMMAND_SECONDS)
        assert made.returncode == 0, made.stderr
        number = int(made.stdout)
        self._batch_under_way(dataset)
        time.sleep(self.random.uniform(0, self.load_seconds))
        where = self._killed(part, BATCH_NOW, number, BATCH_IS_OVER)
        self.console.revive()
        wait_until(lambda: self.console.value(STATE_OF_BATCH, (number,)) in BATCH_IS_OVER, END_SECONDS)
        state, error = self.console.rows("SELECT state, error FROM accounts_batch WHERE id = %s", (number,))[0]
        found = [] if state == "landed" else [f"the batch {state}: {json.dumps(error)}"]
        return where, found + self._load_compared(dataset)

    def _shorter(self, work: str) -> None:
        """Draw earlier moments from now on: what was timed first was slower than what comes later."""
        if work == "run":
            self.run_seconds *= 0.7
        else:
            self.load_seconds *= 0.8

    def _batch_under_way(self, dataset: str) -> int:
        statement = NEWEST_BATCH + " AND NOT b.state = 'queued'"
        wait_until(lambda: self.console.value(statement, (dataset,)) is not None, END_SECONDS)
        return int(self.console.value(statement, (dataset,)))

    def _killed(
        self, part: str, statement: str, number: int, is_over: tuple[str, ...], pids: list[int] | None = None
    ) -> str:
        """Kill one process of the part unless the work is over; return what was under way, or nothing."""
        state, step = self.console.rows(statement, (number,))[0]
        if state in is_over:
            return ""
        wait_until(lambda: bool(pids or self.console.pids(part)), 60)
        self.console.kill(self.random.choice(pids or self.console.pids(part)))
        return str(step or state)

    def _load_compared(self, dataset: str) -> list[str]:
        found = digests.different(digests.of_dataset(self.console, dataset), self.rows)
        return found + [f"left over: {name}" for name in digests.leftovers(self.console, dataset)]

    def _servers_answer(self) -> None:
        self.console.rows("SELECT 1")
        wait_until(lambda: bool(self.console.pids("valkey")) and bool(self.console.pids("keeper")), 120)

    def finish(self) -> list[str]:
        """What is wrong once all is quiet: clusters of disturbed loads, the audit chain, batches that never end."""
        self.quiet()
        found = []
        for (dataset,) in self.console.rows("SELECT name FROM core_dataset WHERE name LIKE 'load-%%'"):
            if self.partition_of(dataset) != self.partition:
                found.append(f"the clusters of {dataset}: {self._runs_of(dataset)}")
        checked = run("manage.py", "verify_audit", env=self.console.env)
        if checked.returncode:
            found.append(f"the audit chain: {checked.stdout}{checked.stderr}")
        return found


@contextmanager
def chaos(*, accounts: int, seed: int) -> Iterator[Chaos]:
    """A console that runs, with a world of this many accounts loaded and linked undisturbed."""
    with own_folder("chaos") as folder:
        world = folder / "world"
        made = run(
            "manage.py", "simulate", str(world), "--accounts", str(accounts), "--prevalence", "0.05", "--seed", "1",
            env=environment(folder / "home"), seconds=COMMAND_SECONDS,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        console = Console(folder)
        try:
            console.start()
            yield Chaos(console, world, seed=seed)
        except BaseException:
            print(console.said(), file=sys.stderr)
            raise
        finally:
            console.stop()


def main() -> int:
    """Print a table of kills by kind; return 1 when anything was different."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=main.__doc__)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("CHAOS_KILLS", "10")), help="of each kind")
    parser.add_argument("--accounts", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CHAOS_SEED", "1")))
    parser.add_argument("--only", nargs="+", choices=KINDS, default=os.environ.get("CHAOS_ONLY", "").split() or KINDS)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, seed {options.seed}")
    with chaos(accounts=options.accounts, seed=options.seed) as at_work:
        print(f"undisturbed: load {at_work.load_seconds:.1f} s, run {at_work.run_seconds:.1f} s")
        print(
            f"{'kind':<18}{'kills':>6}{'late':>6}{'median s':>10}{'longest s':>11}  where; what was different",
            flush=True,
        )
        wrong = 0
        for kind in options.only:
            tally = Tally(kind)
            for _ in range(options.kills):
                at_work.one(kind, tally)
            wrong += len(tally.differences)
            print(told(tally), flush=True)
        found = at_work.finish()
    print("in the end: " + ("; ".join(found) or "clusters of all loads equal, audit chain whole"))
    return 1 if wrong or found else 0


def told(tally: Tally) -> str:
    """A line of the table."""
    seconds = sorted(tally.seconds) or [0.0]
    where = ", ".join(f"{name} {n}" for name, n in sorted(tally.at.items()))
    wrong = "; ".join(dict.fromkeys(tally.differences)) or "nothing"
    middle, longest = seconds[len(seconds) // 2], seconds[-1]
    return f"{tally.kind:<18}{tally.kills:>6}{tally.late:>6}{middle:>10.1f}{longest:>11.1f}  {where}; {wrong}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.SubprocessError as error:
        sys.exit(str(error))
