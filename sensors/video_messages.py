"""Video messages: foxglove's CompressedVideo, one coded picture a message, decoded in the order of its log.

Its schema asks for Annex B, no reordering, and parameters with every key frame:
https://docs.foxglove.dev/docs/sdk/schemas/compressed-video
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .ros import Content, MessageError, bytes_of
from .sample import NS
from .video import fitting, rgb

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

VIDEO = "foxglove/CompressedVideo"
CODECS = {"h264": "h264", "h265": "hevc", "vp9": "vp9", "av1": "libdav1d"}
"""FFmpeg's decoders, by the schema's names of formats."""


class VideoDecoder:
    """One topic's pictures. Nothing comes before the first key frame: a picture says how it differs."""

    def __init__(self) -> None:
        self._codec: VideoCodecContext | None = None
        self._form = ""

    def pictures(self, message: Any, stamp_ns: int) -> Iterator[tuple[int, Content]]:
        """What can be decoded now that this message is there: stamps, and rgb8 as a recording's frames are.

        Raises MessageError for bytes that hold no picture, and for a format that is not read.
        """
        from av.error import FFmpegError
        from av.packet import Packet

        codec, data = self._opened(str(message.format)), bytes_of(message.data)
        packet = Packet(data)
        packet.pts, packet.time_base = stamp_ns, Fraction(1, NS)
        try:
            for frame in codec.decode(packet):
                yield from _picture(frame, stamp_ns)
        except FFmpegError as error:
            raise MessageError(
                f"a {self._form} picture of {len(data)} bytes cannot be decoded: {error.strerror}"
            ) from error

    def _opened(self, form: str) -> "VideoCodecContext":
        """The decoder; one that is given another format begins anew, on one thread, as for files."""
        from av.codec import CodecContext

        if form not in CODECS:
            raise MessageError(f"video is coded as {form!r}; {', '.join(CODECS)} are read")
        if self._codec is None or form != self._form:
            self._codec = cast("VideoCodecContext", CodecContext.create(CODECS[form], "r"))
            self._codec.thread_count, self._form = 1, form
        return self._codec


def read_video(message: Any, modality: str) -> Content:
    """The picture in a message that needs no other. Raises MessageError."""
    if modality != "vision":
        raise MessageError(f"video cannot be {modality}, but vision")
    for _, content in VideoDecoder().pictures(message, 0):
        return content
    raise MessageError(f"{len(message.data)} bytes of {message.format} hold no key frame")


def _picture(frame: "VideoFrame", stamp_ns: int) -> Iterator[tuple[int, Content]]:
    data: np.ndarray | None = rgb(frame, *fitting(frame.width, frame.height))
    if data is not None and not frame.is_corrupt:
        yield frame.pts if frame.pts is not None else stamp_ns, Content("rgb8", data)
