"""The video track of a recording: decoded frames as rgb8 Samples.

Frames keep the file's resolution up to 1280x720 pixels in all; larger ones are scaled down to that while
they are converted (area average), so that the two seconds a ring holds stay below 170 MB at 30 Hz. One
decoder thread: what a decoder makes of damaged data depends on its threads, and a replay must not.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np

from .container import About, Losses, frames, open_media, require, seek, stamp_of, steady
from .sample import NS, Sample, StreamInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_PIXELS = 1280 * 720
DEFAULT_RATE = Fraction(30)


class VideoTrack:
    """Stream "camera": the file's best video stream, upright as the file says it is to be shown."""

    def __init__(self, about: About, first: "VideoFrame", info: StreamInfo) -> None:
        self.info = info
        self.losses = Losses()
        self._about = about
        self._upright = first.rotation // 90 % 4
        self._size = fitting(first.width, first.height)

    def samples(self, epoch: int, from_ns: int | None = None) -> Iterator[Sample]:
        """Frames in order, their stamps rising; those before `from_ns` are decoded and left out."""
        previous, seq, period = (from_ns or 0) - 1, 0, round(NS / self.info.rate_hz)
        with open_media(self._about.path) as container:
            stream = video_stream(container)
            if from_ns:
                seek(container, self._about.start, from_ns)
            for frame in frames(container, stream, self.losses, whole=not from_ns):
                stamp = stamp_of(frame.pts, frame.time_base, self._about.start)
                if from_ns and stamp is not None and stamp < from_ns:
                    continue
                previous, good = steady(stamp, previous, period)
                self.losses["clock"] += not good
                image = rgb(frame, *self._size)
                if image is None:
                    self.losses["corrupt"] += 1
                    continue
                yield self._sample(np.rot90(image, self._upright), epoch, seq, previous, good)
                seq += 1

    def _sample(self, image: np.ndarray, epoch: int, seq: int, stamp_ns: int, good: bool) -> Sample:
        return Sample(
            stream=self.info.stream,
            modality="vision",
            epoch=epoch,
            seq=seq,
            item=seq,
            stamp_ns=stamp_ns,
            encoding="rgb8",
            data=np.ascontiguousarray(image),
            rate_hz=self.info.rate_hz,
            clock=self.info.clock if good else "estimated",
            units="srgb",
            frame_id=self.info.frame_id,
        )


def open_video(about: About) -> VideoTrack | None:
    """The track, or None where not one frame of it can be decoded."""
    with open_media(about.path) as container:
        stream = video_stream(container)
        first = next(frames(container, stream, Losses()), None)
        if first is None or rgb(first, *fitting(first.width, first.height)) is None:
            return None
        width, height = fitting(first.width, first.height)
        if first.rotation // 90 % 2:
            width, height = height, width
        info = StreamInfo(
            stream="camera",
            modality="vision",
            encoding="rgb8",
            rate_hz=float(frame_rate(stream)),
            clock="driver",
            channels=3,
            width=width,
            height=height,
            frame_id="camera",
            source=about.source,
            created=about.created,
        )
        return VideoTrack(about, first, info)


def video_stream(container: "InputContainer") -> "VideoStream":
    """The best video stream, decoded on one thread, nothing else read. Raises SourceError without one."""
    stream = cast("VideoStream", require(container, "video"))
    stream.codec_context.thread_count = 1
    return stream


def frame_rate(stream: "VideoStream") -> Fraction:
    """Nominal frames a second; files that do not say, or say nonsense, are taken as 30."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= 1000:
            return rate
    return DEFAULT_RATE


def fitting(width: int, height: int) -> tuple[int, int]:
    """The size, scaled down where it has more than MAX_PIXELS pixels."""
    scale = min(1.0, math.sqrt(MAX_PIXELS / (width * height)))
    return max(1, round(width * scale)), max(1, round(height * scale))


def rgb(frame: "VideoFrame", width: int, height: int) -> np.ndarray | None:
    """uint8 (height, width, 3), or None for a pixel format that cannot be converted."""
    from av.error import FFmpegError

    scaling = "AREA" if (width, height) != (frame.width, frame.height) else None
    try:
        return frame.to_ndarray(format="rgb24", width=width, height=height, interpolation=scaling, threads=1)
    except (FFmpegError, ValueError):
        return None
