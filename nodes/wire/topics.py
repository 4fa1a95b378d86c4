"""The table of message kinds, and the topics they travel under."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from ...encoders.embedding import Embedding, Missing
from ...fusion.fused import Fused, Labels, Match
from ...fusion.query import Query, Standing
from ...fusion.snapshot import Snapshot
from ...sensors.sample import End, Progress, Sample, StreamInfo
from .errors import WireError
from .hello import Hello
from .status import Status

MIB = 1 << 20
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
Traffic = Literal["data", "results", "control"]


class Kind(NamedTuple):
    """One row: a message type and how it travels.

    The stream of its topic is the message's field `field`, or else the fixed name `stream`. `data` goes
    from node to node, lossless or lossy as its modality says; `results` may drop for a slow watcher.
    `rate_hz` is what a subscriber expects before it has measured, 0 for a kind without a rhythm.
    """

    type: type[msgspec.Struct]
    traffic: Traffic
    message_bytes: int
    queue_bytes: int
    rate_hz: float
    field: str = ""
    stream: str = ""

    @property
    def hwm(self) -> int:
        """ZeroMQ counts messages: how many typical ones fill `queue_bytes`."""
        return max(1, self.queue_bytes // self.message_bytes)


KINDS = {
    "sample": Kind(Sample, "data", 100_000, 16 * MIB, 30.0, field="stream"),
    "progress": Kind(Progress, "data", 120, MIB, 10.0, field="stream"),
    "end": Kind(End, "data", 120, MIB, 0.0, field="stream"),
    "info": Kind(StreamInfo, "results", 400, 2 * MIB, 0.0, field="stream"),
    "embedding": Kind(Embedding, "results", 5_000, 2 * MIB, 1.0, field="input"),
    "none": Kind(Missing, "results", 250, 2 * MIB, 0.0, field="input"),
    "fused": Kind(Fused, "results", 5_500, 2 * MIB, 4.0, stream="fused"),
    "labels": Kind(Labels, "results", 800, 2 * MIB, 1.0, field="name"),
    "match": Kind(Match, "results", 600, 2 * MIB, 0.0, stream="fused"),
    "fusion": Kind(Snapshot, "data", 100_000, 2 * MIB, 0.0, stream="fused"),
    "status": Kind(Status, "results", 8_000, 2 * MIB, 1.0, stream="status"),
    "hello": Kind(Hello, "control", 600, 2 * MIB, 0.0),
    "query": Kind(Query, "control", 100_000, 16 * MIB, 0.0, stream="fused"),
    "standing": Kind(Standing, "control", 5_000, 2 * MIB, 0.0, stream="fused"),
}
NAME_OF = {row.type: name for name, row in KINDS.items()}
RESULTS = tuple(name for name, row in KINDS.items() if row.traffic == "results")
# A high-water mark is per pipe over all topics: the kind with the largest messages decides.
RESULTS_HWM = min(KINDS[name].hwm for name in RESULTS)


class Topic(NamedTuple):
    """A topic's parts, or a pattern of them: None matches any."""

    kind: str
    robot: str | None = None
    stream: str | None = None

    def matches(self, topic: "Topic") -> bool:
        """Whether `topic` (without None) is one of those this pattern means, name by name."""
        return (
            self.kind == topic.kind
            and self.robot in (None, topic.robot)
            and self.stream in (None, topic.stream)
        )

    @property
    def prefix(self) -> bytes:
        """The longest prefix that all topics of this pattern share: what ZeroMQ filters by."""
        parts = [self.kind] if self.robot is None else [self.kind, self.robot]
        if self.robot is not None and self.stream:
            parts.append(self.stream)
        return "".join(f"{part}/" for part in parts).encode()


def check_name(what: str, name: object) -> str:
    """Return `name` if it can be part of a topic. Raises WireError."""
    if isinstance(name, str) and NAME.fullmatch(name):
        return name
    raise WireError(f"{what} {str(name)[:80]!r} cannot be part of a topic; use 1-64 of A-Z a-z 0-9 _ . -")


def check_kind(kind: object) -> str:
    """Return `kind` if the table has it. Raises WireError with the closest one that exists."""
    if isinstance(kind, str) and kind in KINDS:
        return kind
    # Imported here because every subscriber would pay for it.
    from difflib import get_close_matches

    close = get_close_matches(str(kind)[:80], KINDS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(KINDS)}"
    raise WireError(f"unknown kind of message {str(kind)[:80]!r}; {hint}")


@lru_cache(maxsize=4096)
def topic_name(kind: str, robot: str, stream: str) -> bytes:
    """The topic frame, `<kind>/<robot>/<stream>/`, or `hello/<robot>/`. Raises WireError for a bad name."""
    check_kind(kind)
    check_name("robot", robot)
    if kind == "hello":
        return f"hello/{robot}/".encode()
    return f"{kind}/{robot}/{check_name('stream', stream)}/".encode()


def topic_of(message: msgspec.Struct, robot: str) -> bytes:
    """The topic of a message of `robot`. Raises WireError for a type that has no kind."""
    kind = NAME_OF.get(type(message))
    if kind is None:
        raise WireError(f"{type(message).__name__} is not a message; the kinds are {', '.join(KINDS)}")
    row = KINDS[kind]
    return topic_name(kind, robot, getattr(message, row.field) if row.field else row.stream)


@lru_cache(maxsize=4096)
def parse_topic(frame: bytes) -> Topic:
    """The parts of a topic frame. Raises WireError when it is not a topic of this version."""
    parts = bytes(frame[:256]).decode("utf-8", "replace").split("/")
    if len(frame) > 256 or parts[-1] or len(parts) != (3 if parts[0] == "hello" else 4):
        raise WireError(f"bad topic {bytes(frame[:80])!r}; expected b'<kind>/<robot>/<stream>/'")
    kind, robot, stream = parts[0], parts[1], parts[2]
    topic_name(kind, robot, stream)
    return Topic(kind, robot, stream)


def parse_pattern(text: str, robot: str | None = None) -> Topic:
    """What a person asks for: `match`, `embedding/r1`, `embedding/r1/camera/`. Raises WireError."""
    kind, *names = text.removesuffix("/").split("/")
    if len(names) > 2:
        raise WireError(f"bad topic {text!r}; expected <kind>, <kind>/<robot> or <kind>/<robot>/<stream>")
    for what, name in zip(("robot", "stream"), names, strict=False):
        check_name(what, name)
    asked = names[0] if names else robot
    if robot is not None and check_name("robot", robot) != asked:
        raise WireError(f"topic {text!r} is another robot's than {robot!r}; leave one of them out")
    return Topic(check_kind(kind), asked, names[1] if len(names) == 2 else None)
