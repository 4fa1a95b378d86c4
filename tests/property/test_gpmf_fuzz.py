"""Whatever bytes a telemetry track holds, the parser answers with finite rows or none."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.gpmf import parse, walk


def klv(key: bytes, kind: int, size: int, repeat: int, data: bytes) -> bytes:
    return struct.pack(">4sBBH", key, kind, size, repeat) + data + bytes(-len(data) % 4)


def real_looking(rows: int) -> bytes:
    """A payload as a HERO5 writes it, with `rows` of each sensor."""
    streams = b""
    for key, scale, unit in ((b"ACCL", 418, b"m/s\xb2"), (b"GYRO", 3755, b"rad/s")):
        raw = np.arange(3 * rows, dtype=">i2").tobytes()
        strm = klv(b"TSMP", ord("L"), 4, 1, rows.to_bytes(4, "big"))
        strm += klv(b"SIUN", ord("c"), len(unit), 1, unit)
        strm += klv(b"SCAL", ord("s"), 2, 1, scale.to_bytes(2, "big")) + klv(key, ord("s"), 6, rows, raw)
        streams += klv(b"STRM", 0, 1, len(strm), strm)
    return klv(b"DEVC", 0, 1, len(streams), streams)


def check(data: bytes) -> None:
    for motion in parse(data).values():
        assert motion.rows.dtype == np.float32
        assert motion.rows.shape == (len(motion.rows), 3)
        assert np.isfinite(motion.rows).all()
        assert motion.rows.nbytes <= 12 * max(1, len(data))


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    check(data)
    assert sum(len(item.data) for item in walk(data)) <= len(data)


@given(
    rows=st.integers(0, 30),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    kept=st.floats(0.0, 1.0),
)
def test_a_damaged_payload(rows: int, changes: list[tuple[int, int]], kept: float) -> None:
    data = bytearray(real_looking(rows))
    for at, value in changes:
        data[at % len(data)] = value
    check(bytes(data[: round(kept * len(data))]))


@given(
    kind=st.sampled_from(b"bBsSlLjJfd"),
    raw=st.binary(min_size=24, max_size=240),
    scale=st.binary(min_size=8, max_size=8),
)
def test_extreme_numbers(kind: int, raw: bytes, scale: bytes) -> None:
    size = 3 * {"b": 1, "s": 2, "l": 4, "f": 4, "j": 8, "d": 8}[chr(kind).lower()]
    repeat = len(raw) // size
    strm = klv(b"SCAL", ord("d"), 8, 1, scale) + klv(b"ACCL", kind, size, repeat, raw[: size * repeat])
    strm = klv(b"STRM", 0, 1, len(strm), strm)
    check(klv(b"DEVC", 0, 1, len(strm), strm))


@given(st.integers(1, 200))
def test_an_undamaged_payload_gives_every_row(rows: int) -> None:
    assert {key: len(motion.rows) for key, motion in parse(real_looking(rows)).items()} == {
        "ACCL": rows,
        "GYRO": rows,
    }
