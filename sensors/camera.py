"""Camera: V4L2/UVC and GStreamer through OpenCV, HTTP MJPEG, RTSP; JPEG stays JPEG where there is one.

Stamps are the driver's (V4L2), or the camera's own clock steadied on ours (RTSP), else when the picture
arrived. None of these tells the exposure, so none is its middle: the configuration's `delay_ms` is for that.
`python -m sixsense.sensors.camera /dev/v4l/by-id/...` prints one reading.
"""

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from . import mjpeg, rtsp
from .capture import captured, fourcc, fourcc_of, open_capture, size_of, wish
from .clock import Clock
from .device import DeviceError, Found, Reading
from .grabber import Grabber
from .sample import StreamInfo
from .v4l2 import Mode, VideoDevice, video_devices

if TYPE_CHECKING:
    import cv2

JPEGS = ("MJPG", "JPEG")
COLOURS = (*JPEGS, "YUYV", "UYVY", "NV12", "YU12", "RGB3", "BGR3")
"""Formats of a picture in colours, best first."""
USUAL_PIXELS = 1280 * 720
USUAL_HZ = 30.0


class Camera:
    """`id` is a path (/dev/v4l/by-id/...), `http://`, `rtsp://`, `gst: PIPELINE`, or "": the only one.

    `width`, `height` and `rate_hz` are wishes to a V4L2 device; for others they say what to expect.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        id: str = "",
        width: int = 1280,
        height: int = 720,
        rate_hz: float = USUAL_HZ,
        name: str = "camera",
    ) -> None:
        self._device, self._clock = id, clock
        self._corrupt = self._last_ns = 0
        self._info = StreamInfo(
            stream=name,
            modality="vision",
            encoding="jpeg",
            rate_hz=rate_hz,
            clock="host",
            channels=3,
            width=width,
            height=height,
            frame_id=f"{name}_optical",
            source=mjpeg.shown(id) if "://" in id else id or "the only camera",
        )
        self._grabber = Grabber(self._info.source)

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return (self._info,)

    def open(self) -> None:
        """Connect, and start the thread that takes frames off the device."""
        self.close()
        scheme = self._device.partition("://")[0].lower()
        opener = {
            "http": self._over_http,
            "https": self._over_http,
            "rtsp": self._over_rtsp,
            "rtsps": self._over_rtsp,
        }
        self._grabber.start(opener.get(scheme, self._captured)())

    def read(self, timeout_s: float) -> list[Reading]:
        """The newest frame that was not read yet."""
        return [self._rising(reading) for reading in self._grabber.take(timeout_s)]

    def close(self) -> None:
        self._grabber.stop()

    def counts(self) -> dict[str, dict[str, int]]:
        """`overwritten`: a newer frame came before it was read. `corrupt`: no whole picture."""
        return {self._info.stream: {"overwritten": self._grabber.overwritten, "corrupt": self._corrupt}}

    def _rising(self, reading: Reading) -> Reading:
        """A driver's stamps and the host's may take turns: none goes back."""
        self._last_ns = max(self._last_ns, reading.stamp_ns)
        return reading._replace(stamp_ns=self._last_ns)

    def _captured(self) -> Generator[Reading]:
        """Through OpenCV: as JPEG where the driver gives it, else decoded."""
        info = self._info
        capture = open_capture(self._device or only(find()))
        wish(capture, FOURCC=fourcc("MJPG"), FRAME_WIDTH=info.width, FRAME_HEIGHT=info.height)
        wish(capture, FPS=info.rate_hz, BUFFERSIZE=1, CONVERT_RGB=0)
        if capture.getBackendName() == "V4L2" and fourcc_of(capture) in JPEGS:
            return self._pictures(capture, "jpeg", _trimmed)
        wish(capture, CONVERT_RGB=1)
        return self._pictures(capture, "rgb8", _rgb)

    def _pictures(
        self, capture: "cv2.VideoCapture", encoding: str, picture: Callable[[np.ndarray], np.ndarray | None]
    ) -> Generator[Reading]:
        self._refine(encoding, *size_of(capture))
        try:
            for frame in captured(capture, self._clock):
                data = picture(frame.data)
                if data is None:
                    self._corrupt += 1
                else:
                    yield Reading(self._info.stream, frame.stamp_ns, encoding, data, clock=frame.clock)
        finally:
            capture.release()

    def _over_http(self) -> Generator[Reading]:
        parser, pictures = mjpeg.jpegs(self._device)
        return self._parsed(parser, pictures)

    def _parsed(self, parser: mjpeg.Multipart, pictures: Iterator[bytes]) -> Generator[Reading]:
        before = self._corrupt
        for picture in pictures:
            self._corrupt = before + parser.corrupt
            data = np.frombuffer(picture, np.uint8)
            yield Reading(self._info.stream, self._clock.now_ns(), "jpeg", data)

    def _over_rtsp(self) -> Generator[Reading]:
        container = rtsp.open_rtsp(self._device)
        encoding, width, height = rtsp.shape_of(container)
        self._refine(encoding, width, height)
        return rtsp.readings(container, self._device, self._info.stream, self._clock)

    def _refine(self, encoding: str, width: int, height: int) -> None:
        """What the camera gives instead of what was wished for."""
        self._info = msgspec.structs.replace(self._info, encoding=encoding, width=width, height=height)


def find() -> list[Found]:
    """Every V4L2 device that gives pictures in colours, at its usual mode (no larger than 1280x720)."""
    return [found for device in video_devices() if (found := described(device)) is not None]


def only(found: list[Found]) -> str:
    """The id where there is no doubt. Raises DeviceError."""
    if len(found) == 1:
        return found[0].id
    ids = ", ".join(one.id for one in found)
    raise DeviceError(
        f"there are several cameras: write id = one of {ids}" if ids else "there is no camera; plug one in"
    )


def described(device: VideoDevice) -> Found | None:
    """The device as a camera, or None where it has no colour format (thermal, depth)."""
    modes = [mode for mode in device.modes if mode.fourcc in COLOURS]
    if not modes:
        return None
    usual = min(modes, key=_preference)
    return Found(
        driver="camera",
        id=device.path,
        name=device.name,
        modes=tuple(dict.fromkeys(map(str, modes))),
        options={
            "id": device.path,
            "width": usual.width,
            "height": usual.height,
            "rate_hz": min(usual.rate_hz, USUAL_HZ) or USUAL_HZ,
        },
    )


def _preference(mode: Mode) -> tuple[bool, bool, int, int]:
    """Fast enough, JPEG, and as near to 1280x720 as there is, from below if possible."""
    pixels = mode.width * mode.height
    too_slow = 0 < mode.rate_hz < USUAL_HZ / 2
    return too_slow, pixels > USUAL_PIXELS, abs(pixels - USUAL_PIXELS), COLOURS.index(mode.fourcc)


def _trimmed(data: np.ndarray) -> np.ndarray | None:
    """A JPEG without the zeros that drivers pad it with, or None where it is cut off."""
    raw = data.tobytes().rstrip(b"\0")
    return np.frombuffer(raw, np.uint8) if mjpeg.is_jpeg(raw) else None


def _rgb(bgr: np.ndarray) -> np.ndarray | None:
    """OpenCV's BGR, or grey, as RGB."""
    import cv2

    if bgr.dtype != np.uint8 or bgr.size == 0:
        return None
    grey = bgr.ndim == 2 or bgr.shape[2] == 1
    return cv2.cvtColor(bgr, cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB)


if __name__ == "__main__":
    from .once import print_one

    print_one(Camera)
