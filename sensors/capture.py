"""Capture: OpenCV's VideoCapture, opened for what a driver really gives, with the time of each frame."""

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .clock import Clock
from .device import DeviceError
from .sample import NS, ClockKind

if TYPE_CHECKING:
    import cv2

MAX_AGE_NS = 2 * NS
"""A driver's stamp that is older than this, or lies ahead, is on another clock than ours."""
GSTREAMER = "gst:"


class Frame(NamedTuple):
    """What the driver gave, untouched, and when."""

    data: np.ndarray
    stamp_ns: int
    clock: ClockKind


def open_capture(device: str) -> "cv2.VideoCapture":
    """A capture of `/dev/v4l/by-id/...`, `gst: PIPELINE` or a file. Raises DeviceError."""
    import cv2

    if device.startswith(GSTREAMER):
        capture = cv2.VideoCapture(_pipeline(device), cv2.CAP_GSTREAMER)
    else:
        _check_node(device)
        is_node = os.path.realpath(device).startswith("/dev/")
        capture = cv2.VideoCapture(os.path.realpath(device), cv2.CAP_V4L2 if is_node else cv2.CAP_ANY)
    if not capture.isOpened():
        raise DeviceError(
            f"cannot open {device}: no video device, or another program uses it; close that one"
        )
    return capture


def wish(capture: "cv2.VideoCapture", **wishes: float) -> None:
    """Ask for CAP_PROP values; a driver may give something else, and says so when it is asked."""
    import cv2

    for name, value in wishes.items():
        capture.set(getattr(cv2, f"CAP_PROP_{name}"), value)


def size_of(capture: "cv2.VideoCapture") -> tuple[int, int]:
    """Width and height in pixels."""
    import cv2

    return int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))


def fourcc(name: str) -> int:
    """A picture format's number, as in V4L2."""
    return int.from_bytes(name.encode("latin-1"), "little")


def fourcc_of(capture: "cv2.VideoCapture") -> str:
    """The driver's picture format, such as `MJPG`; "" where it does not say."""
    import cv2

    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    return code.to_bytes(4, "little").decode("latin-1") if code > 0 else ""


def captured(
    capture: "cv2.VideoCapture", clock: Clock, monotonic_ns: Callable[[], int] = time.monotonic_ns
) -> Iterator[Frame]:
    """Frames until the device gives no more. `monotonic_ns` is the clock of V4L2's stamps."""
    import cv2

    has_stamps = capture.getBackendName() == "V4L2"
    while True:
        ok, data = capture.read()
        if not ok:
            return
        age_ns = monotonic_ns() - round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6) if has_stamps else -1
        known = 0 <= age_ns <= MAX_AGE_NS
        yield Frame(data, clock.now_ns() - (age_ns if known else 0), "driver" if known else "host")


def _pipeline(device: str) -> str:
    """The pipeline, with the appsink that OpenCV reads from where it names none."""
    import cv2

    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise DeviceError(
            f"cannot open {device}: this OpenCV has no GStreamer (the one on PyPI never has);"
            " install your system's python3-opencv, or give the camera's own address"
        )
    pipeline = device.removeprefix(GSTREAMER).strip()
    return pipeline if "appsink" in pipeline else f"{pipeline} ! appsink drop=true max-buffers=1 sync=false"


def _check_node(device: str) -> None:
    if not os.path.exists(device):
        raise DeviceError(f"there is no {device}; plug it in, or see `sixsense find` for what there is")
    if not os.access(device, os.R_OK):
        raise DeviceError(
            f"no permission to read {device}; `sudo usermod -aG video $USER`, then log in again"
        )
