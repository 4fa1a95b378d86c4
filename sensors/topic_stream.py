"""One topic of a log as a stream: from its first messages what it is, then each message as Pieces."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .container import Losses
from .reorder import SLACK_NS, SLICE_NS, Piece
from .ros import (
    CALIBRATIONS,
    SCHEMAS,
    Content,
    Intrinsics,
    MessageError,
    frame_of,
    intrinsics,
    normal_name,
    pcm,
    stamp_of,
)
from .sample import NS, StreamInfo
from .topics import Rules, Topic, TopicRule, stream_name
from .video import fitting
from .video_messages import VIDEO, VideoDecoder, read_video

# Sound counts its own frames; a message's stamp is only believed where it is further off than this. Stamps
# of the recorder jitter with the machine's load, a sensor's own do not.
TOLERANCE_NS = {"driver": 10_000_000, "host": 200_000_000}

AUDIO_DATA = ("audio_common_msgs/AudioData", "audio_common_msgs/AudioDataStamped")
AUDIO_INFO = "audio_common_msgs/AudioInfo"
MODALITIES_OF = {
    **{name: row.modalities for name, row in SCHEMAS.items()},
    **dict.fromkeys(AUDIO_DATA, ("audio",)),
    VIDEO: ("vision",),
}


class Unread(Exception):  # noqa: N818 - a reason, which is not always a fault
    """Why a topic becomes no stream."""


class Context(NamedTuple):
    """What a topic's stream needs to know of the rest of its log: calibrations and sound formats by topic,
    and the names that are taken."""

    calibrations: Mapping[str, Intrinsics]
    sounds: Mapping[str, TopicRule]
    taken: Mapping[str, object]
    source: str


class TopicStream:
    """Reads the messages of one topic. `begin` before each reading of the log."""

    def __init__(self, number: int, topic: Topic, modality: str, rule: TopicRule, info: StreamInfo) -> None:
        self.info, self.losses = info, Losses()
        self._number, self._topic, self._modality, self._rule = number, topic, modality, rule
        self._next_ns: float | None = None
        self._video = VideoDecoder()

    def begin(self) -> None:
        """A reading of the log starts: its losses are counted anew."""
        self.losses.clear()
        self._next_ns = None
        self._video = VideoDecoder()

    def pieces(self, logged_ns: int, data: bytes) -> list[Piece]:
        """What a message holds; one that cannot be read is counted as `malformed`.

        Of video, a message that gave no picture is `undecoded`: before the first key frame, or damaged.
        """
        try:
            message = self._topic.decode(data) if self._topic.decode else None
            if normal_name(self._topic.schema) == VIDEO:
                return self._pictures(message, logged_ns)
            content = read(self._topic.schema, message, self._modality, self._rule)
            length_ns = round(len(content.data) * NS / content.rate_hz) if content.rate_hz else 0
            stamp_ns = self._stamp(message, logged_ns, length_ns)
            if self._modality == "audio":
                return list(self._sound(stamp_ns, content))
        except (MessageError, AttributeError, TypeError, ValueError):
            self.losses["malformed"] += 1
            return []
        if self._modality == "vision" and content.encoding == "rgb8":
            content = content._replace(data=smaller(content.data))
        return [Piece(stamp_ns, self._number, stamp_ns, content.encoding, content.data)]

    def _pictures(self, message: Any, logged_ns: int) -> list[Piece]:
        self.losses["undecoded"] += 1
        stamp_ns = self._stamp(message, logged_ns)
        try:
            pictures = list(self._video.pictures(message, stamp_ns))
        except MessageError:
            return []
        self.losses["undecoded"] -= len(pictures)
        return [Piece(at_ns, self._number, at_ns, one.encoding, one.data) for at_ns, one in pictures]

    def _stamp(self, message: Any, logged_ns: int, length_ns: int = 0) -> int:
        """The message's own stamp where this topic has them, unless it is of another clock."""
        own_ns = stamp_of(message)
        if self.info.clock == "driver":
            if own_ns is not None and abs(own_ns + length_ns - logged_ns) <= SLACK_NS:
                return own_ns
            self.losses["clock"] += 1
        return logged_ns - length_ns

    def _sound(self, stamp_ns: int, content: Content) -> Iterator[Piece]:
        """Sound in pieces of at most a slice, stamped by counting; `gap` PCM frames are missing."""
        rate = self.info.rate_hz
        if content.rate_hz != rate or content.data.shape[1] != self.info.channels:
            raise MessageError(f"the sound changes from {rate:g} Hz to {content.rate_hz:g} Hz")
        if self._next_ns is None or stamp_ns > self._next_ns + TOLERANCE_NS[self.info.clock]:
            self.losses["gap"] += round((stamp_ns - (self._next_ns or stamp_ns)) * rate / NS)
            self._next_ns = float(stamp_ns)
        elif stamp_ns < self._next_ns - TOLERANCE_NS[self.info.clock]:
            self.losses["clock"] += 1
        size = max(1, int(rate * SLICE_NS / NS))
        for first in range(0, len(content.data), size):
            part = content.data[first : first + size]
            begin_ns = round(self._next_ns)
            end_ns = begin_ns + round(len(part) * NS / rate)
            yield Piece(end_ns, self._number, begin_ns, content.encoding, part)
            self._next_ns += len(part) * NS / rate


def open_topic(topic: Topic, rules: Rules, context: Context, number: int) -> TopicStream:
    """The stream of a topic. Raises Unread with the reason where it becomes none."""
    rule = rules.get(topic.name)
    schema = normal_name(topic.schema)
    if rule is not None and rule.modality == "ignore":
        raise Unread("the [topics] table says so")
    if schema in CALIBRATIONS or schema == AUDIO_INFO:
        raise Unread("read as what it says of its stream")
    if schema not in MODALITIES_OF:
        raise Unread(f"{topic.schema or 'without a schema'} is nothing that the models sense")
    if topic.decode is None:
        raise Unread(topic.why)
    if not topic.first:
        raise Unread("it has no message")
    message, modality = _first_readable(topic, schema, rule)
    if modality not in MODALITIES_OF[schema]:
        raise Unread(f"{topic.schema} cannot be {modality}, but {', '.join(MODALITIES_OF[schema])}")
    rule = _with_format(topic, rule or TopicRule(modality="ignore"), context)
    try:
        content = read(topic.schema, message, modality, rule)
    except (MessageError, AttributeError, TypeError, ValueError) as error:
        raise Unread(str(error)) from error
    info = _info(topic, modality, message, content, context)
    name = rule.stream or stream_name(topic.name, tuple(context.taken))
    return TopicStream(number, topic, modality, rule, msgspec.structs.replace(info, stream=name))


def read(schema: str, message: Any, modality: str, rule: TopicRule) -> Content:
    """A message's arrays. Raises MessageError (or AttributeError, where fields are missing)."""
    name = normal_name(schema)
    if name in AUDIO_DATA:
        data = bytes(message.audio.data if name.endswith("Stamped") else message.data)
        return pcm(data, rule.rate_hz, rule.channels)
    return read_video(message, modality) if name == VIDEO else SCHEMAS[name].read(message, modality)


def sound_format(message: Any) -> TopicRule:
    """What an audio_common_msgs/AudioInfo says of the sound beside it. Raises MessageError."""
    coding, form = str(message.coding_format).lower(), str(message.sample_format).upper()
    if coding not in ("wave", "wav", "raw", "") or form not in ("S16LE", ""):
        raise MessageError(f"its sound is {coding} {form}; wave S16LE is read")
    return TopicRule(modality="audio", rate_hz=float(message.sample_rate), channels=int(message.channels))


def calibration(message: Any) -> Intrinsics | None:
    """What a calibration says, or None where it cannot be used."""
    try:
        return intrinsics(message)
    except (MessageError, AttributeError, TypeError, ValueError):
        return None


def smaller(image: np.ndarray) -> np.ndarray:
    """rgb8 as a recording's frames are: at most video.MAX_PIXELS, by area average."""
    import cv2

    size = fitting(image.shape[1], image.shape[0])
    if size == (image.shape[1], image.shape[0]):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _first_readable(topic: Topic, schema: str, rule: TopicRule | None) -> tuple[Any, str]:
    """The first message that can be read, and its modality."""
    assert topic.decode is not None
    why = ""
    for data in topic.first:
        try:
            message = topic.decode(data)
            modality = rule.modality if rule else _guess(schema, message)
            if schema == VIDEO:
                read_video(message, modality)
        except (MessageError, AttributeError, TypeError, ValueError) as error:
            why = str(error)
            continue
        if not modality:
            raise Unread(
                "its 16-bit pictures may be depth or thermal; write in [topics]:"
                f' "{topic.name}" = "depth", or "thermal", or "ignore"'
            )
        return message, modality
    raise Unread(why)


def _guess(schema: str, message: Any) -> str:
    """The modality of a message; "" where neither it nor its schema says."""
    return SCHEMAS[schema].guess(message) if schema in SCHEMAS else MODALITIES_OF[schema][0]


def _with_format(topic: Topic, rule: TopicRule, context: Context) -> TopicRule:
    """The rule with the format of sound whose messages do not say it."""
    if normal_name(topic.schema) not in AUDIO_DATA or rule.rate_hz:
        return rule
    folder = topic.name.rsplit("/", 1)[0]
    found = next((said for name, said in context.sounds.items() if name.rsplit("/", 1)[0] == folder), None)
    if found is None:
        raise Unread(
            f"{topic.schema} does not say its rate, and no AudioInfo beside it does (wave, S16LE); write in"
            f' [topics]: "{topic.name}" = {{ modality = "audio", rate_hz = 16000, channels = 1 }}'
        )
    return msgspec.structs.replace(rule, rate_hz=found.rate_hz, channels=found.channels)


def _info(topic: Topic, modality: str, message: Any, content: Content, context: Context) -> StreamInfo:
    is_picture = modality in ("vision", "depth", "thermal")
    height, width = _size(content) if is_picture else (0, 0)
    found = _calibration_of(topic.name, context.calibrations) if is_picture else None
    scale = width / found.width if found and found.width else 1.0
    return StreamInfo(
        stream="",
        modality=modality,
        encoding=content.encoding,
        rate_hz=content.rate_hz or topic.rate_hz,
        clock="driver" if stamp_of(message) is not None else "host",
        channels=3
        if content.encoding in ("rgb8", "jpeg")
        else content.data.shape[1]
        if not is_picture
        else 1,
        width=width,
        height=height,
        fx=found.fx * scale if found else 0.0,
        baseline=found.baseline if found else 0.0,
        frame_id=frame_of(message),
        source=context.source,
    )


def _size(content: Content) -> tuple[int, int]:
    """(height, width) of a picture as its samples will have it."""
    if content.encoding != "jpeg":
        image = smaller(content.data) if content.encoding == "rgb8" else content.data
        return image.shape[0], image.shape[1]
    import cv2

    image = cv2.imdecode(content.data, cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise Unread("its JPEG pictures cannot be decoded")
    return image.shape[0], image.shape[1]


def _calibration_of(topic: str, calibrations: Mapping[str, Intrinsics]) -> Intrinsics | None:
    """ROS keeps a camera's calibration beside its pictures: /camera/depth/camera_info."""
    folder = topic.rsplit("/", 1)[0]
    while folder:
        for name, found in calibrations.items():
            if name.rsplit("/", 1)[0] == folder:
                return found
        folder = folder.rsplit("/", 1)[0] if "/" in folder[1:] else ""
    return None
