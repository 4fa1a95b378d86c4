"""The envelope: a message as frames `[topic][header][payload]*`, and back."""

from collections.abc import Sequence

import msgspec

from .arrays import check_arrays
from .errors import WireError
from .fields import VERSION, from_fields, pack, unpack_header
from .topics import KINDS, NAME_OF, check_kind, check_name, topic_of


def encode(message: msgspec.Struct, *, robot: str) -> list[bytes]:
    """The frames of any message whose type is in KINDS.

    Arrays travel raw and little-endian, one payload frame each. Raises WireError for a type, name, array
    or size that the wire does not allow.
    """
    topic = topic_of(message, robot)
    payloads: list[bytes] = []
    head = {"v": VERSION, "kind": NAME_OF[type(message)]}
    own = getattr(message, "robot", None)
    if own is None:
        head["robot"] = robot
    elif own != robot:
        raise WireError(f"{head['kind']} of robot {own!r} cannot be sent as {robot!r}")
    return [topic, pack(head, message, payloads), *payloads]


def decode(frames: Sequence[bytes]) -> tuple[str, msgspec.Struct]:
    """The robot and its message, every field typed and checked; arrays are read-only views on the frames.

    Fields that this version does not know are ignored. Raises WireError, and nothing else, for anything
    that is not a message of this version.
    """
    header = unpack_header(frames, 1)
    robot = check_name("robot", header.get("robot"))
    message = from_fields(KINDS[check_kind(header.get("kind"))].type, header, frames[2:])
    if frames[0] != topic_of(message, robot):
        raise WireError(f"topic {bytes(frames[0][:80])!r} is not its header's, {topic_of(message, robot)!r}")
    check_arrays(message)
    return robot, message
