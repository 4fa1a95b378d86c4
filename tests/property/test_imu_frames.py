"""Whatever bytes come over a serial line, in whatever pieces: whole rows, or counted, and never an error."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.imu_frames import MAX_LINE, BinaryFrames, TextLines

SIX = st.tuples(*[st.integers(-32768, 32767)] * 6)
NOISE = st.binary(max_size=20)


def fed(parser: TextLines | BinaryFrames, data: bytes, cuts: list[int]) -> list[tuple[float, ...]]:
    rows, at = [], 0
    for cut in [*sorted(cuts), len(data)]:
        cut = min(cut, len(data))
        rows += parser.feed(data[at:cut])
        at = cut
    return rows


@given(st.binary(max_size=4000), st.lists(st.integers(0, 4000), max_size=8))
def test_noise_is_no_error(data: bytes, cuts: list[int]) -> None:
    for parser in (TextLines(6, ","), TextLines(3, ""), BinaryFrames(6, "<6f", "aa55", "crc16")):
        for row in fed(parser, data, cuts):
            assert all(abs(value) < float("inf") for value in row)


@given(st.lists(SIX, max_size=8), st.lists(st.integers(0, 400), max_size=8), st.booleans())
def test_lines_do_not_depend_on_how_they_were_cut(rows: list[tuple], cuts: list[int], dos: bool) -> None:
    end = "\r\n" if dos else "\n"
    data = ("half a line" + end + "".join(",".join(map(str, row)) + end for row in rows)).encode()
    parser = TextLines(6, ",")
    assert fed(parser, data, cuts) == [tuple(map(float, row)) for row in rows]
    assert not parser.refused


@given(st.lists(st.tuples(NOISE, SIX), max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_frames_do_not_depend_on_how_they_were_cut(parts: list[tuple], cuts: list[int]) -> None:
    data = b"".join(
        noise.replace(b"\xaa", b"") + b"\xaa\x55" + struct.pack("<6h", *row) for noise, row in parts
    )
    parser = BinaryFrames(6, "<6h", "aa55", "none")
    assert fed(parser, data, cuts) == [tuple(map(float, row)) for _, row in parts]


@pytest.mark.parametrize("parser", [TextLines(6, ","), BinaryFrames(6, "<6h", "aa55", "crc16")])
def test_endless_noise_is_not_kept(parser: TextLines | BinaryFrames) -> None:
    for _ in range(100):
        parser.feed(b"\n1" + b"\xaa" * 1000)
    assert len(parser._rest or b"") <= 1001 + MAX_LINE
