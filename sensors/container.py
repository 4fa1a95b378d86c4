"""Media files through FFmpeg: opening one with a clear error, and reading on where a packet is damaged."""

import os
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, overload

from .errors import SourceError
from .sample import NS

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Losses = Counter[str]


class About(NamedTuple):
    """One recording: its absolute path, seconds on its clock at which it begins, and its date (or "")."""

    path: str
    start: Fraction
    created: str

    @property
    def source(self) -> str:
        """The name for StreamInfo: where a file lies on one machine says nothing on another."""
        return os.path.basename(self.path)


# Beyond this a step of a file's clock is taken for a fault: progress is sent all through a gap, and a
# stamp that lies years ahead would keep everybody busy with nothing.
MAX_GAP_NS = 600 * NS

# Reading goes on after a damaged stretch, but not for ever where nothing readable follows.
MAX_FAILURES = 100

# Headers round a stream's length, and encoders pad it; what is missing beyond this was cut off.
SHORT_S = Fraction(1, 4)

# Text files have a demuxer too: it draws them as video.
NOT_MEDIA = {"tty", "lrc", "srt", "ass", "webvtt"}


def check_file(path: str | os.PathLike[str]) -> str:
    """The absolute path of a file that has something in it. Raises SourceError."""
    name = os.fspath(path)
    if os.path.isdir(name):
        raise SourceError(f"{name} is a directory, not a recording. Give the path of one file in it.")
    try:
        size = os.stat(name).st_size
    except OSError as error:
        raise SourceError(f"Cannot read {name}: {error.strerror}. Check the path.") from None
    if size == 0 and os.path.isfile(name):
        raise SourceError(f"{name} is empty (0 bytes). Copy or record it again.")
    return os.path.abspath(name)


def open_media(path: str | os.PathLike[str]) -> "InputContainer":
    """Open a file of any container FFmpeg reads. Raises SourceError."""
    import av
    from av.error import FFmpegError

    name = check_file(path)
    try:
        # A playlist may name other files; what it must not do is reach out to the network.
        container = av.open(name, metadata_errors="replace", options={"protocol_whitelist": "file"})
    except (FFmpegError, ValueError) as error:
        raise SourceError(
            f"{path} cannot be read as video or audio: {getattr(error, 'strerror', error)}. It may be cut "
            "short, damaged, or of another kind; `ffprobe` on it says more."
        ) from None
    if container.format.name in NOT_MEDIA:
        container.close()
        raise SourceError(f"{path} is text, not video or audio. Give a recording.")
    return container


def pick(container: "InputContainer", kind: Literal["video", "audio"]) -> "Stream | None":
    """The stream FFmpeg thinks best, if there is one; the cover picture of an album is not a video."""
    stream = container.streams.best(kind)
    return None if stream is None or stream.disposition & stream.disposition.attached_pic else stream


def require(container: "InputContainer", kind: Literal["video", "audio"]) -> "Stream":
    """The stream `pick` finds, with nothing else read from the file. Raises SourceError without one."""
    stream = pick(container, kind)
    if stream is None or not codec_of(stream):
        raise SourceError(
            f"{container.name} has no {kind} track that can be decoded. Give another file or convert it."
        )
    select(container, stream.index)
    return stream


def codec_of(stream: "Stream") -> str:
    """The codec's name, or "" where FFmpeg has no decoder for it."""
    context = stream.codec_context
    return context.name if context else ""  # pyright: ignore[reportUnnecessaryComparison]


def packets(container: "InputContainer", stream: "Stream", losses: Losses) -> Iterator["Packet"]:
    """The packets of one stream, the last one empty; stretches that cannot be read count as `corrupt`."""
    from av.error import FFmpegError

    failures = 0
    while failures < MAX_FAILURES:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
            return
        except IndexError:
            # PyAV stumbles over a packet of a stream that damage made appear; it was not one of ours.
            continue
        except FFmpegError:
            losses["corrupt"] += 1
            failures += 1


@overload
def frames(
    container: "InputContainer", stream: "VideoStream", losses: Losses, *, whole: bool = True
) -> Iterator["VideoFrame"]: ...
@overload
def frames(
    container: "InputContainer", stream: "AudioStream", losses: Losses, *, whole: bool = True
) -> Iterator["AudioFrame"]: ...
def frames(
    container: "InputContainer", stream: "VideoStream | AudioStream", losses: Losses, *, whole: bool = True
) -> Iterator["VideoFrame | AudioFrame"]:
    """The decoded frames of one stream; `whole` unless reading starts somewhere inside.

    A packet that cannot be decoded counts as `corrupt`, a damaged frame that the decoder mended (and that
    is delivered) as `concealed`, packets that the file promises and has not (or 1, where it promises only a
    length) as `truncated`.
    """
    from av.error import FFmpegError

    read, end = 0, Fraction(0)
    for packet in packets(container, stream, losses):
        read += packet.size > 0
        end = max(end, _end_of(packet))
        try:
            decoded = cast("list[VideoFrame | AudioFrame]", packet.decode())
        except FFmpegError:
            losses["corrupt"] += 1
            continue
        for frame in decoded:
            losses["concealed"] += frame.is_corrupt
            yield frame
    missing = stream.frames - read if whole else 0
    losses["truncated"] += max(missing, promised_end(stream) - end > SHORT_S)


def _end_of(packet: "Packet") -> Fraction:
    return ((packet.pts or 0) + (packet.duration or 0)) * (packet.time_base or Fraction(0))


def promised_end(stream: "Stream") -> Fraction:
    """Seconds on the file's clock at which the header says the stream ends; 0 where it does not say."""
    if stream.duration and stream.time_base:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    # Matroska keeps a stream's length in a tag, as hours:minutes:seconds.
    hours, minutes, seconds = (["0", "0", *stream.metadata.get("DURATION", "0").split(":")])[-3:]
    try:
        return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds)
    except (ValueError, ZeroDivisionError):
        return Fraction(0)


def start_of(streams: list["Stream"]) -> Fraction:
    """Seconds on the file's clock at which the first of its streams begins: the recording's zero."""
    starts = [s.start_time * s.time_base for s in streams if s.start_time is not None and s.time_base]
    return min(starts, default=Fraction(0))


def stamp_of(pts: int | None, time_base: Fraction | None, start: Fraction) -> int | None:
    """Nanoseconds since `start`, or None where the file does not say."""
    if pts is None or not time_base:
        return None
    return round((pts * time_base - start) * NS)


def steady(stamp_ns: int | None, previous_ns: int, period_ns: int) -> tuple[int, bool]:
    """A stamp that is later than the previous one, and whether it is the file's own.

    A stamp that is missing, goes back, or leaps by more than MAX_GAP_NS is replaced by one nominal period
    after the previous: the order of the file and its pace are kept, and nothing is thrown away.
    """
    if stamp_ns is not None and previous_ns < stamp_ns <= previous_ns + MAX_GAP_NS:
        return stamp_ns, True
    return previous_ns + period_ns, False


def select(container: "InputContainer", index: int) -> None:
    """Spare the demuxer the streams that nobody here reads."""
    from av.stream import Discard

    for stream in container.streams:
        if stream.index != index:
            stream.discard = Discard.all


def seek(container: "InputContainer", start: Fraction, to_ns: int) -> None:
    """Go to the last key frame before `to_ns`; a file that cannot seek is read from its beginning."""
    import av
    from av.error import FFmpegError

    try:
        container.seek(round((start + Fraction(to_ns, NS)) * av.time_base))
    except FFmpegError:
        container.seek(0)
