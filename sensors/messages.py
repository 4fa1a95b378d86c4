"""The bytes of a log's messages as objects with their schemas' fields: CDR, ROS 1, protobuf, JSON."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .ros import MessageError

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

Decode = Callable[[bytes], Any]

# Bags made before rosbag2 kept definitions in them; sensor_msgs have been the same in every distribution.
EXTRA_TYPES = {
    "audio_common_msgs/msg/AudioData": "uint8[] data",
    "audio_common_msgs/msg/AudioDataStamped": "std_msgs/Header header\naudio_common_msgs/AudioData audio",
    "audio_common_msgs/msg/AudioInfo": "uint8 channels\nuint32 sample_rate\nstring sample_format\n"
    "uint32 bitrate\nstring coding_format",
    "foxglove_msgs/msg/RawAudio": "builtin_interfaces/Time timestamp\nuint8[] data\nstring format\n"
    "uint32 sample_rate\nuint32 number_of_channels",
}


def decoder(message_encoding: str, schema_encoding: str, schema: str, definition: bytes) -> Decode:
    """What turns one message's bytes into an object. It raises MessageError for bytes that do not fit.

    Raises MessageError for a serialisation or a definition that cannot be read.
    """
    makers = {"cdr": _cdr, "ros1": _ros1, "protobuf": _protobuf, "json": _json}
    if message_encoding not in makers:
        raise MessageError(f"it is serialised as {message_encoding!r}; {', '.join(makers)} are read")
    try:
        decode = makers[message_encoding](schema_encoding, schema, definition)
    except Exception as error:
        # Parsers of definitions have no error in common, and the definition is whatever the file says.
        raise MessageError(f"its definition of {schema!r} cannot be read: {_brief(error)}") from error
    return _checked(decode, schema)


def _checked(decode: Decode, schema: str) -> Decode:
    def checked(data: bytes) -> Any:
        try:
            return decode(data)
        except Exception as error:
            # Generated parsers raise anything on garbage: struct.error, IndexError, UnicodeDecodeError ...
            raise MessageError(f"{len(data)} bytes are no {schema}: {_brief(error)}") from error

    return checked


def _cdr(schema_encoding: str, schema: str, definition: bytes) -> Decode:
    name = _full_name(schema)
    store = _typestore(schema_encoding, name, definition)
    return lambda data: store.deserialize_cdr(data, name)


def _ros1(_: str, schema: str, definition: bytes) -> Decode:
    name = _full_name(schema)
    store = _typestore("ros1msg", name, definition)
    return lambda data: store.deserialize_ros1(data, name)


def _typestore(schema_encoding: str, name: str, definition: bytes) -> "Typestore":
    """The types that a definition names, else those of a ROS 2 distribution."""
    from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

    text = definition.decode()
    if text.strip():
        empty = Stores.ROS1_NOETIC if schema_encoding == "ros1msg" else Stores.EMPTY
        store = get_typestore(empty)
        is_idl = schema_encoding == "ros2idl"
        types = get_types_from_idl(text) if is_idl else get_types_from_msg(text, name)
        store.register({key: value for key, value in types.items() if key not in store.types})
    else:
        store = get_typestore(Stores.ROS2_JAZZY)
        for extra, fields in EXTRA_TYPES.items():
            store.register(get_types_from_msg(fields, extra))
    if name not in store.types:
        raise MessageError(f"it is not there; record {name} with its definition")
    return store


def _protobuf(_: str, schema: str, definition: bytes) -> Decode:
    from mcap.records import Schema
    from mcap_protobuf.decoder import DecoderFactory

    held = Schema(id=1, name=schema, encoding="protobuf", data=definition)
    decode = DecoderFactory().decoder_for("protobuf", held)
    if decode is None:
        raise MessageError("it is no protobuf descriptor")
    return decode


def _json(_: str, __: str, ___: bytes) -> Decode:
    def decode(data: bytes) -> Any:
        message = json.loads(data, object_hook=lambda fields: SimpleNamespace(**fields))
        if not isinstance(message, SimpleNamespace):
            raise TypeError(f"a {type(message).__name__}, not an object")
        return message

    return decode


def _full_name(schema: str) -> str:
    """`sensor_msgs/Image` -> `sensor_msgs/msg/Image`, as ROS 2 writes it."""
    parts = schema.split("/")
    return schema if len(parts) != 2 else f"{parts[0]}/msg/{parts[1]}"


def _brief(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
