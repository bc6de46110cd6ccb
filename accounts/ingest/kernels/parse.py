"""Times and whole numbers out of columns of text, with a reason code per value."""

from __future__ import annotations

import numpy as np
from numba import njit

from accounts.ingest.kernels.buffers import Text

OK, NOT_A_TIME, NAIVE, OUT_OF_RANGE, NOT_A_NUMBER = 0, 1, 2, 3, 4
EARLIEST = 0
LATEST = 7_258_118_400_000_000  # 2200-01-01
_MONTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


@njit(cache=True, nogil=True, inline="always")
def _digits(data, at, n):  # type: ignore[no-untyped-def]
    value = np.int64(0)
    for j in range(at, at + n):
        d = np.int64(data[j]) - 48
        if d < 0 or d > 9:
            return np.int64(-1)
        value = value * 10 + d
    return value


@njit(cache=True, nogil=True)
def _days(y, m, d):  # type: ignore[no-untyped-def]
    """Days since 1970-01-01 of a proleptic Gregorian date (Hinnant's days_from_civil)."""
    if m <= 2:
        y -= 1
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (m + (-3 if m > 2 else 9)) + 2) // 5 + d - 1
    doe = yoe * 365 + yoe // 4 - yoe // 100 + doy
    return era * 146097 + doe - 719468


@njit(cache=True, nogil=True)
def _fraction(data, at, stop):  # type: ignore[no-untyped-def]
    """Microseconds of the digits from `at` on, and where they end; digits past the sixth are cut."""
    micros, n = np.int64(0), 0
    while at < stop and 48 <= data[at] <= 57:
        if n < 6:
            micros = micros * 10 + (np.int64(data[at]) - 48)
        n += 1
        at += 1
    for _ in range(n, 6):
        micros *= 10
    return micros if n else np.int64(-1), at


@njit(cache=True, nogil=True)
def _calendar(data, at, stop):  # type: ignore[no-untyped-def]
    """YYYY-MM-DD[T ]HH:MM[:SS[.f]] and a zone: (code, microseconds)."""
    y, m, d = _digits(data, at, 4), _digits(data, at + 5, 2), _digits(data, at + 8, 2)
    if y < 0 or m < 1 or m > 12 or d < 1 or data[at + 7] != 45:
        return NOT_A_TIME, np.int64(0)
    leap = m == 2 and (y % 4 == 0 and (y % 100 != 0 or y % 400 == 0))
    if d > _MONTHS[m - 1] + (1 if leap else 0):
        return NOT_A_TIME, np.int64(0)
    day = _days(y, m, d) * 86_400_000_000
    at += 10
    if at == stop:
        return NAIVE, day
    if not (data[at] == 84 or data[at] == 116 or data[at] == 32) or stop - at < 6:
        return NOT_A_TIME, np.int64(0)
    hour, minute, second, micros = _digits(data, at + 1, 2), _digits(data, at + 4, 2), np.int64(0), np.int64(0)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or data[at + 3] != 58:
        return NOT_A_TIME, np.int64(0)
    at += 6
    if at < stop and data[at] == 58:
        if stop - at < 3:
            return NOT_A_TIME, np.int64(0)
        second = _digits(data, at + 1, 2)
        if second < 0 or second > 60:  # 60 is a leap second: the next minute begins
            return NOT_A_TIME, np.int64(0)
        at += 3
        if at < stop and (data[at] == 46 or data[at] == 44):
            micros, at = _fraction(data, at + 1, stop)
            if micros < 0:
                return NOT_A_TIME, np.int64(0)
    value = day + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
    return _zone(data, at, stop, value)


@njit(cache=True, nogil=True)
def _zone(data, at, stop, value):  # type: ignore[no-untyped-def]
    if at < stop and data[at] == 32:
        at += 1
    if at == stop:
        return NAIVE, value
    c = data[at]
    if (c == 90 or c == 122) and at + 1 == stop:
        return OK, value
    if c != 43 and c != 45:
        return NOT_A_TIME, np.int64(0)
    n = stop - at - 1
    hour, minute = np.int64(-1), np.int64(0)
    if n >= 2:
        hour = _digits(data, at + 1, 2)
    if n == 5 and data[at + 3] == 58:
        minute = _digits(data, at + 4, 2)
    elif n == 4:
        minute = _digits(data, at + 3, 2)
    elif n != 2:
        return NOT_A_TIME, np.int64(0)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return NOT_A_TIME, np.int64(0)
    shift = (hour * 60 + minute) * 60_000_000
    return OK, value - shift if c == 43 else value + shift


@njit(cache=True, nogil=True)
def _unix(data, at, stop, unit):  # type: ignore[no-untyped-def]
    """Digits with an optional fraction, in units of `unit` microseconds."""
    whole, n = np.int64(0), 0
    negative = data[at] == 45
    if negative:
        at += 1
    while at < stop and 48 <= data[at] <= 57:
        if n < 18:
            whole = whole * 10 + (np.int64(data[at]) - 48)
        n += 1
        at += 1
    if n == 0:
        return NOT_A_TIME, np.int64(0)
    micros = np.int64(0)
    if at < stop and data[at] == 46:
        micros, at = _fraction(data, at + 1, stop)
    if at != stop or micros < 0:
        return NOT_A_TIME, np.int64(0)
    if negative or n > 18 or whole > LATEST // unit:
        return OUT_OF_RANGE, np.int64(0)
    return OK, whole * unit + micros * unit // 1_000_000


@njit(cache=True, nogil=True)
def _times(data, offsets, valid, unit, out, code):  # type: ignore[no-untyped-def]
    for i in range(len(valid)):
        if not valid[i]:
            continue
        at, stop = offsets[i], offsets[i + 1]
        while at < stop and data[at] == 32:
            at += 1
        while stop > at and data[stop - 1] == 32:
            stop -= 1
        if stop - at >= 10 and data[at + 4] == 45:
            code[i], out[i] = _calendar(data, at, stop)
        elif stop > at:
            code[i], out[i] = _unix(data, at, stop, unit)
        else:
            code[i] = NOT_A_TIME
        if code[i] == OK and (out[i] < EARLIEST or out[i] >= LATEST):
            code[i] = OUT_OF_RANGE


@njit(cache=True, nogil=True)
def _integers(data, offsets, valid, high, out, code):  # type: ignore[no-untyped-def]
    for i in range(len(valid)):
        if not valid[i]:
            continue
        at, stop = offsets[i], offsets[i + 1]
        if stop - at > 18 or stop == at:
            code[i] = NOT_A_NUMBER
            continue
        out[i] = _digits(data, at, stop - at)
        if out[i] < 0:
            code[i] = NOT_A_NUMBER
        elif out[i] > high:
            code[i] = OUT_OF_RANGE


def times(text: Text, *, unit_micros: int = 1_000_000) -> tuple[np.ndarray, np.ndarray]:
    """int64 microseconds and a reason code per value; NAIVE values hold their local time."""
    out, code = np.zeros(len(text), np.int64), np.zeros(len(text), np.int8)
    _times(text.data, text.offsets, text.valid, unit_micros, out, code)
    return out, code


def integers(text: Text, *, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from 0 to `high` and a reason code per value."""
    out, code = np.zeros(len(text), np.int64), np.zeros(len(text), np.int8)
    _integers(text.data, text.offsets, text.valid, high, out, code)
    return out, code
