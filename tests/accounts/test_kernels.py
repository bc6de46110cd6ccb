"""The compiled loops against official vectors and against Python's own slow ways."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.ingest.kernels import parse
from accounts.ingest.kernels.buffers import text_buffers
from accounts.ingest.kernels.lookup import ABSENT, NameTable
from accounts.ingest.kernels.simhash import project
from accounts.ingest.kernels.siphash import fingerprints, hash_array
from accounts.ingest.origin import Origin
from accounts.ingest.readers import Reader
from tests.settings import ROOT

KEY = bytes(range(16))
# The first outputs of SipHash-2-4 for the inputs 00, 00 01, …, from the reference implementation's vectors.h.
VECTORS = [
    "310e0edd47db6f72",
    "fd67dc93c539f874",
    "5a4fa9d909806c0d",
    "2d7efbd796666785",
    "b7877127e09427cf",
    "8da699cd64557618",
    "cee3fe586e46c9cb",
    "37d1018bf50002ab",
    "6224939a79f5f593",
    "b0e4a90bdf82009e",
    "f3b9dd94c5bb5d7a",
    "a7ad6b22462fb3f4",
    "fbe50e86bc8f1e75",
    "903d84c02756ea14",
    "eef27a8e90ca23f7",
    "e545be4961ca29a1",
]


def test_siphash_gives_the_reference_vectors() -> None:
    inputs = pa.array([bytes(range(n)) for n in range(16)], pa.binary())
    found = hash_array(inputs, KEY).astype("<u8").tobytes()
    assert [found[i : i + 8].hex() for i in range(0, 128, 8)] == VECTORS


def test_siphash_skips_nulls_and_honours_slices() -> None:
    whole = pa.array(["a", None, "b", "c"])
    assert hash_array(whole, KEY)[1] == 0
    assert hash_array(whole.slice(2), KEY).tolist() == hash_array(whole, KEY)[2:].tolist()


def test_a_simhash_fingerprint_keeps_its_bits() -> None:
    values = pa.array(["00000000000000ff", "FFFFFFFFFFFFFFFF", "not hexadecimal!", None])
    kept = fingerprints(values, KEY, simhash=True)
    assert kept[:2].tolist() == [255, -1]
    assert kept[2] == hash_array(values, KEY)[2]


def test_similar_content_gets_similar_bits_and_another_key_other_bits() -> None:
    base = "please write a short poem about the sea and the ships that sail on it in the early morning light"
    texts = pa.array([base, base.replace("ships", "boats"), "an entirely different request: translate this table"])
    bits = project(texts, KEY).astype(np.uint64)
    near, far = (int(bits[0] ^ bits[i]).bit_count() for i in (1, 2))
    assert near < 20 < far
    assert project(texts, KEY[::-1])[0] != project(texts, KEY)[0]
    assert project(pa.array([base.upper()]), KEY)[0] == project(texts, KEY)[0]


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2199, 12, 30)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["T", " ", "t"]),
)
def test_times_are_read_as_python_reads_them(moment: datetime, offset: int, between: str) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = aware.isoformat(sep=between)
    micros, code = parse.times(text_buffers(pa.array([text])))
    assert code[0] == parse.OK
    assert micros[0] == (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(st.integers(0, 7_258_118_399), st.integers(0, 999_999))
def test_unix_seconds_keep_their_fraction(seconds: int, micros: int) -> None:
    found, code = parse.times(text_buffers(pa.array([f"{seconds}.{micros:06d}"])))
    assert (code[0], found[0]) == (parse.OK, seconds * 1_000_000 + micros)


@given(st.text(max_size=40))
def test_no_text_makes_the_reader_of_times_fall_over(text: str) -> None:
    try:
        array = pa.array([text])
    except UnicodeEncodeError:
        return
    parse.times(text_buffers(array))
    parse.integers(text_buffers(array), high=100)


@pytest.mark.parametrize(
    "text", ["2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:00+2", "1e9", "0x10", "-5"]
)
def test_odd_times_are_refused(text: str) -> None:
    assert parse.times(text_buffers(pa.array([text])))[1][0] != parse.OK


def test_a_leap_second_is_the_start_of_the_next_minute() -> None:
    text = pa.array(["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"])
    micros, _ = parse.times(text_buffers(text))
    assert micros[0] == micros[1]


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=8), unique=True, max_size=30), st.data())
def test_names_are_found_exactly(names: list[str], data: st.DataObject) -> None:
    table = NameTable(pa.array(names, pa.string()), np.arange(len(names)) + 7, KEY)
    asked = [*data.draw(st.lists(st.sampled_from(names) if names else st.just("x"), max_size=10)), "nobody at all"]
    expected = [names.index(name) + 7 if name in names else ABSENT for name in asked]
    assert table.find(pa.array(asked, pa.string())).tolist() == expected


_FIELD = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=6)


@given(st.lists(st.tuples(_FIELD, _FIELD), max_size=12))
def test_well_formed_csv_is_read_as_python_reads_it(rows: list[tuple[str, str]]) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    data = sink.getvalue().encode()
    refused: list[tuple[object, ...]] = []
    reader = Reader(Origin("x.csv", len(data), lambda: io.BytesIO(data)))
    found: list[tuple[str | None, str | None]] = []
    for piece in reader.pieces(lambda *args: refused.append(args)):
        found += zip(piece.columns["a"].to_pylist(), piece.columns["b"].to_pylist(), strict=True)
    assert not refused
    assert found == [(a or None, b or None) for a, b in rows]


def test_a_file_larger_than_a_block_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.ingest.readers.BLOCK", 1000)
    monkeypatch.setattr("accounts.ingest.readers.SMALL_BLOCK", 200)
    data = b"a,b\r\n" + b"".join(b'%d,"x\r\n%d"\r\n' % (i, i) for i in range(500))
    reader = Reader(Origin("x.csv", len(data), lambda: io.BytesIO(data)))
    found, lines = [], []
    for piece in reader.pieces(lambda *args: pytest.fail(str(args))):
        found += piece.columns["a"].to_pylist()
        lines += piece.lines.tolist()
    assert found == [str(i) for i in range(500)]
    assert lines == [2 + 2 * i for i in range(500)]


def test_the_first_compiled_call_imports_no_linear_algebra_and_leaves_it_usable() -> None:
    program = """
import sys
import numpy as np
import pyarrow as pa
from accounts.ingest.kernels import kernels_ready
kernels_ready()
from accounts.ingest.kernels.siphash import hash_array
hash_array(pa.array(["a"]), bytes(16))
assert "scipy.linalg" not in sys.modules
from numba import njit
assert njit(lambda a: np.dot(a, a))(np.ones((2, 2))).tolist() == [[2, 2], [2, 2]]
kernels_ready()
assert sys.modules["scipy.linalg"] is not None
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
