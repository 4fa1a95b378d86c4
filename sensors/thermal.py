"""Thermal camera: UVC Y16 as temperature (PureThermal: centikelvin; Boson: counts and a line), or 8 bit.

`python -m sixsense.sensors.thermal /dev/v4l/by-id/...` prints one reading.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from .capture import captured, fourcc, open_capture, wish
from .clock import Clock
from .device import Found, Reading
from .grabber import Grabber
from .sample import StreamInfo
from .v4l2 import VideoDevice, video_devices

if TYPE_CHECKING:
    import cv2

CENTIKELVIN = 0.01
Y16 = "Y16"
PICTURE_ROWS = {61: 60, 63: 60, 122: 120, 258: 256, 514: 512}
"""Rows of the picture, by rows that come: the rest is telemetry (Lepton 2 and 3, Boson 320 and 640)."""
NOT_THERMAL = "RealSense"
"""Depth cameras offer 16 bits too."""


class Thermal:
    """`kelvin_per_count` and `kelvin_at_zero` are the line from 16-bit counts to kelvin.

    The line of a Lepton with TLinear (0.01, 0) passes centikelvin through as 16UC1; any other gives 32FC1
    kelvin. A count of 0 is invalid. Eight bits are given as mono8: they are no temperatures.
    `rows` is how many rows the picture has; 0: as the table of telemetry rows says.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        id: str,
        width: int = 160,
        height: int = 120,
        rate_hz: float = 9.0,
        kelvin_per_count: float = CENTIKELVIN,
        kelvin_at_zero: float = 0.0,
        rows: int = 0,
        name: str = "thermal",
    ) -> None:
        self._device, self._clock, self._rows = id, clock, rows
        self._line = kelvin_per_count, kelvin_at_zero
        self._grabber = Grabber(f"thermal camera {id}")
        self._corrupt = 0
        is_centikelvin = self._line == (CENTIKELVIN, 0.0)
        self._info = StreamInfo(
            stream=name,
            modality="thermal",
            encoding="16UC1" if is_centikelvin else "32FC1",
            rate_hz=rate_hz,
            clock="host",
            width=width,
            height=height,
            frame_id=f"{name}_optical",
            source=id,
        )

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return (self._info,)

    def open(self) -> None:
        """Ask the device for 16 bits without conversion, and start the thread that takes frames off it."""
        self.close()
        capture = open_capture(self._device)
        wish(capture, FOURCC=fourcc("Y16 "), BUFFERSIZE=1, CONVERT_RGB=0)
        self._grabber.start(self._temperatures(capture))

    def read(self, timeout_s: float) -> list[Reading]:
        """The newest frame that was not read yet."""
        return self._grabber.take(timeout_s)

    def close(self) -> None:
        self._grabber.stop()

    def counts(self) -> dict[str, dict[str, int]]:
        """`overwritten`: a newer frame came before it was read. `corrupt`: no picture of one channel."""
        return {self._info.stream: {"overwritten": self._grabber.overwritten, "corrupt": self._corrupt}}

    def _temperatures(self, capture: "cv2.VideoCapture") -> Generator[Reading]:
        last_ns = 0
        try:
            for frame in captured(capture, self._clock):
                picture = single(frame.data)
                if picture is None:
                    self._corrupt += 1
                    continue
                encoding, data = temperature(without_telemetry(picture, self._rows), *self._line)
                self._refine(encoding, data)
                last_ns = max(last_ns, frame.stamp_ns)
                yield Reading(self._info.stream, last_ns, encoding, data, clock=frame.clock)
        finally:
            capture.release()

    def _refine(self, encoding: str, data: np.ndarray) -> None:
        height, width = data.shape
        if (encoding, width, height) != (self._info.encoding, self._info.width, self._info.height):
            self._info = msgspec.structs.replace(self._info, encoding=encoding, width=width, height=height)


def single(frame: np.ndarray) -> np.ndarray | None:
    """The one channel of a frame, uint16 or uint8 (h, w); None for anything else.

    Where all three channels are the same, a driver made them of 8 bits of grey.
    """
    if frame.dtype.name not in ("uint8", "uint16") or frame.ndim not in (2, 3) or frame.size == 0:
        return None
    if frame.ndim == 2:
        return frame
    first = frame[..., 0]
    return first if all(np.array_equal(first, frame[..., i]) for i in range(frame.shape[2])) else None


def without_telemetry(picture: np.ndarray, rows: int = 0) -> np.ndarray:
    """The picture's own rows: `rows` of them, or as the table says."""
    return picture[: rows or PICTURE_ROWS.get(len(picture), len(picture))]


def temperature(counts: np.ndarray, kelvin_per_count: float, kelvin_at_zero: float) -> tuple[str, np.ndarray]:
    """Encoding and data: centikelvin as they are, kelvin by the line (NaN where the count is 0), mono8."""
    if counts.dtype == np.uint8:
        return "mono8", np.ascontiguousarray(counts)
    if (kelvin_per_count, kelvin_at_zero) == (CENTIKELVIN, 0.0):
        return "16UC1", np.ascontiguousarray(counts)
    kelvin = counts.astype(np.float32) * np.float32(kelvin_per_count) + np.float32(kelvin_at_zero)
    kelvin[counts == 0] = np.nan
    return "32FC1", kelvin


def find() -> list[Found]:
    """Every V4L2 device that gives 16 bits, but depth cameras."""
    return [found for device in video_devices() if (found := described(device)) is not None]


def described(device: VideoDevice) -> Found | None:
    """The device as a thermal camera, or None where it has no 16-bit format."""
    modes = [mode for mode in device.modes if mode.fourcc.strip() == Y16]
    if not modes or NOT_THERMAL in device.name:
        return None
    best = max(modes, key=lambda mode: (mode.width, -mode.height))
    return Found(
        driver="thermal",
        id=device.path,
        name=device.name,
        modes=tuple(dict.fromkeys(map(str, modes))),
        options={
            "id": device.path,
            "width": best.width,
            "height": PICTURE_ROWS.get(best.height, best.height),
            "rate_hz": best.rate_hz or 9.0,
        },
    )


if __name__ == "__main__":
    from .once import print_one

    print_one(Thermal)
