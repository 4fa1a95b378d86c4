"""Key-length-value parsing: payloads built here, of which every byte is known."""

import struct

import numpy as np
import pytest
from sixsense.sensors.gpmf import parse, walk


def klv(key: str, kind: str, size: int, data: bytes) -> bytes:
    body = data + bytes(-len(data) % 4)
    return struct.pack(">4sBBH", key.encode(), ord(kind), size, len(data) // size) + body


def nest(key: str, *items: bytes) -> bytes:
    return klv(key, "\0", 1, b"".join(items))


def shorts(*values: int) -> bytes:
    return struct.pack(f">{len(values)}h", *values)


RAW = shorts(418, 836, -418, 0, 0, 4180)
ACCL = klv("ACCL", "s", 6, RAW)
SCAL = klv("SCAL", "s", 2, shorts(418))


def payload(*properties: bytes, data: bytes = ACCL) -> bytes:
    return nest("DEVC", klv("DVID", "L", 4, bytes(4)), nest("STRM", *properties, data))


def rows(*properties: bytes, data: bytes = ACCL) -> np.ndarray:
    return parse(payload(*properties, data=data))["ACCL"].rows


def test_stored_zxy_becomes_forward_left_up() -> None:
    got = rows(SCAL, klv("SIUN", "c", 4, "m/s²".encode("latin-1")))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [[1, 2, 1], [-10, 0, 0]])


@pytest.mark.parametrize(
    ("orin", "expected"),
    [("ZXY", [1, 2, 1]), ("YxZ", [-1, -2, -1]), ("XYZ", [-2, 1, -1]), ("zxY", [1, -2, -1])],
)
def test_orin_names_the_stored_axes(orin: str, expected: list[float]) -> None:
    np.testing.assert_allclose(rows(SCAL, klv("ORIN", "c", 1, orin.encode()))[0], expected)


def test_matrix_takes_the_stored_axes_to_the_ones_orio_names() -> None:
    swap = struct.pack(">9f", 0, 0, 1, 0, -1, 0, 1, 0, 0)
    by_matrix = rows(SCAL, klv("MTRX", "f", 4, swap), klv("ORIO", "c", 1, b"ZXY"))
    np.testing.assert_allclose(by_matrix, rows(SCAL, klv("ORIN", "c", 1, b"YxZ")))


@pytest.mark.parametrize(
    ("unit", "factor"), [("g", 9.80665), ("m/s2", 1.0)], ids=["standard gravity", "already SI"]
)
def test_units_become_si(unit: str, factor: float) -> None:
    got = rows(SCAL, klv("SIUN", "c", len(unit), unit.encode()))
    np.testing.assert_allclose(got, np.multiply(rows(SCAL), factor), rtol=1e-6)


def test_one_scale_for_each_axis() -> None:
    assert rows(klv("SCAL", "s", 2, shorts(209, 418, 418)))[0].tolist() == [1, 2, 2]


def test_floats_need_no_scale() -> None:
    got = rows(data=klv("ACCL", "f", 12, struct.pack(">3f", 9.81, 0.5, -0.25)))
    np.testing.assert_allclose(got, [[0.25, 0.5, 9.81]], rtol=1e-6)


def test_microsecond_stamp() -> None:
    stamp = klv("STMP", "J", 8, (23_058_550).to_bytes(8, "big"))
    assert parse(payload(stamp, SCAL))["ACCL"].stamp_us == 23_058_550
    assert parse(payload(SCAL))["ACCL"].stamp_us is None


def test_the_first_device_wins_and_keys_do_not_mix() -> None:
    gyro = nest("STRM", klv("GYRO", "s", 6, shorts(1, 2, 3)))
    other = payload(data=klv("ACCL", "s", 6, shorts(7, 7, 7)))
    motion = parse(payload(SCAL) + nest("DEVC", gyro) + other)
    assert motion.keys() == {"ACCL", "GYRO"}
    assert len(motion["ACCL"].rows) == 2


@pytest.mark.parametrize(
    "properties",
    [
        (klv("SCAL", "s", 2, shorts(0)),),
        (klv("SCAL", "s", 2, shorts(1, 2)),),
        (klv("SIUN", "c", 3, b"lbs"),),
        (klv("ORIN", "c", 1, b"XXZ"),),
        (klv("MTRX", "f", 4, struct.pack(">9f", *[float("nan")] * 9)),),
    ],
    ids=["scale zero", "two scales", "unknown unit", "axis twice", "matrix not finite"],
)
def test_what_contradicts_itself_is_left_out(properties: tuple[bytes, ...]) -> None:
    assert parse(payload(*properties)) == {}


@pytest.mark.parametrize(
    "data",
    [klv("ACCL", "s", 4, bytes(8)), klv("ACCL", "?", 6, bytes(6)), klv("ACCL", "s", 5, bytes(5)),
     klv("ACCL", "f", 12, struct.pack(">3f", 1, float("inf"), 0))],
    ids=["two axes", "complex type", "odd size", "infinite"],
)  # fmt: skip
def test_rows_that_are_no_rows_are_left_out(data: bytes) -> None:
    assert parse(payload(data=data)) == {}


def test_an_empty_stream_is_there_and_empty() -> None:
    assert parse(payload(data=struct.pack(">4sBBH", b"ACCL", ord("s"), 6, 0)))["ACCL"].rows.shape == (0, 3)


def test_a_cut_payload_keeps_what_came_whole() -> None:
    gyro = nest("STRM", klv("GYRO", "s", 6, bytes(600)))
    whole = nest("DEVC", nest("STRM", SCAL, ACCL), gyro)
    assert parse(whole).keys() == {"ACCL", "GYRO"}
    assert parse(whole[:-100]).keys() == {"ACCL"}


def test_padding_and_alignment() -> None:
    level = klv("AAAA", "b", 1, b"\x01") + klv("BBBB", "c", 1, b"hello") + bytes(12)
    assert [(item.key, item.data) for item in walk(level)] == [("AAAA", b"\x01"), ("BBBB", b"hello")]
