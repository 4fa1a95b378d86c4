import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from sixsense.sensors import camera as cameras
from sixsense.sensors import thermal as thermals
from sixsense.sensors.camera import Camera
from sixsense.sensors.capture import captured
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.device import DeviceError
from sixsense.sensors.v4l2 import (
    ENUM_FMT,
    ENUM_FRAMEINTERVALS,
    ENUM_FRAMESIZES,
    QUERYCAP,
    Mode,
    VideoDevice,
    video_devices,
)

YUYV, MJPG = b"YUYV", b"MJPG"


def drain(device) -> list:
    """Everything until the device says that nothing more comes."""
    readings = []
    with suppress(DeviceError):
        while True:
            readings += device.read(5.0)
    return readings


def test_frames_come_as_rgb_never_bgr(media: Callable[..., Path]):
    camera = Camera(clock=ManualClock(5), id=str(media("a.mp4", video="libx264", seconds=0.4)), name="eye")
    camera.open()
    readings = drain(camera)
    assert camera.streams[0].encoding == "rgb8"
    assert (camera.streams[0].width, camera.streams[0].height) == (64, 48)
    assert readings[-1].data.shape == (48, 64, 3)
    assert camera.counts()["eye"]["overwritten"] + len(readings) == 10
    camera.close()


def test_red_stays_red(tmp_path: Path):
    import cv2

    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 2] = 250
    path = tmp_path / "red.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    writer.write(red)
    writer.release()
    camera = Camera(clock=ManualClock(), id=str(path))
    camera.open()
    (reading,) = camera.read(5.0)
    camera.close()
    assert reading.data[..., 0].mean() > 200
    assert reading.data[..., 2].mean() < 50


def test_it_can_be_opened_again_and_keeps_counting(media: Callable[..., Path]):
    camera = Camera(clock=ManualClock(), id=str(media("a.mp4", video="libx264", seconds=0.4)))
    taken = 0
    for _ in range(2):
        camera.open()
        taken += len(drain(camera))
        camera.close()
        camera.close()
    assert camera.counts()["camera"]["overwritten"] + taken == 20


@pytest.mark.parametrize(
    ("device", "advice"),
    [
        ("/dev/v4l/by-id/none", "see `sixsense find`"),
        ("gst: videotestsrc", "has no GStreamer"),
        ("rtsp://127.0.0.1:9/x", "check the address"),
        (__file__, "no video device"),
    ],
)
def test_what_cannot_be_opened_says_what_to_do(device: str, advice: str):
    camera = Camera(clock=ManualClock(), id=device)
    with pytest.raises(DeviceError, match=advice):
        camera.open()
    with pytest.raises(DeviceError, match="not open"):
        camera.read(0)


class FakeV4L2:
    """Frames with V4L2's stamps: microseconds of the monotonic clock, in milliseconds."""

    def __init__(self, stamps_ms: list[float]) -> None:
        self._stamps, self._now = stamps_ms, 0.0

    def read(self):
        if not self._stamps:
            return False, None
        self._now = self._stamps.pop(0)
        return True, np.zeros(3, np.uint8)

    def get(self, _: int) -> float:
        return self._now

    def getBackendName(self) -> str:  # noqa: N802
        return "V4L2"


def test_a_drivers_stamp_is_used_where_it_is_monotonic():
    frames = captured(FakeV4L2([990.0, 0.0, 1001.0]), ManualClock(50_000_000_000), lambda: 1_000_000_000)
    read = [(frame.stamp_ns, frame.clock) for frame in frames]
    now = 50_000_000_000
    assert read == [(now - 10_000_000, "driver"), (now - 1_000_000_000, "driver"), (now, "host")]


def kernel(pixel_formats: dict[bytes, list[tuple[int, int, int]]], able: int = 1, name: bytes = b"Cam"):
    """What a V4L2 driver answers, as the kernel's structs."""

    def ioctl(_: int, request: int, data: bytearray) -> int:
        (index,) = struct.unpack_from("<I", data)
        try:
            if request == QUERYCAP:
                data[16 : 16 + len(name)] = name
                struct.pack_into("<I", data, 88, able)
            elif request == ENUM_FMT:
                data[44:48] = list(pixel_formats)[index]
            elif request == ENUM_FRAMESIZES:
                width, height, _ = pixel_formats[bytes(data[4:8])][index]
                struct.pack_into("<3I", data, 8, 1, width, height)
            elif request == ENUM_FRAMEINTERVALS:
                sizes = {(w, h): rate for w, h, rate in pixel_formats[bytes(data[4:8])]}
                rate = [sizes[struct.unpack_from("<2I", data, 8)]][index]
                struct.pack_into("<3I", data, 16, 1, 1, rate)
        except IndexError:
            raise OSError(22, "Invalid argument") from None
        return 0

    return ioctl


def links(tmp_path: Path, *names: str) -> Path:
    (tmp_path / "by-id").mkdir()
    (tmp_path / "by-path").mkdir()
    node = tmp_path / "video0"
    node.touch()
    for name in names:
        os.symlink(node, tmp_path / name)
    return tmp_path


def test_a_device_is_found_once_by_its_id_with_its_usual_mode(tmp_path: Path):
    answers = kernel({YUYV: [(640, 480, 30), (1280, 720, 10)], MJPG: [(1920, 1080, 30), (1280, 720, 60)]})
    (device,) = video_devices(links(tmp_path, "by-id/usb-Cam_123", "by-path/pci-1"), answers)
    found = cameras.described(device)
    assert found is not None
    assert found.id.endswith("by-id/usb-Cam_123")
    assert found.name == "Cam"
    assert found.options == {"id": found.id, "width": 1280, "height": 720, "rate_hz": 30.0}
    assert "MJPG 1280x720 60 Hz" in found.modes
    assert thermals.described(device) is None


def test_a_thermal_camera_is_no_camera_and_its_telemetry_no_picture(tmp_path: Path):
    answers = kernel({b"Y16 ": [(160, 120, 9), (160, 122, 9)]}, name=b"PureThermal")
    (device,) = video_devices(links(tmp_path, "by-path/pci-1"), answers)
    assert cameras.described(device) is None
    found = thermals.described(device)
    assert found is not None
    assert found.options == {"id": found.id, "width": 160, "height": 120, "rate_hz": 9.0}


def test_the_only_camera_needs_no_id_and_several_do(monkeypatch: pytest.MonkeyPatch):
    device = VideoDevice("/dev/v4l/by-id/a", "Cam", (Mode("MJPG", 640, 480, 30.0),))
    both = [device, device._replace(path="/dev/v4l/by-id/b")]
    for there, advice in (
        ([], "plug one in"),
        (both, "by-id/a, /dev/v4l/by-id/b"),
        ([device], "there is no /dev"),
    ):
        monkeypatch.setattr(cameras, "video_devices", lambda there=there: there)
        with pytest.raises(DeviceError, match=advice):
            Camera(clock=ManualClock()).open()


def test_devices_without_lasting_names_are_not_passed_over(tmp_path: Path):
    assert not list(video_devices(tmp_path / "v4l"))
    (tmp_path / "video0").touch()
    with pytest.raises(DeviceError, match="udev does not run"):
        list(video_devices(tmp_path / "v4l"))


def test_metadata_nodes_are_no_devices(tmp_path: Path):
    assert not list(video_devices(links(tmp_path, "by-id/a"), kernel({}, able=0x00800000)))
