"""Ingest: what a sensor on another machine and the robot say to each other; a connection a traffic class."""

import struct
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec

from ...sensors.liveness import SensorStatus
from ...sensors.modalities import Class
from ...sensors.sample import Items, Stamp, StreamInfo
from .errors import WireError
from .fields import VERSION, from_fields, unpack_header
from .fields import pack as pack_fields

_INDEX = struct.Struct("<Q")
DATA, PACKED = b"data", b"packed"
MAX_WORD_BYTES = 1 << 16
"""All but data: a sensor says of its streams what fits here, so that all sensors' words fit into a status."""

Causes = Annotated[dict[str, Items], msgspec.Meta(max_length=32)]


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """Sensor: who it is, and which streams of which traffic class come on this connection."""

    sensor: str
    traffic: Class
    streams: tuple[StreamInfo, ...]


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Robot: why it takes nothing on this connection, for a person."""

    reason: str


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Robot: what is your clock? `t0` is its own."""

    t0: int


class Tell(msgspec.Struct, frozen=True, kw_only=True):
    """Sensor, at once: asked at `t0`, received at `t1`, answered at `t2` of its own clock."""

    t0: Stamp
    t1: Stamp
    t2: Stamp


class Welcome(msgspec.Struct, frozen=True, kw_only=True):
    """Robot: its clock is known, send. `run` says which run of the service it is, which began at `from_ns` of
    the sensor's clock; `epoch` is one that a sensor which sees this run for the first time may use."""

    run: int
    epoch: int
    from_ns: int


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Sensor: in this run its samples have this epoch, and their items count from `bases`, by stream."""

    epoch: int
    bases: dict[str, Items]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Sensor, about once a second: what it has produced (items, counted as its samples are), what it could
    not read, what it produced and could not keep, by stream and cause; and how its devices are."""

    produced: dict[str, Items] = {}
    unread: dict[str, Causes] = {}
    unsent: dict[str, Causes] = {}
    sensors: dict[str, SensorStatus] = {}


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """Robot: it is done with everything before message `upto`."""

    upto: int


class Data(NamedTuple):
    """Sensor: message `number` of this sensor's class, as its envelope's frames. Where `packed`, its first
    payload is a PNG of one channel of 16 bits that has the array's pixels."""

    number: int
    frames: Sequence[bytes]
    packed: bool = False


Said = Join | Tell | Begin | Counts | Data
"""What a sensor says."""
Answered = Refused | Ask | Welcome | Ack
"""What the robot says."""
_WORDS: dict[bytes, type[msgspec.Struct]] = {
    t.__name__.lower().encode(): t for t in (Join, Refused, Ask, Tell, Welcome, Begin, Counts, Ack)
}


def pack(message: Said | Answered) -> list[bytes]:
    """The frames of a message: its kind, then a header, or the index and the envelope of data."""
    if isinstance(message, Data):
        return [PACKED if message.packed else DATA, _INDEX.pack(message.number), *message.frames]
    return [type(message).__name__.lower().encode(), pack_fields({"v": VERSION}, message, [])]


def unpack(frames: Sequence[bytes]) -> Said | Answered:
    """A message from its frames. Raises WireError, and nothing else, for what is none."""
    if frames and frames[0] in (DATA, PACKED):
        if len(frames) < 4 + (frames[0] == PACKED) or len(frames[1]) != _INDEX.size:
            raise WireError("malformed data: expected its index, a topic, a header and payloads")
        number = _INDEX.unpack(frames[1])[0]
        if number >> 62:
            raise WireError(f"malformed data: message {number}; numbers count from 0")
        return Data(number, frames[2:], frames[0] == PACKED)
    type_ = _WORDS.get(bytes(frames[0])) if frames else None
    if type_ is None or len(frames) != 2 or len(frames[1]) > MAX_WORD_BYTES:
        raise WireError(
            f"unknown or too long message {bytes(frames[0][:20]) if frames else b''!r} to or from a sensor"
        )
    return from_fields(type_, unpack_header(frames, 1), ())  # pyright: ignore[reportReturnType]
