"""One written form per value, whatever the spelling; masks that give nothing away."""

from __future__ import annotations

import random
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import normalise
from accounts.kinds import FAMILIES, FAMILY_LABELS, KINDS, kind_get


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (" Jane.Doe+spam@GMail.com ", "janedoe@gmail.com"),
        ("jane.doe@googlemail.com", "janedoe@gmail.com"),
        ("Jane.Doe+x@Example.ORG.", "jane.doe@example.org"),
        ("ｊａｎｅ＠example.org", "jane@example.org"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("+tag@example.org", "+tag@example.org"),
    ],
)
def test_email(written: str, expected: str) -> None:
    assert normalise.email(written) == expected


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("jane", "needs an @"),
        ("@example.org", "before the @ is empty"),
        ("a b@example.org", "has a space"),
        ("a@localhost", "not a valid name"),
        ("a@-x.org", "not a valid name"),
        ("a\x01@example.org", "control character"),
        ("   ", "empty once"),
    ],
)
def test_email_refuses(written: str, words: str) -> None:
    with pytest.raises(normalise.Unusable, match=words):
        normalise.email(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("+49 (0)30 / 123-456", "+4930123456"),
        ("0049 30 123456", "+4930123456"),
        ("030 123456", "030123456"),
        ("＋４９３０１２３４５６", "+4930123456"),
    ],
)
def test_phone(written: str, expected: str) -> None:
    assert normalise.phone(written) == expected


@pytest.mark.parametrize("written", ["1234", "+12345678901234567", "call me", ""])
def test_phone_refuses(written: str) -> None:
    with pytest.raises(normalise.Unusable, match="phone number has"):
        normalise.phone(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("45.12.3.4", "45.12.3.4"),
        (" 45.12.3.4 ", "45.12.3.4"),
        ("::ffff:45.12.3.4", "45.12.3.4"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
    ],
)
def test_ip(written: str, expected: str) -> None:
    assert normalise.ip(written) == expected


@pytest.mark.parametrize("written", ["45.12.3.4:80", "045.12.3.4", "45.12.3", "fe80::1%eth0", "[::1]", "x"])
def test_ip_refuses(written: str) -> None:
    with pytest.raises(normalise.Unusable, match="address"):
        normalise.ip(written)


def test_ip_range() -> None:
    assert normalise.ip_range("2001:db8::dead:beef") == "2001:db8::/64"
    assert normalise.ip_range("45.12.3.4") == "45.12.3.0/24"
    assert normalise.ip_range("45.12.3.4/16") == "45.12.0.0/16"
    with pytest.raises(normalise.Unusable, match="prefix length"):
        normalise.ip_range("45.12.3.4/33")


def test_asn() -> None:
    assert normalise.asn(" AS0064500") == "64500"
    with pytest.raises(normalise.Unusable, match="between 1 and"):
        normalise.asn("4294967296")
    with pytest.raises(normalise.Unusable, match="such as 64500"):
        normalise.asn("Example Net")


def test_masks() -> None:
    assert normalise.mask_email("jane@gmail.com") == "j•••@g•••.com"
    assert normalise.mask_tail("4111111111114417") == "•••• 4417"
    assert normalise.mask_tail("4417") == "••••"
    assert normalise.mask_ip("45.12.3.4") == "45.12.•.•"
    assert normalise.mask_ip("2001:db8::1") == "2001:db8:•"
    assert normalise.mask_ip("45.12.3.0/24") == "45.12.•.•/24"
    assert normalise.mask_phone("+4930123456") == "+49 •••• 56"
    assert normalise.mask_opaque("short") == "•••"
    assert normalise.mask_opaque("device-12345") == "de•••45"


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@given(value=st.text(max_size=60))
def test_normalising_twice_changes_nothing(kind: object, value: str) -> None:
    normal: Callable[[str], str] = kind.normalise  # type: ignore[attr-defined]
    try:
        once = normal(value)
    except normalise.Unusable:
        return
    assert normal(once) == once
    assert len(kind.mask(once)[:80]) <= 80  # type: ignore[attr-defined]


@given(st.ip_addresses())
def test_every_address_has_one_form_and_a_mask_without_its_end(address: object) -> None:
    text = normalise.ip(str(address))
    assert normalise.ip(text.upper()) == text
    assert "•" in normalise.mask_ip(text)


def test_the_registry_is_whole() -> None:
    assert all(kind.family in FAMILIES for kind in KINDS.values())
    assert tuple(FAMILY_LABELS) == FAMILIES
    unknown = kind_get("wallet_seed")
    assert (unknown.family, unknown.personal, unknown.label) == ("other", True, "Wallet seed")


def test_the_families_and_schemas_are_the_engines() -> None:
    from accounts.event_store import store
    from accounts.selectors import columns
    from investigations.linkage import types

    assert FAMILIES == types.FAMILIES
    assert store.EXCHANGES == types.EXCHANGES
    assert (columns.ACCOUNTS, columns.SIGHTINGS, columns.DECLARED) == (types.ACCOUNTS, types.SIGHTINGS, types.DECLARED)


def test_addresses_written_canonically_take_the_short_way_to_the_same_form() -> None:
    draw = random.Random(7)
    groups = ["0", "0", "1", "a0", "ffff", "00", "A", "64:ff9b"]
    for _ in range(3000):
        text = ":".join(draw.choice([*groups, f"{draw.randrange(65_536):x}"]) for _ in range(8))
        try:
            address = IPv6Address(text)
        except ValueError:
            with pytest.raises(normalise.Unusable):
                normalise.ip(text)
            continue
        assert normalise.ip(text) == str(address.ipv4_mapped or address)
        if address.ipv4_mapped is None:
            assert normalise.ip_range(text) == str(IPv6Network((address, 64), strict=False))
