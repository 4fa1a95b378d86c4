"""V4L2: which video devices there are, under names that a reboot keeps, and what each can give (Linux).

Layouts and numbers from the kernel's `include/uapi/linux/videodev2.h`.
"""

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .device import DeviceError

LINKS = Path("/dev/v4l")
CAPTURE = 1
"""`V4L2_CAP_VIDEO_CAPTURE`, and `V4L2_BUF_TYPE_VIDEO_CAPTURE`."""
DISCRETE = 1
MAX_ENTRIES = 256
"""A driver that lists more than this of anything lists for ever."""

QUERYCAP = 0x80685600
ENUM_FMT = 0xC0405602
ENUM_FRAMESIZES = 0xC02C564A
ENUM_FRAMEINTERVALS = 0xC034564B

Ioctl = Callable[[int, int, bytearray], int]


class Mode(NamedTuple):
    """A picture format (`MJPG`, `YUYV`, `Y16 `), size in pixels, and the highest rate there (0: unknown)."""

    fourcc: str
    width: int
    height: int
    rate_hz: float

    def __str__(self) -> str:
        return f"{self.fourcc.strip()} {self.width}x{self.height} {self.rate_hz:g} Hz"


class VideoDevice(NamedTuple):
    """A capture device: its stable path, what it calls itself, and its modes."""

    path: str
    name: str
    modes: tuple[Mode, ...]


def video_devices(links: Path = LINKS, ioctl: Ioctl | None = None) -> Iterator[VideoDevice]:
    """Every device that captures pictures, each once, by id where it has one, else by its place on the bus.

    Raises PermissionError for one that may not be opened, DeviceError where they have no lasting names.
    """
    seen: set[str] = set()
    if not links.is_dir() and any(links.parent.glob("video[0-9]*")):
        raise DeviceError(
            f"there are video devices and no {links}, their lasting names: udev does not run here"
        )
    for link in (*sorted(links.glob("by-id/*")), *sorted(links.glob("by-path/*"))):
        node = os.path.realpath(link)
        if node in seen:
            continue
        seen.add(node)
        found = _device(str(link), ioctl or _kernel())
        if found is not None:
            yield found


def _kernel() -> Ioctl:
    import fcntl

    return fcntl.ioctl


def _device(path: str, ioctl: Ioctl) -> VideoDevice | None:
    """None for what captures no pictures (metadata), or was unplugged meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        raise
    except OSError:
        return None
    try:
        capability = bytearray(104)
        ioctl(descriptor, QUERYCAP, capability)
        (able,) = struct.unpack_from("<I", capability, 88)
        if not able & CAPTURE:
            return None
        return VideoDevice(path, _text(capability[16:48]), tuple(modes(descriptor, ioctl)))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def modes(descriptor: int, ioctl: Ioctl) -> Iterator[Mode]:
    """What an open device can give; where sizes are a range, the largest."""
    for entry in _entries(descriptor, ioctl, ENUM_FMT, 64, struct.pack("<II", 0, CAPTURE)):
        pixel_format = entry[44:48]
        asked = struct.pack("<I", 0) + pixel_format
        for size in _entries(descriptor, ioctl, ENUM_FRAMESIZES, 44, asked):
            kind, first, second, _, _, fifth = struct.unpack_from("<6I", size, 8)
            width, height = (first, second) if kind == DISCRETE else (second, fifth)
            rate = _highest_rate(descriptor, ioctl, pixel_format, width, height)
            yield Mode(_text(pixel_format), width, height, rate)


def _highest_rate(descriptor: int, ioctl: Ioctl, pixel_format: bytes, width: int, height: int) -> float:
    asked = struct.pack("<I", 0) + pixel_format + struct.pack("<II", width, height)
    rates: list[float] = []
    for interval in _entries(descriptor, ioctl, ENUM_FRAMEINTERVALS, 52, asked):
        numerator, denominator = struct.unpack_from("<2I", interval, 20)
        rates.append(denominator / numerator if numerator else 0.0)
    return max(rates, default=0.0)


def _entries(descriptor: int, ioctl: Ioctl, request: int, size: int, asked: bytes) -> Iterator[bytes]:
    """Ask for index 0, 1, 2 ... until the driver has no more."""
    for index in range(MAX_ENTRIES):
        entry = bytearray(size)
        entry[: len(asked)] = asked
        struct.pack_into("<I", entry, 0, index)
        try:
            ioctl(descriptor, request, entry)
        except OSError:
            return
        yield bytes(entry)


def _text(raw: bytes | bytearray) -> str:
    return bytes(raw).split(b"\0")[0].decode("utf-8", "replace")
