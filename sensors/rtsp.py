"""RTSP: a network camera through FFmpeg, over TCP; its JPEGs passed through, other codecs decoded to RGB."""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .clock import Clock
from .device import DeviceError, Reading
from .mjpeg import shown
from .sample import NS
from .steadied import Steadied

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame

TIMEOUT_S = 5.0
OPTIONS = {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay"}


def open_rtsp(url: str, options: Mapping[str, str] = OPTIONS) -> "InputContainer":
    """Connect; the camera's streams are known. Raises DeviceError."""
    import av
    from av.error import FFmpegError

    try:
        container = av.open(url, options=dict(options), timeout=TIMEOUT_S)
    except FFmpegError as error:
        raise DeviceError(
            f"cannot open {shown(url)}: {error.strerror}; check the address, the name and password in it"
            " (rtsp://NAME:PASSWORD@HOST/PATH) and the network"
        ) from error
    if not container.streams.video:
        container.close()
        raise DeviceError(f"{shown(url)} has no video; look for another path at that camera")
    return container


def shape_of(container: "InputContainer") -> tuple[str, int, int]:
    """Encoding of the readings, width and height."""
    context = container.streams.video[0].codec_context
    return "jpeg" if context.name == "mjpeg" else "rgb8", context.width, context.height


def readings(container: "InputContainer", url: str, stream: str, clock: Clock) -> Generator[Reading]:
    """Frames as they come, stamped by the camera's own clock steadied on ours. Raises DeviceError."""
    from av.error import FFmpegError

    steadied = Steadied()
    video = container.streams.video[0]
    video.thread_type = "NONE"
    is_jpeg = shape_of(container)[0] == "jpeg"
    try:
        with container:
            for packet in container.demux(video):
                arrived_ns = clock.now_ns()
                if is_jpeg and packet.size:
                    data = np.frombuffer(bytes(packet), np.uint8)
                    yield _reading(stream, "jpeg", data, packet, steadied, arrived_ns)
                    continue
                for frame in packet.decode():
                    data = frame.to_ndarray(format="rgb24")
                    yield _reading(stream, "rgb8", data, frame, steadied, arrived_ns)
    except FFmpegError as error:
        raise DeviceError(f"{shown(url)} stopped sending: {error.strerror}") from error
    raise DeviceError(f"{shown(url)} ended its stream")


def _reading(
    stream: str,
    encoding: str,
    data: np.ndarray,
    timed: "Packet | VideoFrame",
    steadied: Steadied,
    arrived_ns: int,
) -> Reading:
    if timed.pts is None or timed.time_base is None:
        return Reading(stream, arrived_ns, encoding, data)
    device_ns = round(timed.pts * timed.time_base * NS)
    steadied.learn(device_ns, arrived_ns)
    return Reading(stream, steadied.host_ns(device_ns), encoding, data, clock="estimated")
