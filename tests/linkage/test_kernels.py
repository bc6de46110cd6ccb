"""Compiled loops: how they are compiled, and the small ones by hand."""

from __future__ import annotations

import numpy as np
import pytest

from investigations.linkage import kernels
from investigations.linkage.kernels import NO_TIME, compiled, doubled, holds, mark_slots, marked_rows, transpose
from investigations.linkage.pair_kernels import gap_bits


def test_a_function_that_numba_finds_no_folder_to_cache_for_is_compiled_all_the_same() -> None:
    space: dict[str, object] = {}
    exec("def double(number):\n    return 2 * number\n", space)  # its source is in no file, so it has no cache
    with pytest.raises(RuntimeError):
        kernels.njit(cache=True)(space["double"])
    assert compiled(space["double"])(21) == 42  # type: ignore[arg-type]


def test_transpose_turns_groups_round() -> None:
    pointers, groups, positions = transpose(np.array([0, 2, 2, 4]), np.array([1, 0, 1, 2], np.int32), 4)
    assert pointers.tolist() == [0, 1, 3, 4, 4]
    assert groups.tolist() == [0, 0, 2, 2]
    assert positions.tolist() == [1, 0, 2, 3]


@pytest.mark.parametrize("value", range(8))
def test_holds_looks_between_the_bounds_only(value: int) -> None:
    values = np.array([0, 2, 3, 5, 7], np.int32)
    assert holds(values, 1, 4, value) == (value in {2, 3, 5})


@pytest.mark.parametrize(
    ("gap", "lost"), [(-5, 0), (0, 0), (9, 0), (10, 1000), (29, 1000), (30, 2000), (70, 3000), (2**62, 58_000)]
)
def test_each_doubling_of_the_gap_costs_a_bit(gap: int, lost: int) -> None:
    assert gap_bits(0, 0, gap, gap, 10) == pytest.approx(lost, abs=1000 if gap > 1000 else 0)


def test_an_unknown_time_or_a_family_without_time_costs_nothing() -> None:
    assert gap_bits(NO_TIME, NO_TIME, 10**15, 10**15, 10) == 0
    assert gap_bits(0, 0, 10**15, 10**15, 0) == 0


def test_slots_keep_every_value_that_two_accounts_have() -> None:
    values, accounts = np.array([5, 6, 5, 7, 7, -8]), np.array([1, 1, 2, 3, 3, 4])
    slots = np.full(1024, -1, np.int64)
    mark_slots(slots, values, accounts, False)
    assert marked_rows(slots, values).tolist() == [0, 2]


def test_rows_keep_what_they_hold_when_they_get_more_room() -> None:
    rows = np.array([[1, 2, 3], [4, 5, 6]])
    more = doubled(rows)
    assert more.shape == (4, 3)
    assert more[:2].tolist() == rows.tolist()
