"""What every world promises: whole, valid, labelled, and not telling its labels."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import spearmanr

from accounts.simulation import DEMO, WorldSettings, simulate
from accounts.simulation.crowds import SHARES
from accounts.simulation.operators import ABUSIVE, HONEST, budgets
from tests.simulation.conftest import Made

COLUMNS = {
    "accounts": "account_id created_at status status_changed_at email phone payment_fingerprint organization_id "
    "country plan entry_path signup_ip signup_user_agent referrer",
    "sessions": "session_id account_id started_at ended_at ip asn device_id tls_fingerprint user_agent request_count "
    "input_tokens output_tokens",
    "exchanges": "account_id occurred_at exchange_id session_id api_key_id surface model status fingerprint_type "
    "content_fingerprint system_fingerprint tools_fingerprint parameters_fingerprint output_fingerprint prefix_fingerprint end_user_id "
    "input_tokens output_tokens",
    "identifiers": "account_id kind value first_seen last_seen count",
}
ACTIVE_ABUSE = "select account_id from truth where abusive"


@pytest.mark.parametrize("table", COLUMNS)
def test_it_writes_the_columns_of_the_extract_format(mixed: Made, table: str) -> None:
    schema = pq.read_schema(mixed.folder / f"{table}.parquet")
    assert schema.names == COLUMNS[table].split()
    for field in schema:
        if field.name.endswith(("_at", "_seen")):
            assert field.type == pa.timestamp("us", tz="UTC")


def test_it_fills_what_the_format_requires(mixed: Made) -> None:
    assert mixed.value("select count(*) from accounts where account_id is null or created_at is null") == 0
    assert mixed.value("select count(*) from sessions where session_id is null or started_at is null") == 0
    assert mixed.value("select count(*) from exchanges where account_id is null or occurred_at is null") == 0
    assert mixed.value("select count(*) from identifiers where kind is null or value is null") == 0


def test_it_uses_each_key_once(mixed: Made) -> None:
    for table, key in (("accounts", "account_id"), ("sessions", "session_id"), ("exchanges", "exchange_id")):
        assert mixed.value(f"select count(*) - count(distinct {key}) from {table}") == 0


def test_it_refers_only_to_what_there_is(mixed: Made) -> None:
    for table in ("sessions", "exchanges", "identifiers", "truth"):
        assert mixed.value(f"select count(*) from {table} anti join accounts using (account_id)") == 0
    assert mixed.value("select count(*) from exchanges anti join sessions using (session_id, account_id)") == 0


def test_it_counts_in_sessions_what_is_in_exchanges(mixed: Made) -> None:
    wrong = """
        select count(*) from sessions s join (
            select session_id, count(*) n, sum(input_tokens) i, sum(output_tokens) o,
                   min(occurred_at) a, max(occurred_at) b
            from exchanges group by 1) e using (session_id)
        where n <> request_count or i <> s.input_tokens or o <> s.output_tokens or a < started_at or b <> ended_at"""
    assert mixed.value(wrong) == 0
    assert mixed.value("select count(*) from sessions anti join exchanges using (session_id)") == 0


def test_it_lets_nobody_act_before_sign_up_or_after_the_end(mixed: Made) -> None:
    early = "select count(*) from exchanges join accounts using (account_id) where occurred_at < created_at"
    late = """select count(*) from exchanges join accounts using (account_id)
              where status_changed_at < occurred_at and accounts.status in ('banned', 'closed', 'suspended')"""
    assert mixed.value(early) == 0
    assert mixed.value(late) == 0


def test_it_continues_only_answers_that_were_given_before(mixed: Made) -> None:
    early = """select count(*) from exchanges b left join exchanges a on b.prefix_fingerprint = a.output_fingerprint
               where b.prefix_fingerprint is not null and (a.occurred_at is null or a.occurred_at > b.occurred_at)"""
    total = mixed.value("select count(prefix_fingerprint) from exchanges")
    # an answer that was lost in an outage or a stop can still have been continued
    assert mixed.value(early) < 0.01 * total


def test_it_writes_every_kind_and_crowd(mixed: Made) -> None:
    kinds = {kind for (kind,) in mixed.rows("select distinct kind from truth")}
    assert kinds == {*ABUSIVE, *HONEST, *SHARES}


@pytest.mark.parametrize("prevalence", [0.0, 0.001, 0.01, 0.025, 0.2])
def test_it_keeps_the_prevalence(tmp_path: Path, prevalence: float) -> None:
    settings = WorldSettings(accounts=2_000, prevalence=prevalence, exchanges_per_account=4.0)
    summary = simulate(tmp_path / "world", settings)
    abusive = duckdb.sql(f"select count(*) filter (abusive) from '{tmp_path}/world/truth.csv'").fetchall()
    assert abusive == [(round(2_000 * prevalence),)]
    assert summary.abusive_accounts == round(2_000 * prevalence)


@pytest.mark.parametrize("n", [0, 1, 3, 7, 25, 140, 10_000])
def test_it_gives_every_abusive_account_to_a_kind(n: int) -> None:
    assert sum(budgets(n).values()) == n


@pytest.mark.parametrize("accounts", [1, 2, 7, 40])
def test_it_makes_tiny_worlds(tmp_path: Path, accounts: int) -> None:
    summary = simulate(tmp_path / "world", WorldSettings(accounts=accounts, prevalence=0.1))
    assert pq.read_metadata(tmp_path / "world" / "accounts.parquet").num_rows == summary.accounts == accounts


def test_it_keeps_the_mean_of_exchanges(mixed: Made) -> None:
    assert mixed.value("select count(*) / 12000.0 from exchanges") == pytest.approx(30, rel=0.1)


def test_it_makes_use_heavy_tailed(mixed: Made) -> None:
    median, top = mixed.rows("""select quantile_cont(n, 0.5), quantile_cont(n, 0.99)
        from (select count(*) n from exchanges group by account_id)""")[0]
    assert top > 15 * median


def test_it_does_not_tell_labels_by_ids_or_order(mixed: Made) -> None:
    rows = mixed.rows(f"""
        select row_number() over (order by account_id) by_id, account_id in ({ACTIVE_ABUSE}) hit,
               coalesce(row_number() over (order by payment_fingerprint), 0), row_number() over (order by phone),
               row_number() over (order by email)
        from accounts where phone is not null and payment_fingerprint is not null""")
    hits = [row[1] for row in rows]
    for column in (0, 2, 3, 4):
        assert abs(spearmanr([row[column] for row in rows], hits).statistic) < 0.08
    sessions = mixed.rows(f"""
        select row_number() over (order by session_id), account_id in ({ACTIVE_ABUSE})
        from sessions using sample 20000 (reservoir, 1)""")
    devices = mixed.rows(f"""
        select row_number() over (order by device_id), bool_or(account_id in ({ACTIVE_ABUSE}))
        from sessions where device_id is not null group by device_id""")
    for drawn in (sessions, devices):
        assert abs(spearmanr([row[0] for row in drawn], [row[1] for row in drawn]).statistic) < 0.05


def test_it_uses_one_form_of_id_for_everyone(mixed: Made) -> None:
    pattern = "^user-[0-9a-f]{16}$"
    assert mixed.value(f"select count(*) from accounts where not regexp_matches(account_id, '{pattern}')") == 0
    for column in ("content_fingerprint", "output_fingerprint", "system_fingerprint", "exchange_id"):
        assert (
            mixed.value(f"select count(*) from exchanges where not regexp_matches({column}, '^[0-9a-f]{{16}}$')") == 0
        )


def test_it_writes_valid_contacts_and_addresses(mixed: Made) -> None:
    import ipaddress

    assert mixed.value(r"select count(*) from accounts where not regexp_matches(phone, '^\+[1-9][0-9]{8,14}$')") == 0
    mail = r"^[a-z0-9.+]+@[a-z0-9.-]+\.[a-z]+$"
    assert mixed.value(f"select count(*) from accounts where not regexp_matches(email, '{mail}')") == 0
    assert mixed.value("select count(*) - count(distinct email) from accounts") == 0
    addresses = [ipaddress.ip_address(ip) for (ip,) in mixed.rows("select distinct ip from sessions using sample 3000")]
    assert {address.version for address in addresses} == {4, 6}
    assert all(address.is_global and str(address) for address in addresses)
    assert mixed.value("select count(*) from sessions where asn is null") == 0


def test_it_stops_everyone_while_the_platform_is_down(mixed: Made) -> None:
    quiet = mixed.rows("""
        with minutes as (select date_trunc('minute', occurred_at) m, count(*) filter (status <> 'error') n
                         from exchanges group by 1),
        gaps as (select m, date_diff('minute', lag(m) over (order by m), m) gap from minutes where n > 0)
        select count(*) from gaps where gap >= 15""")
    assert quiet[0][0] >= 3


def test_the_demo_is_small_and_shows_every_abusive_kind(tmp_path: Path) -> None:
    summary = simulate(tmp_path / "demo", DEMO)
    assert summary.exchanges < 300_000
    assert set(ABUSIVE) | set(HONEST) == set(summary.operators)
