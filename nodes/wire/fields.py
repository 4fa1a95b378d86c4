"""The codec under every message: a Struct as a msgpack map, its arrays as payload frames beside it."""

from collections.abc import Sequence
from math import prod
from typing import Any, TypeVar

import msgpack
import msgspec
import numpy as np

from .errors import WireError

VERSION = 1
MAX_HEADER_BYTES = 1 << 20
MAX_ITEMS = 4096
MAX_TEXT_BYTES = 1 << 16
MAX_PAYLOADS = 16
MAX_PAYLOAD_BYTES = 64 << 20
MAX_DIMENSIONS = 4
DTYPES = {name: np.dtype(name) for name in ("|u1", "<u2", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")}

S = TypeVar("S", bound=msgspec.Struct)


def pack(head: dict[str, Any], message: msgspec.Struct, payloads: list[bytes]) -> bytes:
    """The header frame: `head`, which has no name of the message's own, and the message's fields in one map;
    its arrays are appended to `payloads`. Raises WireError for what msgpack, or the limits, do not allow."""

    def hook(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return _describe(value, payloads)
        if isinstance(value, np.generic):
            return value.item()
        raise NotImplementedError(f"a {type(value).__name__} cannot travel")

    try:
        fields = msgspec.msgpack.encode(message, enc_hook=hook)
    except (NotImplementedError, OverflowError, TypeError, ValueError) as error:
        raise WireError(f"cannot encode {type(message).__name__}: {error}") from error
    # In msgpack a map is how many pairs it has, then the pairs: two maps are joined without decoding either.
    own = len(message.__struct_fields__)
    count = len(head) + own
    size = bytes([0x80 | count]) if count < 16 else b"\xde" + count.to_bytes(2, "big")
    return _bounded(size + msgspec.msgpack.encode(head)[1:] + fields[1 if own < 16 else 3 :])


def from_fields(type_: type[S], fields: dict[str, Any], payloads: Sequence[bytes]) -> S:
    """The message of `type_` in `fields`, its arrays read-only views on `payloads`.

    Raises WireError when a field is missing or of another type, or when arrays and payloads do not agree
    exactly: each payload used once, its length `prod(shape) * itemsize`.
    """
    unused = dict(enumerate(payloads))

    def hook(wanted: type, value: Any) -> Any:
        if wanted is np.ndarray:
            return _view(value, unused)
        raise NotImplementedError(f"a {wanted.__name__} cannot travel")

    try:
        message = msgspec.convert(fields, type_, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise WireError(f"malformed {type_.__name__}: {error}") from error
    if unused:
        raise WireError(f"malformed {type_.__name__}: payload {min(unused)} of {len(payloads)} is not used")
    return message


def pack_header(header: dict[str, Any]) -> bytes:
    """The header frame of what is no message. Raises WireError where it is too long."""
    return _bounded(msgspec.msgpack.encode(header))


def unpack_header(frames: Sequence[bytes], at: int) -> dict[str, Any]:
    """The map in frame `at`, sizes checked before decoding, `v` checked after. Raises WireError."""
    if not at < len(frames) <= at + 1 + MAX_PAYLOADS:
        raise WireError(f"{len(frames)} frames; expected {at + 1} to {at + 1 + MAX_PAYLOADS}")
    return unpack_map(frames[at])


def unpack_map(frame: bytes) -> dict[str, Any]:
    """A header frame's map: bounded msgpack, version 1. Raises WireError."""
    if len(frame) > MAX_HEADER_BYTES:
        raise WireError(f"header of {len(frame)} bytes; at most {MAX_HEADER_BYTES} are allowed")
    try:
        header = msgpack.unpackb(
            frame,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            max_str_len=MAX_TEXT_BYTES,
            max_bin_len=0,
            max_ext_len=0,
        )
    except (ValueError, TypeError) as error:
        raise WireError(f"header is not bounded msgpack: {error or type(error).__name__}") from error
    if not isinstance(header, dict):
        raise WireError(f"header is a {type(header).__name__}; expected a map")
    version = header.get("v")
    if type(version) is not int or version != VERSION:
        raise WireError(f"wire version {str(version)[:40]!r}; sixsense speaks {VERSION}: update the older")
    return header


def _bounded(frame: bytes) -> bytes:
    if len(frame) > MAX_HEADER_BYTES:
        raise WireError(f"header of {len(frame)} bytes; at most {MAX_HEADER_BYTES}: send less at once")
    return frame


def _describe(array: np.ndarray, payloads: list[bytes]) -> dict[str, Any]:
    if array.dtype.str[0] == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    if array.dtype.str not in DTYPES or array.ndim > MAX_DIMENSIONS or array.nbytes > MAX_PAYLOAD_BYTES:
        raise ValueError(f"array {array.dtype.str} {array.shape} is outside {_allowed()}")
    if len(payloads) == MAX_PAYLOADS:
        raise ValueError(f"more than {MAX_PAYLOADS} arrays in one message")
    payloads.append(array.tobytes())
    return {"payload": len(payloads) - 1, "dtype": array.dtype.str, "shape": array.shape}


def _view(descriptor: Any, unused: dict[int, bytes]) -> np.ndarray:
    if not isinstance(descriptor, dict) or descriptor.keys() != {"payload", "dtype", "shape"}:
        raise ValueError("expected {payload, dtype, shape}")
    dtype, shape = descriptor["dtype"], descriptor["shape"]
    elements = _elements(shape)
    if not isinstance(dtype, str) or dtype not in DTYPES or elements is None:
        raise ValueError(f"array {str(dtype)[:20]} {str(shape)[:80]} is outside {_allowed()}")
    index = descriptor["payload"]
    payload = unused.pop(index, None) if type(index) is int else None
    if payload is None:
        raise ValueError(f"payload {str(index)[:20]} is not there, or is used twice")
    expected = elements * DTYPES[dtype].itemsize
    if len(payload) != expected:
        raise ValueError(f"payload {index} has {len(payload)} bytes; {dtype} {shape} needs {expected}")
    return np.ndarray(tuple(shape), DTYPES[dtype], payload)


def _elements(shape: Any) -> int | None:
    """How many elements an array of a shape has; None for what is no shape, or too large a one."""
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        return None
    bound = 1
    for n in shape:
        if type(n) is not int or n < 0:
            return None
        # A zero would hide how large the others are.
        bound *= n or 1
    return prod(shape) if bound <= MAX_PAYLOAD_BYTES else None


def _allowed() -> str:
    return f"{', '.join(DTYPES)}, {MAX_DIMENSIONS} dimensions, {MAX_PAYLOAD_BYTES} bytes"
