"""GPMF: the key-length-value telemetry that action cameras store beside their video.

The format is documented in the README of github.com/gopro/gpmf-parser: a FourCC, one type character, the
size of one value group, how many repeat, then big-endian data padded to 32 bits; DEVC (a device) nests
STRM (a stream), whose properties come before its data. Pure: bytes in, arrays out, no files and no clock.
"""

import contextlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

TYPES = {
    "b": "i1", "B": "u1", "s": ">i2", "S": ">u2", "l": ">i4", "L": ">u4",
    "j": ">i8", "J": ">u8", "f": ">f4", "d": ">f8",
}  # fmt: skip

# Standard gravity, CGPM 1901.
UNITS = {
    "ACCL": {"m/s²": 1.0, "m/s2": 1.0, "m/s^2": 1.0, "g": 9.80665},
    "GYRO": {"rad/s": 1.0, "deg/s": np.pi / 180, "°/s": np.pi / 180},
}

# HERO5 stores Z, X, Y and does not say so; later cameras say in ORIN what they store and convert to this.
DEFAULT_ORDER = "ZXY"

# The camera's own axes are X left, Y back, Z up (right-handed, seen from behind the lens): with them the
# gyroscope agrees in sign, on all three axes, with the optical flow of a HERO5's video. REP-103 wants x
# forward, y left, z up. An accelerometer at rest shows +9.81 on Z, which is REP-103's sign as well.
REP103_FROM_CAMERA = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float64)


class Klv(NamedTuple):
    """One item: `data` holds `size * repeat` bytes, without padding; type "\\0" nests further items."""

    key: str
    type: str
    size: int
    repeat: int
    data: bytes


class Motion(NamedTuple):
    """One payload of one motion sensor: float32 (n, 3), m/s^2 or rad/s, REP-103 axes of the camera's body.

    `stamp_us` is the camera's own time of the first row (STMP), where it writes one.
    """

    rows: np.ndarray
    stamp_us: int | None


class _MalformedError(ValueError):
    """A stream's data contradicts its properties."""


def walk(data: bytes) -> list[Klv]:
    """The items of one nesting level, as far as they make sense.

    An item that claims more bytes than there are ends the level: a nest is kept as far as it goes, plain
    data is left out. Zero bytes after the last item are padding.
    """
    items: list[Klv] = []
    at = 0
    while at + 8 <= len(data):
        key, kind, size, repeat = struct.unpack_from(">4sBBH", data, at)
        end = at + 8 + size * repeat
        if key == b"\0\0\0\0" or not key.isascii() or (end > len(data) and kind != 0):
            break
        items.append(Klv(key.decode("ascii"), chr(kind), size, repeat, data[at + 8 : end]))
        at = end + -end % 4
    return items


def parse(payload: bytes) -> dict[str, Motion]:
    """One payload's motion by key ("ACCL", "GYRO"), each of the first device that has it.

    Whatever the bytes, it answers: a key that is missing was not there, or not to be made sense of.
    """
    motion: dict[str, Motion] = {}
    for strm in _streams(payload):
        for key in UNITS.keys() & {item.key for item in strm} - motion.keys():
            with contextlib.suppress(_MalformedError), np.errstate(all="ignore"):
                motion[key] = _motion(key, strm)
    return motion


def _streams(payload: bytes) -> Iterator[list[Klv]]:
    """The items of every STRM of every DEVC."""
    for device in walk(payload):
        if device.key == "DEVC":
            yield from (walk(item.data) for item in walk(device.data) if item.key == "STRM")


def _motion(key: str, strm: list[Klv]) -> Motion:
    properties = {item.key: item for item in strm}
    parts = [_numbers(item) for item in strm if item.key == key and item.repeat]
    if not parts:
        return Motion(np.empty((0, 3), np.float32), None)
    if any(part.shape[1] != 3 for part in parts):
        raise _MalformedError("not three axes")
    rows = np.concatenate(parts) / _scale(properties.get("SCAL")) * _unit(key, properties)
    rows = (rows @ (REP103_FROM_CAMERA @ _camera_axes(properties)).T).astype(np.float32)
    if not np.isfinite(rows).all():
        raise _MalformedError("not finite")
    return Motion(rows, _stamp(properties.get("STMP")))


def _numbers(item: Klv) -> np.ndarray:
    """float64 (repeat, values in one group)."""
    dtype = TYPES.get(item.type)
    if dtype is None or item.size == 0 or item.size % np.dtype(dtype).itemsize:
        raise _MalformedError(f"type {item.type!r} of size {item.size}")
    return np.frombuffer(item.data, dtype).reshape(item.repeat, -1).astype(np.float64)


def _scale(item: Klv | None) -> np.ndarray:
    if item is None:
        return np.ones(1)
    scale = _numbers(item).ravel()
    if scale.size not in (1, 3) or not np.isfinite(scale).all() or not scale.all():
        raise _MalformedError("scale")
    return scale


def _unit(key: str, properties: dict[str, Klv]) -> float:
    """The factor to SI; without SIUN or UNIT the data is SI, as the format recommends."""
    item = properties.get("SIUN") or properties.get("UNIT")
    if item is None:
        return 1.0
    unit = item.data[: item.size].decode("latin-1").rstrip("\0 ")
    if unit not in UNITS[key]:
        raise _MalformedError(f"unit {unit!r}")
    return UNITS[key][unit]


def _camera_axes(properties: dict[str, Klv]) -> np.ndarray:
    """The (3, 3) matrix from stored columns to the camera's X, Y, Z.

    ORIN names the axis of each stored column, lower case where its sign is reversed. Without ORIN, MTRX
    takes the stored columns to the order that ORIO names.
    """
    if "ORIN" in properties:
        return _order(properties["ORIN"])
    matrix = _numbers(properties["MTRX"]) if "MTRX" in properties else np.eye(3)
    if matrix.size != 9 or not np.isfinite(matrix).all():
        raise _MalformedError("matrix")
    output = _order(properties["ORIO"]) if "ORIO" in properties else _axes(DEFAULT_ORDER)
    return output @ matrix.reshape(3, 3)


def _order(item: Klv) -> np.ndarray:
    return _axes(item.data.decode("latin-1").rstrip("\0 "))


def _axes(order: str) -> np.ndarray:
    if sorted(order.upper()) != ["X", "Y", "Z"]:
        raise _MalformedError(f"axes {order!r}")
    matrix = np.zeros((3, 3))
    for column, axis in enumerate(order):
        matrix["XYZ".index(axis.upper()), column] = 1 if axis.isupper() else -1
    return matrix


def _stamp(item: Klv | None) -> int | None:
    if item is None or (item.type, item.size, item.repeat) != ("J", 8, 1):
        return None
    return int.from_bytes(item.data, "big")
