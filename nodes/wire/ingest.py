"""Ingest: what a sensor on another machine and the robot say to each other; a connection a traffic class."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ...sensors.liveness import SensorStatus
from ...sensors.modalities import Class
from ...sensors.sample import StreamInfo
from .errors import WireError
from .fields import VERSION, from_fields, pack_header, to_fields, unpack_header

_INDEX = struct.Struct("<Q")
DATA = b"data"


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

    t0: int
    t1: int
    t2: int


class Welcome(msgspec.Struct, frozen=True, kw_only=True):
    """Robot: its clock is known, send. `run` says which run of the service it is, which began at `from_ns` of
    the sensor's clock; `epoch` is one that a sensor which sees this run for the first time may use."""

    run: int
    epoch: int
    from_ns: int


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Sensor: in this run its samples have this epoch, and their items count from `bases`, by stream."""

    epoch: int
    bases: dict[str, int]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Sensor, about once a second: what it has produced (items, counted as its samples are), what it could
    not read, what it produced and could not keep, by stream and cause; and how its devices are."""

    produced: dict[str, int] = {}
    unread: dict[str, dict[str, int]] = {}
    unsent: dict[str, dict[str, int]] = {}
    sensors: dict[str, SensorStatus] = {}


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """Robot: it is done with everything before message `upto`."""

    upto: int


class Data(NamedTuple):
    """Sensor: message `number` of this sensor's class, as its envelope's frames."""

    number: int
    frames: Sequence[bytes]


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
        return [DATA, _INDEX.pack(message.number), *message.frames]
    header = {"v": VERSION, **to_fields(message, [])}
    return [type(message).__name__.lower().encode(), pack_header(header)]


def unpack(frames: Sequence[bytes]) -> Said | Answered:
    """A message from its frames. Raises WireError, and nothing else, for what is none."""
    if frames and frames[0] == DATA:
        if len(frames) < 4 or len(frames[1]) != _INDEX.size:
            raise WireError("malformed data: expected its index, a topic, a header and payloads")
        return Data(_INDEX.unpack(frames[1])[0], frames[2:])
    type_ = _WORDS.get(bytes(frames[0])) if frames else None
    if type_ is None or len(frames) != 2:
        raise WireError(f"unknown message {bytes(frames[0][:20]) if frames else b''!r} to or from a sensor")
    return from_fields(type_, unpack_header(frames, 1), ())  # pyright: ignore[reportReturnType]
