"""Each evasion level keeps its promise, and operators and crowds are what their labels say."""

from __future__ import annotations

import pytest

from tests.simulation.conftest import Made

ABUSE = "select account_id, operator_id from truth where abusive"
OWN_CARDS = f"select * from accounts join ({ABUSE}) using (account_id) where kind <> 'takeover'"
RARE = 6
"""A value that at most this many accounts outside an operator have is no popular one."""


def shared(world: Made, values: str) -> int:
    """Values that two accounts of one abusive operator have and hardly anyone else; `values`: account_id, value."""
    return int(
        world.value(f"""
        with used as (select distinct account_id, value from ({values}) where value is not null),
        inside as (select operator_id, value, count(*) n from used join ({ABUSE}) using (account_id)
                   group by all having n > 1)
        select count(*) from inside where n + {RARE} >= (select count(*) from used u where u.value = inside.value)""")
    )


def cards(world: Made) -> int:
    return shared(world, "select account_id, payment_fingerprint as value from accounts")


def devices(world: Made) -> int:
    return shared(world, f"select account_id, device_id as value from sessions where {within('started_at')}")


def addresses(world: Made) -> int:
    return shared(world, f"select account_id, ip as value from sessions where {within('started_at')}")


def templates(world: Made) -> int:
    return shared(world, f"select account_id, system_fingerprint as value from exchanges where {within('occurred_at')}")


def contents(world: Made) -> int:
    return shared(
        world, f"select account_id, content_fingerprint as value from exchanges where {within('occurred_at')}"
    )


def migrations(world: Made) -> int:
    """Conversations that went from one account of an abusive operator to another."""
    return int(
        world.value(f"""
        select count(*) from exchanges a join exchanges b on a.output_fingerprint = b.prefix_fingerprint
        join ({ABUSE}) x on x.account_id = a.account_id join ({ABUSE}) y on y.account_id = b.account_id
        where a.account_id <> b.account_id and x.operator_id = y.operator_id""")
    )


def within(column: str) -> str:
    """The operator's part of an account's life."""
    return f"""account_id in (select account_id from truth where abusive
        and (since is null or {column} >= since) and (until is null or {column} < until))"""


def test_at_e0_a_few_accounts_share_a_card(ladder: dict[str, Made]) -> None:
    world = ladder["E0"]
    assert cards(world) > 10
    most = world.value("""select max(n) from (select count(*) n from accounts join truth using (account_id)
        where abusive and payment_fingerprint is not null group by payment_fingerprint)""")
    assert 2 <= most <= 5
    assert devices(world) > 0
    assert contents(world) > 0


@pytest.mark.parametrize("level", ["E1", "E2", "E3", "E4"])
def test_from_e1_on_every_account_has_a_card_of_its_own(ladder: dict[str, Made], level: str) -> None:
    assert cards(ladder[level]) == 0


@pytest.mark.parametrize("level", ["E0", "E1"])
def test_up_to_e1_machines_and_proxy_pools_are_shared(ladder: dict[str, Made], level: str) -> None:
    assert devices(ladder[level]) > 0
    assert addresses(ladder[level]) > 10
    residential_and_hosting = ladder[level].value("""
        select count(distinct asn) from sessions where account_id in
        (select account_id from truth where kind = 'hydra')""")
    assert residential_and_hosting > 5


@pytest.mark.parametrize("level", ["E2", "E3", "E4"])
def test_from_e2_on_no_address_and_no_machine_is_shared(ladder: dict[str, Made], level: str) -> None:
    assert addresses(ladder[level]) == 0
    assert devices(ladder[level]) == 0


def test_at_e2_the_work_still_tells(ladder: dict[str, Made]) -> None:
    assert templates(ladder["E2"]) > 0
    assert contents(ladder["E2"]) > 0
    assert migrations(ladder["E2"]) > 0


def test_at_e3_contents_are_paraphrased_and_stacks_change(ladder: dict[str, Made]) -> None:
    world = ladder["E3"]
    assert templates(world) == 0
    assert migrations(world) == 0
    near = f"""
        with work as (select distinct operator_id, account_id, ('0x' || content_fingerprint)::ubigint h
                      from exchanges join ({ABUSE}) using (account_id) where {within("occurred_at")})
        select count(*) from work a join work b using (operator_id)
        where a.account_id < b.account_id and bit_count(xor(a.h, b.h)) <= 10 and a.h <> b.h"""
    assert world.value(near) > 20
    stacks = """select median(n) from (select count(distinct tls_fingerprint) n, count(*) k from sessions
        where account_id in (select account_id from truth where kind = 'hydra') group by account_id) where k > 10"""
    assert world.value(stacks) > 5
    assert ladder["E2"].value(stacks) == 1


def test_at_e4_the_accounts_have_nothing_in_common(ladder: dict[str, Made]) -> None:
    world = ladder["E4"]
    for count in (cards, devices, addresses, templates, contents, migrations):
        assert count(world) == 0
    for column in ("email", "phone", "signup_ip"):
        assert shared(world, f"select account_id, {column} as value from accounts") == 0
    assert shared(world, "select account_id, kind || value as value from identifiers") == 0
    assert shared(world, f"select account_id, end_user_id as value from exchanges where {within('occurred_at')}") == 0


def test_a_rate_limited_account_hands_over_within_seconds(ladder: dict[str, Made]) -> None:
    handed = f"""
        select count(*) from exchanges a join exchanges b using (content_fingerprint)
        join ({ABUSE}) x on x.account_id = a.account_id join ({ABUSE}) y on y.account_id = b.account_id
        where a.status = 'rate_limited' and b.status = 'ok' and a.account_id <> b.account_id
        and x.operator_id = y.operator_id
        and b.occurred_at - a.occurred_at between interval 1 second and interval 22 second"""
    assert ladder["E0"].value(handed) > 20
    assert ladder["E4"].value(handed) == 0


def test_operators_move_to_the_new_model_within_a_day(ladder: dict[str, Made]) -> None:
    first = """select quantile_cont(f, 0.9) - min(f) from (select min(occurred_at) f from exchanges
        where model = 'aurora-4' and account_id in (select account_id from truth where kind = 'hydra')
        and account_id in (select account_id from exchanges group by 1 having count(*) > 150
                           and min(occurred_at) < '2026-06-05' and max(occurred_at) > '2026-06-20')
        group by account_id)"""
    assert ladder["E1"].value(first).total_seconds() < 3 * 86_400
    assert ladder["E4"].value(first).total_seconds() > 4 * 86_400


def test_banned_accounts_are_followed_by_new_ones(mixed: Made) -> None:
    chains = mixed.rows("""
        select operator_id, count(*) filter (status = 'banned'), count(*) from accounts join truth using (account_id)
        where truth.kind = 'succession' group by 1""")
    assert chains
    assert all(banned == n - 1 for _, banned, n in chains)
    overlaps = mixed.value("""
        with life as (select operator_id, account_id, min(occurred_at) a, max(occurred_at) b from exchanges
                      join truth using (account_id) where truth.kind = 'succession' group by all)
        select count(*) from life x join life y using (operator_id) where x.a < y.a and x.b > y.a""")
    assert overlaps == 0
    assert mixed.value(
        "select count(*) from accounts join truth using (account_id) where kind = 'hydra' and status = 'banned'"
    )


def test_a_relay_carries_the_traffic_of_its_end_users_in_all_accounts(mixed: Made) -> None:
    spread = mixed.value("""
        select avg(n) from (select end_user_id, count(distinct account_id) n
        from exchanges join truth using (account_id)
        where truth.kind = 'relay' and end_user_id is not null group by 1)""")
    assert spread > 1.5
    shares = mixed.rows("""
        select operator_id, count(end_user_id) / count(*) from exchanges join truth using (account_id)
        where truth.kind = 'relay' group by 1""")
    assert shares
    assert all(share > 0.9 for _, share in shares)


def test_a_stolen_account_has_an_owner_before_and_a_thief_since(mixed: Made) -> None:
    assert (
        mixed.value("select count(*) from truth where (kind = 'takeover') <> (since is not null and until is not null)")
        == 0
    )
    assert mixed.value("select count(*) from truth where since >= until") == 0
    owners = mixed.value("""select count(distinct account_id) from exchanges join truth using (account_id)
        where truth.kind = 'takeover' and occurred_at < since""")
    assert owners > 0.7 * mixed.value("select count(*) from truth where kind = 'takeover'")
    common = mixed.value("""
        select count(*) from (select distinct account_id, device_id from sessions join truth using (account_id)
            where truth.kind = 'takeover' and started_at < since and device_id is not null) before
        join (select distinct account_id, device_id from sessions join truth using (account_id)
            where truth.kind = 'takeover' and started_at >= until and device_id is not null) after
        using (account_id, device_id)""")
    assert common > 0  # owners come back with their own machines


def test_honest_crowds_share_what_they_should(mixed: Made) -> None:
    def holders(crowd: str, column: str, table: str) -> int:
        return int(
            mixed.value(f"""select max(n) from (select count(distinct account_id) n from {table}
                join truth using (account_id) where truth.kind = '{crowd}' group by {table}.{column})""")
        )

    for crowd, least in (
        ("carrier_nat", 50),
        ("campus", 15),
        ("office", 5),
        ("vpn", 15),
        ("hackathon", 8),
        ("ci_fleet", 4),
    ):
        assert holders(crowd, "ip", "sessions") >= least, crowd
    assert holders("benchmark", "content_fingerprint", "exchanges") > 10
    assert holders("popular_template", "system_fingerprint", "exchanges") > 50
    assert holders("popular_client", "tls_fingerprint", "sessions") > 100
    hour = mixed.value("""select max(created_at) - min(created_at) from accounts join truth using (account_id)
        join identifiers using (account_id) where truth.kind = 'hackathon' and identifiers.kind = 'referral_code'
        group by value order by count(*) desc limit 1""")
    assert hour.total_seconds() <= 3_600
    weekend = mixed.value("""select count(*) filter (isodow(occurred_at) > 5) / count(*) from exchanges
        join truth using (account_id) where truth.kind = 'weekday_worker'""")
    assert weekend < 0.1


def test_proxy_exits_are_homes_of_honest_people_too(mixed: Made) -> None:
    both = mixed.value("""
        select count(distinct ip) from sessions join truth using (account_id) where truth.kind = 'residential_exit'
        and ip in (select ip from sessions join truth using (account_id) where abusive)""")
    assert both > 5


def test_a_team_shares_an_office_a_domain_and_half_a_card(mixed: Made) -> None:
    teams = mixed.rows("""
        select operator_id, count(*), count(distinct split_part(email, '@', 2)), mode(payment_fingerprint) card,
               count(*) filter (payment_fingerprint = (select mode(a.payment_fingerprint) from accounts a
                   join truth b using (account_id) where b.operator_id = truth.operator_id)),
               count(distinct organization_id)
        from accounts join truth using (account_id) where truth.kind = 'team' group by 1 having count(*) > 10""")
    assert teams
    for _, n, domains, _, on_card, organizations in teams:
        assert (domains, organizations) == (1, 1)
        assert 0.15 < on_card / n < 0.9


def test_households_and_resellers_are_one_hand_without_abuse(mixed: Made) -> None:
    assert (
        mixed.value(
            """select count(*) from truth where kind in ('household', 'reseller', 'team')
           and (abusive or operator_id is null)"""
        )
        == 0
    )
    homes = mixed.value("""select avg(n) from (select operator_id, count(distinct signup_ip) n from accounts
        join truth using (account_id) where truth.kind = 'household' and signup_ip not like '%:%' group by 1)""")
    assert homes == 1
    cards_each = mixed.value("""select max(n) from (select operator_id, count(distinct payment_fingerprint) n
        from accounts
        join truth using (account_id) where truth.kind = 'reseller' group by 1)""")
    assert cards_each <= 4
