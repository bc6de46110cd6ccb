"""What every pair signal promises, and what each sees and does not see. Planted mistakes must make a test fail."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from investigations.linkage import Settings, run
from investigations.linkage.gather import column_ints, units_from
from investigations.linkage.pair import explain_pair, holdings_read
from investigations.linkage.signals import PAIR_SIGNALS, PairRows, PairSignal, PairSource
from tests.linkage import worlds
from tests.linkage.worlds import World

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
DAYS = 30
PRIOR = -7000


@dataclass
class Life:
    """Exchanges of accounts numbered from 0."""

    n: int
    seed: int = 1
    rows: list[dict[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def ask(
        self, account: int, at: int, status: int = 0, tokens: int | None = None, content: int | None = None
    ) -> None:
        """One exchange."""
        size = int(self.chance.lognormvariate(6.3, 1.0)) if tokens is None else tokens
        said = self.chance.getrandbits(64) - 2**63 if content is None else content
        self.rows.append({"account": account, "at": at, "status": status, "input_tokens": size, "content": said})

    def sit(self, account: int, at: int, n: int = 4) -> None:
        """A sitting: n exchanges, half a minute apart; one in a hundred is refused."""
        for i in range(n):
            self.ask(account, at + i * 30 * SECOND, status=int(self.chance.random() < 0.01))

    def everybody(self, sittings: int = 20) -> Life:
        """All accounts sit down at random moments."""
        for account in range(self.n):
            for _ in range(sittings):
                self.sit(account, self.chance.randrange(DAYS * DAY))
        return self

    def rows_of(self, name: str, folder: Path, shuffle: int | None = None) -> PairRows | None:
        """What the signal says of all pairs that it proposes."""
        rows = list(self.rows)
        if shuffle is not None:
            random.Random(shuffle).shuffle(rows)
        path = worlds.exchanges(folder / f"{name}{shuffle}.parquet", rows)
        return signal_rows(name, worlds.inputs(World(list(range(self.n))), exchanges=(path,)))


def signal_rows(name: str, given: object) -> PairRows | None:
    signal = next(one for one in PAIR_SIGNALS if one.name == name)
    accounts, unit_of = units_from(given.accounts, given.declared)  # type: ignore[attr-defined]
    return signal.look(PairSource(given, accounts, unit_of, accounts.size, lambda: PRIOR))  # type: ignore[arg-type]


def bits_of(rows: PairRows | None, a: int, b: int) -> int:
    """The pair's millibits, 0 without a row."""
    if rows is None:
        return 0
    at = np.flatnonzero(rows.pair == ((min(a, b) << 32) | max(a, b)))
    return int(rows.bits[at].sum())


def relay_at_limits(
    life: Life, a: int, b: int, *, times: int = 4, after: int = 9 * SECOND, tokens: int | None = None
) -> Life:
    """Lets b begin with a's request a little after a is refused and stops."""
    for _ in range(times):
        at = life.chance.randrange(DAYS * DAY)
        size = tokens if tokens is not None else 4000 + life.chance.randrange(3000)
        life.ask(a, at, status=1, tokens=size)
        life.ask(b, at + after, tokens=size)
    return life


def paraphrased(life: Life, a: int, b: int, *, texts: int = 6, flips: int = 4) -> Life:
    """Gives both accounts requests that differ from common texts in a few bits."""
    for _ in range(texts):
        text = life.chance.getrandbits(64)
        for account in (a, b):
            bits = text
            for place in life.chance.sample(range(64), flips):
                bits ^= 1 << place
            life.ask(account, life.chance.randrange(DAYS * DAY), content=bits - 2**64 if bits >= 2**63 else bits)
    return life


def going_round(life: Life, *, contents: int = 40, each: int = 6) -> Life:
    """Lets everybody bring some of the contents that go round, at random moments."""
    for account in range(life.n):
        for _ in range(each):
            life.ask(account, life.chance.randrange(DAYS * DAY), content=1 + life.chance.randrange(contents))
    return life


def together(
    life: Life, a: int, b: int, *, contents: int = 5, after: int = 20 * SECOND, of: range | None = None
) -> Life:
    """Lets b bring several contents a little after a, at moments of their own; others bring them at other times."""
    if not any(row["content"] == 1 for row in life.rows):
        going_round(life)
    for content in of or range(1000, 1000 + contents):
        at = life.chance.randrange(DAYS * DAY)
        life.ask(a, at, content=content)
        life.ask(b, at + after, content=content)
        for _ in range(3):
            life.ask(life.chance.randrange(life.n), life.chance.randrange(DAYS * DAY), content=content)
    return life


PLANTED: dict[str, Callable[[Life, int, int], Life]] = {
    "limit_handoff": relay_at_limits,
    "near_content": paraphrased,
    "co_sharing": together,
}


@pytest.mark.parametrize("signal", PAIR_SIGNALS, ids=lambda signal: signal.name)
class TestEveryPairSignal:
    def test_it_finds_what_is_planted_and_counts_it_for_a_link(self, signal: PairSignal, tmp_path: Path) -> None:
        rows = PLANTED[signal.name](Life(200).everybody(), 17, 60).rows_of(signal.name, tmp_path)
        assert rows is not None
        assert bits_of(rows, 17, 60) == rows.bits.max() > 8000
        assert (rows.bits > 9000).sum() < 5

    def test_order_and_doubles_change_nothing(self, signal: PairSignal, tmp_path: Path) -> None:
        life = PLANTED[signal.name](Life(60).everybody(), 1, 2)
        once = life.rows_of(signal.name, tmp_path)
        life.rows += life.rows[::3]
        again = life.rows_of(signal.name, tmp_path, shuffle=5)
        assert once is not None and again is not None
        for name in ("kind", "pair", "bits", "seen", "expected"):
            assert np.array_equal(getattr(once, name), getattr(again, name)), name

    def test_it_gives_distinct_ordered_rows_of_pairs_in_order(self, signal: PairSignal, tmp_path: Path) -> None:
        rows = PLANTED[signal.name](Life(60).everybody(), 1, 2).rows_of(signal.name, tmp_path)
        assert rows is not None
        keys = list(zip(rows.kind.tolist(), rows.pair.tolist(), strict=True))
        assert keys == sorted(set(keys))
        assert ((rows.pair >> 32) < (rows.pair & 0xFFFFFFFF)).all()
        assert (rows.seen > 0).all()
        assert (rows.expected >= 0).all()

    def test_it_is_not_available_without_exchanges(self, signal: PairSignal, tmp_path: Path) -> None:
        assert signal_rows(signal.name, worlds.inputs(World([]))) is None
        assert signal_rows(signal.name, worlds.inputs(World([1, 2, 3]))) is None
        none = worlds.exchanges(tmp_path / "none.parquet", [])
        assert signal_rows(signal.name, worlds.inputs(World([1, 2]), exchanges=(none,))) is None

    def test_accounts_that_nobody_knows_are_left_out(self, signal: PairSignal, tmp_path: Path) -> None:
        life = PLANTED[signal.name](Life(60).everybody(), 1, 2)
        path = worlds.exchanges(tmp_path / "e.parquet", life.rows)
        rows = signal_rows(signal.name, worlds.inputs(World(list(range(10, 60))), exchanges=(path,)))
        assert rows is None or ((rows.pair & 0xFFFFFFFF) < 50).all()

    def test_chance_alone_brings_no_strong_pair(self, signal: PairSignal, tmp_path: Path) -> None:
        rows = Life(300, seed=3).everybody().rows_of(signal.name, tmp_path)
        assert rows is None or not (rows.bits > 13_000).any()


class TestLimitHandoff:
    def test_beginning_before_the_refusal_is_no_handoff(self, tmp_path: Path) -> None:
        life = relay_at_limits(Life(80).everybody(), 3, 4, after=-9 * SECOND)
        assert bits_of(life.rows_of("limit_handoff", tmp_path), 3, 4) == 0

    @pytest.mark.parametrize("hours", [1, -5])
    def test_another_time_zone_is_no_handoff(self, tmp_path: Path, hours: int) -> None:
        life = relay_at_limits(Life(80).everybody(), 3, 4, after=9 * SECOND + hours * HOUR)
        assert bits_of(life.rows_of("limit_handoff", tmp_path), 3, 4) == 0

    def test_a_request_of_rare_length_weighs_more_than_one_of_a_length_that_all_have(self, tmp_path: Path) -> None:
        common, rare = Life(300), Life(300)
        for life in (common, rare):
            life.everybody()
        for row in common.rows:
            row["input_tokens"] = 77
        bits = [
            bits_of(relay_at_limits(life, 3, 4, times=1, tokens=77).rows_of("limit_handoff", tmp_path), 3, 4)
            for life in (common, rare)
        ]
        assert bits[1] > bits[0] + 5000

    def test_who_goes_on_after_the_refusal_hands_nothing_over(self, tmp_path: Path) -> None:
        life = relay_at_limits(Life(80).everybody(), 3, 4)
        for row in [row for row in life.rows if row["account"] == 3 and row["status"] == 1]:
            life.ask(3, row["at"] + 40 * SECOND)
        assert bits_of(life.rows_of("limit_handoff", tmp_path), 3, 4) == 0

    def test_fleets_that_begin_on_the_minute_are_no_operator(self, tmp_path: Path) -> None:
        life = Life(60)
        for account in range(60):
            for hour in range(DAYS * 24):
                at = hour * HOUR + life.chance.randrange(8 * SECOND)
                life.ask(account, at, status=int(life.chance.random() < 0.05), tokens=500)
        rows = life.rows_of("limit_handoff", tmp_path)
        assert rows is not None
        assert not (rows.bits > 6000).any()

    def test_after_an_outage_everybody_begins(self, tmp_path: Path) -> None:
        calm, outage = Life(400).everybody(), Life(400).everybody()
        for account in range(5, 400):
            outage.ask(account, 10 * DAY + outage.chance.randrange(40) * SECOND)
        bits = []
        for life in (calm, outage):
            life.ask(3, 10 * DAY, status=1, tokens=777)
            life.ask(4, 10 * DAY + 5 * SECOND, tokens=778)
            bits.append(bits_of(life.rows_of("limit_handoff", tmp_path), 3, 4))
        assert bits[1] < bits[0] - 3000

    def test_without_a_refusal_it_is_not_available(self, tmp_path: Path) -> None:
        life = Life(20).everybody()
        for row in life.rows:
            row["status"] = 0
        assert life.rows_of("limit_handoff", tmp_path) is None


class TestNearContent:
    def test_the_fewer_bits_differ_the_more_it_weighs(self, tmp_path: Path) -> None:
        def bits(flips: int) -> int:
            life = Life(400).everybody()
            for pair in range(40):
                paraphrased(life, 2 * pair, 2 * pair + 1, texts=1, flips=flips)
            rows = life.rows_of("near_content", tmp_path)
            return sum(bits_of(rows, 2 * pair, 2 * pair + 1) for pair in range(40))

        assert bits(2) > bits(4) > 0

    def test_equal_requests_are_another_signals(self, tmp_path: Path) -> None:
        life = paraphrased(Life(60).everybody(), 1, 2, flips=0)
        assert bits_of(life.rows_of("near_content", tmp_path), 1, 2) == 0

    def test_opaque_fingerprints_show_nothing(self, tmp_path: Path) -> None:
        rows = Life(400, seed=9).everybody(40).rows_of("near_content", tmp_path)
        assert rows is None or not rows.pair.size

    def test_what_many_have_near_equals_of_weighs_little(self, tmp_path: Path) -> None:
        life = paraphrased(Life(400).everybody(), 1, 2, texts=1, flips=2)
        text = life.chance.getrandbits(62)
        for account in range(100, 300):
            life.ask(account, life.chance.randrange(DAYS * DAY), content=text ^ (1 << life.chance.randrange(60)))
        rows = life.rows_of("near_content", tmp_path)
        assert rows is not None
        crowd = (rows.pair >> 32) >= 100
        assert rows.bits[crowd].max(initial=0) < bits_of(rows, 1, 2) / 2

    def test_what_continues_an_answer_is_not_looked_at(self, tmp_path: Path) -> None:
        life = paraphrased(Life(60).everybody(), 1, 2)
        for row in life.rows:
            if row["account"] == 1:
                row["prefix"] = life.chance.getrandbits(60)
        assert bits_of(life.rows_of("near_content", tmp_path), 1, 2) == 0


def test_a_run_links_what_only_pair_signals_see_and_explains_it(tmp_path: Path) -> None:
    life = paraphrased(relay_at_limits(Life(120).everybody(), 17, 60), 17, 60)
    path = worlds.exchanges(tmp_path / "e.parquet", life.rows)
    result = run(worlds.inputs(World(list(range(120))), exchanges=(path,)), Settings(), workdir=tmp_path / "run")
    links = [link for link in result.links.to_pylist() if (link["a"], link["b"]) == (17, 60)]
    assert len(links) == 1
    mine = [row for row in result.evidence.to_pylist() if (row["a"], row["b"]) == (17, 60)]
    assert [row["kind"] for row in mine] == ["near_content", "limit_handoff"]
    assert all(row["value"] is None and row["seen"] >= 4 and row["bits"] > 0 for row in mine)
    held = holdings_read(tmp_path / "run", (17, 60), result.model)
    assert held is not None
    told = explain_pair(*held, result.model)
    assert told.bits == links[0]["bits"]
    assert {(row.kind, row.value, row.seen, row.bits) for row in told.rows} == {
        (row["kind"], None, row["seen"], row["bits"]) for row in mine
    }
    assert result.statistics["pair_evidence"] >= 2
    assert not column_ints(result.cluster_values, "value").size or "limit_handoff" not in set(
        result.cluster_values["kind"].to_pylist()
    )


def test_a_kind_that_is_ignored_says_nothing(tmp_path: Path) -> None:
    life = relay_at_limits(Life(60).everybody(), 1, 2)
    path = worlds.exchanges(tmp_path / "e.parquet", life.rows)
    given = worlds.inputs(World(list(range(60))), exchanges=(path,))
    settings = Settings(ignore_kinds=("limit_handoff", "near_content"))
    result = run(given, settings, workdir=tmp_path / "run")
    assert not result.links.num_rows
    assert result.statistics["pair_evidence"] == 0


def test_one_act_alone_links_nobody_who_is_near_to_nobody_else(tmp_path: Path) -> None:
    life = relay_at_limits(Life(120).everybody(), 17, 60)
    path = worlds.exchanges(tmp_path / "e.parquet", life.rows)
    result = run(worlds.inputs(World(list(range(120))), exchanges=(path,)), Settings(), workdir=tmp_path / "run")
    assert not result.links.num_rows
    ring = Life(120).everybody()
    for a, b in ((17, 60), (60, 90), (17, 90)):
        relay_at_limits(ring, a, b)
    path = worlds.exchanges(tmp_path / "ring.parquet", ring.rows)
    result = run(worlds.inputs(World(list(range(120))), exchanges=(path,)), Settings(), workdir=tmp_path / "ring")
    assert {row["account"] for row in result.members.to_pylist()} == {17, 60, 90}
    assert not any(row["actionable"] for row in result.members.to_pylist())


def test_hand_offs_moved_by_days_are_chance_and_nothing_else_is(tmp_path: Path) -> None:
    life = Life(150)
    for account in range(150):
        for day in range(DAYS):
            life.sit(account, day * DAY + 9 * HOUR + (account % 5) * 600 * SECOND + life.chance.randrange(60) * SECOND)
    rows = life.rows_of("limit_handoff", tmp_path)
    assert rows is not None
    assert not (rows.bits > 6000).any()
