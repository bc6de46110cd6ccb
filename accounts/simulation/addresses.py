"""Addresses as text, without a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from accounts.simulation.toolkit import Array

_BYTES = pa.array([str(value) for value in range(256)])
_GROUPS = pa.array([f"{value:x}" for value in range(65_536)])


def address_text(v4: Array, v6: Array, suffix: Array) -> pa.Array:
    """IPv4 in dotted decimals where `v6` is 0, else the /64 of `v6` with the interface number of `suffix`."""
    text = pc.binary_join_element_wise(*[_BYTES.take(_part(v4, shift, 0xFF)) for shift in (24, 16, 8, 0)], ".")
    six = np.flatnonzero(v6)
    if len(six) == 0:
        return text
    low = suffix[six] | np.uint64(0x1000_1000_1000_1000)  # no group of zeros, so the plain form is the canonical one
    groups = [_GROUPS.take(_part(v6[six], shift, 0xFFFF)) for shift in (48, 32, 16, 0)]
    groups += [_GROUPS.take(_part(low, shift, 0xFFFF)) for shift in (48, 32, 16, 0)]
    return pc.replace_with_mask(text, pa.array(v6 != 0), pc.binary_join_element_wise(*groups, ":"))


def _part(values: Array, shift: int, mask: int) -> Any:
    return pa.array((values.astype(np.uint64) >> np.uint64(shift) & np.uint64(mask)).astype(np.int32))
