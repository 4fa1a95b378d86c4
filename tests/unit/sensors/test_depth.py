import time

import numpy as np
import pytest
from sixsense.sensors import depth as module
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.depth import Depth, millimetres
from sixsense.sensors.device import DeviceError

rs = pytest.importorskip("pyrealsense2", reason="no pyrealsense2 here: pip install 'sixsense[depth]'")

WIDTH, HEIGHT, FX = 64, 48, 60.0
WALL_NS = 1_700_000_000_000_000_000
NOW_NS = 5_000_000_000


class SoftCamera:
    """librealsense's software device: a depth, a colour and a motion sensor that are told their frames."""

    def __init__(self) -> None:
        self.device = rs.software_device()
        self.device.register_info(rs.camera_info.serial_number, "42")
        self._stereo, self._rgb = (
            self.device.add_sensor("Stereo Module"),
            self.device.add_sensor("RGB Camera"),
        )
        self._motion = self.device.add_sensor("Motion Module")
        self._depth_profile = self._stereo.add_video_stream(self._video(rs.stream.depth, 0, rs.format.z16, 2))
        self._colour_profile = self._rgb.add_video_stream(self._video(rs.stream.color, 1, rs.format.rgb8, 3))
        self._motions = {
            stream: self._motion.add_motion_stream(self._moving(stream, uid, rate))
            for uid, (stream, rate) in enumerate({rs.stream.accel: 250, rs.stream.gyro: 200}.items(), start=2)
        }
        self._stereo.add_read_only_option(rs.option.depth_units, 0.001)
        self._stereo.add_read_only_option(rs.option.stereo_baseline, 50.0)
        same = rs.extrinsics()
        same.rotation, same.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [0, 0, 0]
        self._depth_profile.register_extrinsics_to(self._colour_profile, same)
        self.device.create_matcher(rs.matchers.dlr_c)
        self._kept: list = []

    def sees(
        self, number: int, millimetres: int, age_ms: float, domain=rs.timestamp_domain.global_time
    ) -> None:
        colour = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        colour[..., 0] = number
        depth = np.full((HEIGHT, WIDTH), millimetres, np.uint16)
        for sensor, profile, pixels in (
            (self._stereo, self._depth_profile, depth),
            (self._rgb, self._colour_profile, colour),
        ):
            self._kept.append(pixels)
            frame = rs.software_video_frame()
            frame.bpp = pixels.nbytes // (WIDTH * HEIGHT)
            frame.stride = frame.bpp * WIDTH
            frame.timestamp, frame.domain = WALL_NS / 1e6 - age_ms, domain
            frame.frame_number, frame.profile = number, profile.as_video_stream_profile()
            frame.pixels = pixels
            sensor.on_video_frame(frame)

    def feels(self, stream, number: int, x: float, y: float, z: float, age_ms: float) -> None:
        felt = rs.vector()
        felt.x, felt.y, felt.z = x, y, z
        self._kept.append(felt)
        frame = rs.software_motion_frame()
        frame.data, frame.frame_number = felt, number
        frame.timestamp, frame.domain = WALL_NS / 1e6 - age_ms, rs.timestamp_domain.global_time
        frame.profile = self._motions[stream].as_motion_stream_profile()
        self._motion.on_motion_frame(frame)

    @staticmethod
    def _video(stream, uid: int, encoding, bytes_a_pixel: int):
        lens = rs.intrinsics()
        lens.width, lens.height, lens.fx, lens.fy = WIDTH, HEIGHT, FX, FX
        lens.ppx, lens.ppy, lens.model, lens.coeffs = WIDTH / 2, HEIGHT / 2, rs.distortion.none, [0] * 5
        video = rs.video_stream()
        video.type, video.index, video.uid, video.fmt = stream, 0, uid, encoding
        video.width, video.height, video.fps, video.bpp = WIDTH, HEIGHT, 30, bytes_a_pixel
        video.intrinsics = lens
        return video

    @staticmethod
    def _moving(stream, uid: int, rate: int):
        motion = rs.motion_stream()
        motion.type, motion.index, motion.uid, motion.fps = stream, 0, uid, rate
        motion.fmt, motion.intrinsics = rs.format.motion_xyz32f, rs.motion_device_intrinsic()
        return motion


@pytest.fixture
def soft(monkeypatch: pytest.MonkeyPatch) -> SoftCamera:
    camera = SoftCamera()
    monkeypatch.setattr(module, "connected", lambda _: camera.device)
    return camera


def device(**options) -> Depth:
    return Depth(
        clock=ManualClock(NOW_NS), id="42", width=WIDTH, height=HEIGHT, wall_ns=lambda: WALL_NS, **options
    )


def gathered(depth: Depth, streams: set[str]) -> dict[str, list]:
    """Readings by stream, once every one of `streams` has some."""
    came: dict[str, list] = {}
    for _ in range(50):
        for reading in depth.read(0.1):
            came.setdefault(reading.stream, []).append(reading)
        if streams <= came.keys():
            break
    return came


def test_depth_in_millimetres_on_the_runs_clock_with_intrinsics_and_baseline(soft: SoftCamera):
    depth = device(colour=True)
    depth.open()
    for number in range(6):
        soft.sees(number, 1000 + number, age_ms=300 - 33 * number)
        time.sleep(0)
    came = gathered(depth, {"depth", "depth_colour"})
    depth.close()
    reading = came["depth"][-1]
    number = int(reading.data.max()) - 1000
    assert (reading.encoding, reading.data.dtype, reading.data.shape) == ("16UC1", np.uint16, (HEIGHT, WIDTH))
    assert reading.stamp_ns == pytest.approx(NOW_NS - (300 - 33 * number) * 1e6, abs=1e5)
    assert reading.clock == "hardware"
    assert came["depth_colour"][-1].data[0, 0].tolist() == [number, 0, 0]
    info = {info.stream: info for info in depth.streams}
    assert info["depth"].fx == FX
    assert info["depth"].baseline == pytest.approx(0.05)


def test_its_imu_is_turned_to_forward_left_up(soft: SoftCamera):
    depth = device(imu=True, name="head")
    depth.open()
    for number in range(3):
        soft.feels(rs.stream.accel, number, 1.0, -9.8, 3.0, age_ms=30 - 4 * number)
        soft.feels(rs.stream.gyro, number, 0.1, 0.2, 0.3, age_ms=30 - 5 * number)
    came = gathered(depth, {"head_accelerometer", "head_gyroscope"})
    depth.close()
    accelerometer = came["head_accelerometer"][0]
    assert np.allclose(accelerometer.data[0], [3.0, -1.0, 9.8])
    assert np.allclose(came["head_gyroscope"][0].data[0], [0.3, -0.1, -0.2])
    assert accelerometer.stamps is not None
    assert accelerometer.stamps[0] == pytest.approx(NOW_NS - 30e6, abs=1e5)
    assert {info.stream: info.rate_hz for info in depth.streams} == {
        "head": 30,
        "head_accelerometer": 250,
        "head_gyroscope": 200,
    }


def test_a_camera_clock_of_its_own_is_steadied_on_ours(soft: SoftCamera):
    depth = device()
    depth.open()
    for number in range(6):
        soft.sees(number, 1000, age_ms=3e9 - 33 * number, domain=rs.timestamp_domain.hardware_clock)
    (reading, *_) = gathered(depth, {"depth"})["depth"]
    depth.close()
    assert reading.clock == "estimated"
    assert reading.stamp_ns == NOW_NS


def test_a_size_that_it_has_not_is_refused_and_it_can_be_opened_again(soft: SoftCamera):
    with pytest.raises(DeviceError, match=r"no color, depth at 1280x720, 30 Hz"):
        Depth(clock=ManualClock(), id="42", width=1280, height=720).open()
    depth = device()
    depth.open()
    depth.close()
    depth.open()
    soft.sees(1, 900, age_ms=1.0)
    depth.close()


def test_a_camera_that_is_not_there_says_which_are():
    with pytest.raises(DeviceError, match="there is no RealSense 7; plug it in"):
        Depth(clock=ManualClock(), id="7").open()
    assert module.find() == []


def test_other_units_become_millimetres_and_what_does_not_fit_is_invalid():
    assert millimetres(np.array([0, 4, 60_000], np.uint16), 0.25).tolist() == [0, 1, 15_000]
    assert millimetres(np.array([60_000], np.uint16), 2.0).tolist() == [0]
