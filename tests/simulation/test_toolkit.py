"""The simulation's small tools: bijections stay bijections, text is what formatting would give."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.simulation.addresses import address_text
from accounts.simulation.contacts import company_domain, mail_text, phone_text
from accounts.simulation.toolkit import draw, group_sizes, hex16, mix64, shuffled, stream, zipf_table

UNSIGNED = st.integers(0, 2**64 - 1)


@given(st.lists(UNSIGNED, max_size=20), st.data())
def test_hex16_writes_what_formatting_writes(values: list[int], data: st.DataObject) -> None:
    missing = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    text = hex16(np.array(values, dtype=np.uint64), np.array(missing, dtype=bool))
    text.validate(full=True)
    assert text.to_pylist() == [None if gone else f"{value:016x}" for value, gone in zip(values, missing, strict=True)]


@pytest.mark.parametrize("bits", [16, 22])
def test_shuffled_is_a_bijection(bits: int) -> None:
    places = shuffled(np.arange(2**bits), bits, 12_345)
    assert np.array_equal(np.sort(places), np.arange(2**bits))


def test_mix64_keeps_numbers_apart_and_forgets_their_order() -> None:
    mixed = mix64(np.arange(100_000), 9)
    assert len(np.unique(mixed)) == 100_000
    assert abs(np.corrcoef(mixed.astype(float), np.arange(100_000))[0, 1]) < 0.02


def test_streams_of_other_names_and_numbers_differ() -> None:
    draws = {float(stream(1, name, *numbers).random()) for name in ("a", "b") for numbers in ((), (0,), (1,))}
    assert len(draws) == 6
    assert stream(5, "a", 2).random() == stream(5, "a", 2).random()


def test_a_zipf_table_favours_the_first() -> None:
    counts = np.bincount(draw(zipf_table(50, 1.0), 20_000, stream(1, "zipf")), minlength=50)
    assert counts[0] > 3 * counts[4] > 0
    assert len(counts) == 50


@given(st.integers(0, 3_000), st.integers(1, 30), st.integers(0, 200), st.integers(0, 100))
def test_group_sizes_stay_in_their_bounds(total: int, low: int, extra: int, seed: int) -> None:
    sizes = group_sizes(total, low, low + extra, stream(seed, "sizes"))
    assert all(low <= size <= low + extra for size in sizes)
    assert total - low < sum(sizes) <= total


@given(st.integers(2**24, 2**32 - 1), st.integers(0x2A00_0000_0000_0000, 0x2A0F_FFFF_FFFF_FFFF), UNSIGNED)
def test_addresses_are_in_their_canonical_form(v4: int, v6: int, suffix: int) -> None:
    numbers = np.array([v4, v4]), np.array([0, v6], dtype=np.uint64), np.array([suffix, suffix], dtype=np.uint64)
    four, six = address_text(*numbers).to_pylist()
    assert four == str(ipaddress.IPv4Address(v4))
    assert ipaddress.IPv6Address(six) in ipaddress.IPv6Network((v6 << 64, 64))


def test_other_mailboxes_have_other_addresses_and_aliases_lead_to_the_same() -> None:
    n = 50_000
    zeros = np.zeros(n, dtype=np.int32)
    assert len(set(mail_text(np.arange(n), zeros, zeros, zeros).to_pylist())) == n
    one = np.full(8, 77)
    aliases = mail_text(one, one * 0, np.array([1, 1, 1, 1, 2, 2, 2, 2]), np.arange(8)).to_pylist()
    assert len(set(aliases)) == 8
    assert len({alias.split("@")[0].split("+")[0].replace(".", "") for alias in aliases}) == 1


def test_phones_and_domains_are_unique_and_valid() -> None:
    numbers = np.arange(20_000)
    for country in (0, 2, 6):
        phones = phone_text(numbers, np.full(len(numbers), country)).to_pylist()
        assert len(set(phones)) == len(numbers)
        assert {len(phone) for phone in phones} <= {12, 13, 14}
    assert phone_text(np.array([-1]), np.array([0])).to_pylist() == [None]
    assert len({company_domain(number) for number in range(5_000)}) == 5_000
