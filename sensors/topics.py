"""What the topics of a log become: a modality by schema, or by the `[topics]` table, and a stream's name."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from .errors import SourceError

TopicModality = Literal["vision", "depth", "thermal", "audio", "imu", "accelerometer", "gyroscope", "ignore"]
StreamName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]*$", max_length=64)]


class TopicRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of `[topics]`. `rate_hz` and `channels` are for sound whose messages do not say them."""

    modality: TopicModality
    stream: StreamName = ""
    rate_hz: Annotated[float, msgspec.Meta(ge=0, le=768_000)] = 0.0
    channels: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1


Rules = Mapping[str, TopicRule]


class Ignored(NamedTuple):
    """A part of a log that is not replayed, and why."""

    topic: str
    why: str


class Topic(NamedTuple):
    """A topic as its file has it: `first` are its first few messages, `decode` makes objects of them.

    `why` says what is wrong where there is no `decode`.
    """

    name: str
    schema: str
    messages: int
    rate_hz: float
    first: tuple[bytes, ...]
    decode: Callable[[bytes], Any] | None
    why: str = ""


def rules_of(table: Mapping[str, Any] | None) -> dict[str, TopicRule]:
    """The `[topics]` table as rules; a bare string is a modality. Raises SourceError."""
    try:
        rules = msgspec.convert(dict(table or {}), dict[str, TopicModality | TopicRule])
    except msgspec.ValidationError as error:
        raise SourceError(
            f'[topics]: {error}; write for example "/camera/ir" = "thermal", or "ignore"'
        ) from error
    return {
        name: rule if isinstance(rule, TopicRule) else TopicRule(modality=rule)
        for name, rule in rules.items()
    }


def check_known(rules: Rules, names: Collection[str]) -> None:
    """Raises SourceError where a rule names a topic of which this log has nothing."""
    for name in rules:
        if name not in names:
            raise SourceError(
                f"[topics]: this log has no {name!r}; it has {', '.join(sorted(names)) or 'no topics'}"
            )


def stream_name(topic: str, taken: Collection[str]) -> str:
    """A topic as a name of the wire: `/camera/color/image_raw` -> `camera.color.image_raw`, its last 60
    characters, with a number where that is taken."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", topic.strip("/").replace("/", "."))[-60:].lstrip(".") or "stream"
    number, numbered = 1, name
    while numbered in taken:
        number += 1
        numbered = f"{name}-{number}"
    return numbered
