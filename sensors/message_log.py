"""A log of messages on topics as a Source, whatever its file format: MCAP and rosbag2 are read through it."""

import os
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, Protocol

from .container import Losses
from .errors import SourceError
from .reorder import SLACK_NS, Arrived, Reorder
from .ros import CALIBRATIONS, Intrinsics, MessageError, normal_name
from .sample import Event, StreamInfo
from .topic_stream import (
    AUDIO_INFO,
    Context,
    TopicStream,
    Unread,
    calibration,
    open_topic,
    sound_format,
)
from .topics import Ignored, Rules, Topic, TopicRule, check_known


class Logged(NamedTuple):
    """A message as its file has it; `logged_ns` is when the recorder took it, Unix-epoch nanoseconds."""

    topic: str
    logged_ns: int
    data: bytes


class Messages(Protocol):
    """A file of messages: what its topics are, and reading it, again and again, in bounded memory.

    `losses` are parts of the file that cannot be read: `corrupt` chunks, `truncated` 1 where its end is
    missing.
    """

    path: str
    topics: tuple[Topic, ...]
    start_ns: int
    end_ns: int
    losses: Losses

    def read(self, topics: Collection[str], from_ns: int | None) -> Iterator[Logged]:
        """The messages of these topics logged at or after `from_ns`, in the order they were logged."""
        ...


class MessageLog:
    """The streams of a log. Its timeline is the log's: Unix-epoch nanoseconds from `start_ns` on."""

    def __init__(self, messages: Messages, rules: Rules) -> None:
        self._messages = messages
        self.start_ns, self.duration_ns = messages.start_ns, messages.end_ns - messages.start_ns
        check_known(rules, [topic.name for topic in messages.topics])
        self._opened, self.ignored = _open_topics(messages, rules)
        if not self._opened:
            reasons = "; ".join(f"{topic}: {why}" for topic, why in self.ignored) or "it has no message"
            raise SourceError(f"{messages.path} has nothing that can be replayed ({reasons})")

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return tuple(stream.info for stream in self._opened.values())

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        """Samples by `end_ns`, Progress and one End a stream. Raises SourceError where the file is gone."""
        opened = list(self._opened.values())
        for stream in opened:
            stream.begin()
        reorder = Reorder([s.info for s in opened], [s.losses for s in opened], epoch, from_ns)
        return reorder.events(self._arrived(from_ns))

    def counts(self) -> dict[str, dict[str, int]]:
        """Per stream, by cause, of the last reading.

        `malformed` messages; `clock` stamps of another clock or out of order, replaced; `gap` PCM frames
        missing by the log's clock; `duplicate` and `disorder` as in `Reorder`. Under the file's own name:
        `corrupt` parts and `truncated`.
        """
        counts = {stream.info.stream: dict(+stream.losses) for stream in self._opened.values()}
        damage = +self._messages.losses
        return counts | ({os.path.basename(self._messages.path): dict(damage)} if damage else {})

    def _arrived(self, from_ns: int | None) -> Iterator[Arrived]:
        since = None if from_ns is None else from_ns - SLACK_NS
        for topic, logged_ns, data in self._messages.read(self._opened.keys(), since):
            yield logged_ns, self._opened[topic].pieces(logged_ns, data)


def _open_topics(messages: Messages, rules: Rules) -> tuple[dict[str, TopicStream], tuple[Ignored, ...]]:
    opened: dict[str, TopicStream] = {}
    ignored: list[Ignored] = []
    calibrations, sounds = _said(messages.topics)
    for topic in sorted(messages.topics, key=lambda topic: topic.name):
        raw = topic.name.rsplit("/", 1)[0]
        taken = {stream.info.stream: None for stream in opened.values()}
        context = Context(calibrations, sounds, taken, os.path.basename(messages.path))
        try:
            if (
                topic.name.endswith(("/compressed", "/compressedDepth"))
                and raw in opened
                and topic.name not in rules
            ):
                raise Unread(f"the same pictures as {raw}")
            stream = open_topic(topic, rules, context, len(opened))
        except Unread as why:
            ignored.append(Ignored(topic.name, str(why)))
            continue
        if stream.info.stream in taken:
            raise SourceError(
                f"[topics]: two topics are the stream {stream.info.stream!r}; name one otherwise"
            )
        opened[topic.name] = stream
    return opened, tuple(ignored)


def _said(topics: Collection[Topic]) -> tuple[dict[str, Intrinsics], dict[str, TopicRule]]:
    """What calibrations and sound descriptions say, by the name of their topic."""
    calibrations: dict[str, Intrinsics] = {}
    sounds: dict[str, TopicRule] = {}
    for topic in topics:
        schema = normal_name(topic.schema)
        message = _first(topic) if schema in CALIBRATIONS or schema == AUDIO_INFO else None
        if message is None:
            continue
        if schema == AUDIO_INFO:
            try:
                sounds[topic.name] = sound_format(message)
            except (MessageError, AttributeError, TypeError, ValueError):
                continue
        elif (found := calibration(message)) is not None:
            calibrations[topic.name] = found
    return calibrations, sounds


def _first(topic: Topic) -> Any:
    """The first message of a topic that can be read, or None."""
    for data in topic.first:
        try:
            return topic.decode(data) if topic.decode else None
        except MessageError:
            continue
    return None
