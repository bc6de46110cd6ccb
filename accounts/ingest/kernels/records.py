"""Where the records of a piece of CSV end, on which line they begin and how many fields they have (RFC 4180)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

CLEAN, OPEN_QUOTE = 0, 1


@dataclass(frozen=True)
class Records:
    """Records of one piece: record i is data[starts[i]:ends[i]] without its line end."""

    starts: np.ndarray
    ends: np.ndarray
    fields: np.ndarray
    lines: np.ndarray
    """Line on which the record begins, counted from the line given to `scan`."""
    odd: np.ndarray
    """True where text follows a closing quotation mark: the mark opened by mistake, or closes another field's."""
    rest: int
    """Where the piece's unfinished last record begins."""
    rest_line: int
    state: int
    """OPEN_QUOTE when the unfinished record has a quotation mark that is still open."""


@njit(cache=True, nogil=True)
def _scan(data, size, delimiter, line, starts, ends, fields, lines, odd):  # type: ignore[no-untyped-def]
    n, start, count, i = 0, 0, 1, 0
    start_line = line
    quoted, fresh, strange = False, True, False
    while i < size and n < len(starts):
        c = data[i]
        if quoted:
            if c == 34:
                if i + 1 < size and data[i + 1] == 34:
                    i += 1
                else:
                    quoted = False
                    after = data[i + 1] if i + 1 < size else np.uint8(10)
                    strange = strange or not (after == delimiter or after == 10 or after == 13)
            elif c == 10:
                line += 1
            i += 1
            continue
        if c == 34 and fresh:
            quoted, fresh = True, False
        elif c == delimiter:
            count += 1
            fresh = True
        elif c == 10 or c == 13:
            starts[n], ends[n], fields[n], lines[n], odd[n] = start, i, count, start_line, strange
            n += 1
            strange = False
            if c == 13 and i + 1 < size and data[i + 1] == 10:
                i += 1
            line += 1
            start, start_line, count, fresh = i + 1, line, 1, True
        else:
            fresh = False
        i += 1
    return n, start, start_line, quoted


def scan(data: np.ndarray, *, delimiter: int, line: int) -> Records:
    """Finds the records of `data`; the last record counts only when its line end is there."""
    breaks = int(np.count_nonzero((data == 10) | (data == 13)))
    starts, ends, lines = (np.empty(breaks, np.int64) for _ in range(3))
    fields, odd = np.empty(breaks, np.int32), np.empty(breaks, np.bool_)
    n, rest, rest_line, quoted = _scan(data, len(data), delimiter, line, starts, ends, fields, lines, odd)
    state = OPEN_QUOTE if quoted else CLEAN
    return Records(starts[:n], ends[:n], fields[:n], lines[:n], odd[:n], int(rest), int(rest_line), state)
