"""CDR: any Struct as the bytes of a ROS 2 message, back, and its definition for whoever reads the file.

A field's type says what it is in the definition: int int64, float float64, str and Literal string, a tuple a
sequence, a dict a sequence of key and value, an array float32[] (None is an empty one), bytes uint8[]; a
number that is None is NaN, a message that is None an empty sequence.
`Annotated[int, "uint32"]` and `Annotated[np.ndarray, "uint8"]` name another width, a tuple annotated with a
number has that length. Layout: XCDR1, little-endian, as in OMG DDSI-RTPS 10.5 and what rosbag2 writes.
"""

import struct
from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
import numpy as np

from ..errors import SourceError

HEADER = b"\x00\x01\x00\x00"
PACKAGE = "sixsense_msgs"
_NUMBERS = {
    "bool": "<?",
    "uint8": "<B",
    "int32": "<i",
    "uint32": "<I",
    "int64": "<q",
    "float64": "<d",
}
_PLAIN = {bool: "bool", int: "int64", float: "float64"}
_PADDING = tuple(b"\0" * n for n in range(8))
Buffer = bytes | memoryview
_COUNT = struct.Struct("<I")
S = TypeVar("S", bound=msgspec.Struct)


class CdrError(SourceError):
    """Bytes that are not the message they should be."""


class Out:
    """Parts of a message, and how long they are."""

    def __init__(self) -> None:
        self.parts: list[Buffer] = [HEADER]
        self.size = 0

    def put(self, data: Any, align: int) -> None:
        padding = -self.size % align
        if padding:
            self.parts.append(_PADDING[padding])
        self.parts.append(data)
        self.size += padding + len(data)


class In:
    """A message, and how far it has been read."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at = data, 0

    def take(self, size: int, align: int) -> memoryview:
        start = self.at + -self.at % align
        self.at = start + size
        if self.at > len(self.data):
            raise CdrError(f"a message of {len(self.data)} bytes ends inside a field of {size}")
        return self.data[start : self.at]

    def count(self) -> int:
        count = _COUNT.unpack(self.take(4, 4))[0]
        if count > len(self.data) - self.at:
            raise CdrError(f"a message of {len(self.data)} bytes promises {count} elements")
        return count


class Codec(NamedTuple):
    """How values of one type are named in a definition, written and read; `parts` are the types inside."""

    name: str
    write: Callable[[Out, Any], None]
    read: Callable[[In], Any]
    parts: tuple[type[msgspec.Struct], ...] = ()


def encoded(message: msgspec.Struct) -> list[Buffer]:
    """The CDR bytes of a message in parts, large data not copied, the encapsulation header first."""
    out = Out()
    _codec(type(message)).write(out, message)
    return out.parts


def encode(message: msgspec.Struct) -> bytes:
    """The CDR bytes of a message."""
    return b"".join(encoded(message))


def decode(type_: type[S], data: bytes | memoryview) -> S:
    """The message of `type_` in `data`; its arrays are views. Raises CdrError."""
    view = memoryview(data)
    if bytes(view[:4]) != HEADER:
        raise CdrError(f"{type_.__name__}: {bytes(view[:4])!r} is not the header of little-endian CDR")
    try:
        return _codec(type_).read(In(view[4:]))
    except (UnicodeDecodeError, msgspec.ValidationError, ValueError) as error:
        raise CdrError(f"malformed {type_.__name__}: {error}") from error


def type_name(type_: type[msgspec.Struct]) -> str:
    """`package/msg/Name`, as a schema is called."""
    package, name = _codec(type_).name.split("/")
    return f"{package}/msg/{name}"


@cache
def definition(type_: type[msgspec.Struct]) -> str:
    """The message definition in ros2msg: its fields, then every type that they are made of."""
    todo, done = [type_], list[type[msgspec.Struct]]()
    while todo:
        one = todo.pop(0)
        if one not in done:
            done.append(one)
            todo += _codec(one).parts
    texts = [_fields_text(one) for one in done]
    return f"\n{'=' * 80}\n".join(
        [texts[0], *(f"MSG: {_codec(t).name}\n{x}" for t, x in zip(done[1:], texts[1:], strict=True))]
    )


def _fields_text(type_: type[msgspec.Struct]) -> str:
    fields = msgspec.structs.fields(type_)
    return "\n".join(f"{_codec(field.type).name} {field.name}" for field in fields)


@cache
def _codec(type_: Any) -> Codec:
    """The codec of a type, made once."""
    arguments, origin = get_args(type_), get_origin(type_)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return _struct(type_)
    if type_ in _PLAIN:
        return _number(_PLAIN[type_])
    if type_ is str or origin is Literal:
        return Codec("string", _write_text, _read_text)
    if type_ is bytes:
        return Codec("uint8[]", _write_bytes, _read_bytes)
    if type_ is np.ndarray:
        return _array("float32")
    if origin is Annotated:
        return _annotated(*arguments)
    if origin in (UnionType, Union) and arguments[1:] == (type(None),):
        return _optional(arguments[0])
    if origin is tuple and arguments[1:] == (...,):
        return _sequence(_codec(arguments[0]), arguments[0])
    if origin is tuple:
        return _fixed(_codec(arguments[0]), len(arguments))
    if origin is dict and arguments[0] is str:
        return _mapping(_codec(arguments[1]), arguments[1])
    raise TypeError(f"{type_} has no place in a ROS 2 message")


def _annotated(type_: Any, what: Any) -> Codec:
    if isinstance(what, int):
        return _fixed(_codec(get_args(type_)[0]), what)
    if type_ is np.ndarray:
        return _array(what)
    return _number(what) if what in _NUMBERS else _codec(type_)


def _struct(type_: type[msgspec.Struct]) -> Codec:
    name = getattr(type_, "ROS", f"{PACKAGE}/{type_.__name__}")
    fields = [(field.encode_name, _codec(field.type)) for field in msgspec.structs.fields(type_)]
    writers = [(field, codec.write) for field, codec in fields]
    readers = [(field, codec.read) for field, codec in fields]

    def write(out: Out, value: Any) -> None:
        for field, put in writers:
            put(out, getattr(value, field))

    def read(source: In) -> Any:
        return type_(**{field: take(source) for field, take in readers})

    parts = dict.fromkeys(part for _, codec in fields for part in codec.parts)
    own = tuple(f.type for f in msgspec.structs.fields(type_) if _is_struct(f.type))
    return Codec(name, write, read, (*own, *parts))


def _number(name: str) -> Codec:
    one = struct.Struct(_NUMBERS[name])
    size = one.size

    def write(out: Out, value: Any) -> None:
        out.put(one.pack(value), size)

    def read(source: In) -> Any:
        return one.unpack(source.take(size, size))[0]

    return Codec(name, write, read)


def _fixed(element: Codec, count: int) -> Codec:
    """A fixed number of numbers, aligned as one is."""
    many = struct.Struct(f"<{count}{_NUMBERS[element.name][1]}")
    size = many.size // count

    def write(out: Out, value: Any) -> None:
        out.put(many.pack(*value), size)

    def read(source: In) -> Any:
        return many.unpack(source.take(many.size, size))

    return Codec(f"{element.name}[{count}]", write, read)


def _array(name: str) -> Codec:
    dtype = np.dtype(name).newbyteorder("<")

    def write(out: Out, value: np.ndarray) -> None:
        out.put(_COUNT.pack(value.size), 4)
        if value.size:
            out.put(np.ascontiguousarray(value, dtype).reshape(-1).view(np.uint8).data, dtype.itemsize)

    def read(source: In) -> np.ndarray:
        count = source.count()
        return np.frombuffer(source.take(count * dtype.itemsize, dtype.itemsize if count else 1), dtype)

    return Codec(f"{name}[]", write, read)


def _optional(type_: Any) -> Codec:
    """None is NaN, an empty array, or a sequence of none or one message."""
    if type_ is float:
        some, none, is_none = _codec(float), float("nan"), lambda value: value != value
    elif type_ is np.ndarray:
        some, none, is_none = _codec(np.ndarray), np.zeros(0, np.float32), lambda value: not len(value)
    elif _is_struct(type_):
        return _at_most_one(_sequence(_codec(type_), type_))
    else:
        raise TypeError(f"{type_} or None has no place in a ROS 2 message")

    def write(out: Out, value: Any) -> None:
        some.write(out, none if value is None else value)

    def read(source: In) -> Any:
        value = some.read(source)
        return None if is_none(value) else value

    return Codec(some.name, write, read)


def _at_most_one(many: Codec) -> Codec:
    def write(out: Out, value: Any) -> None:
        many.write(out, () if value is None else (value,))

    def read(source: In) -> Any:
        return next(iter(many.read(source)), None)

    return Codec(many.name, write, read, many.parts)


def _sequence(element: Codec, type_: Any) -> Codec:
    def write(out: Out, value: Any) -> None:
        out.put(_COUNT.pack(len(value)), 4)
        for one in value:
            element.write(out, one)

    def read(source: In) -> Any:
        return tuple([element.read(source) for _ in range(source.count())])

    return Codec(f"{element.name}[]", write, read, _inside(element, type_))


def _mapping(element: Codec, type_: Any) -> Codec:
    """A dict: a sequence of entries, each a message of its own with a key and a value."""
    stem = element.name.split("/")[-1].translate({91: None, 93: None})
    entry = msgspec.defstruct(f"{stem[0].upper()}{stem[1:]}Entry", [("key", str), ("value", type_)])
    entries = _sequence(_codec(entry), entry)

    def write(out: Out, value: Any) -> None:
        entries.write(out, [entry(key=key, value=one) for key, one in value.items()])  # pyright: ignore[reportCallIssue]

    def read(source: In) -> Any:
        return {one.key: one.value for one in entries.read(source)}

    return Codec(entries.name, write, read, entries.parts)


def _inside(element: Codec, type_: Any) -> tuple[type[msgspec.Struct], ...]:
    return (type_, *element.parts) if _is_struct(type_) else element.parts


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _write_text(out: Out, value: str) -> None:
    data = value.encode()
    out.put(_COUNT.pack(len(data) + 1), 4)
    out.put(data + b"\0", 1)


def _read_text(source: In) -> str:
    return str(source.take(source.count(), 1)[:-1], "utf-8")


def _write_bytes(out: Out, value: bytes) -> None:
    out.put(_COUNT.pack(len(value)), 4)
    if value:
        out.put(value, 1)


def _read_bytes(source: In) -> memoryview:
    return source.take(source.count(), 1)
