"""Depth camera: RealSense, aligned to its own colour camera; that camera and its IMU on request.

`python -m sixsense.sensors.depth SERIAL` prints one reading.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np

from .clock import Clock
from .device import DeviceError, DeviceFailedError, Found, Reading
from .sample import ClockKind, StreamInfo
from .steadied import Steadied

IMU_HZ = 200
"""The IMU's rates depend on the model (63 to 400 Hz): the one nearest to this is taken."""
QUEUED = 200
MAX_AGE_NS = 2_000_000_000
"""A stamp that is older than this, or lies ahead, is on another clock than ours."""
FORWARD_LEFT_UP = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], np.float32)
"""From the camera's axes (x right, y down, z forward) to REP-103's (x forward, y left, z up)."""


class Depth:
    """The RealSense with this serial number as `id`, or the only one. Depth is 16UC1 millimetres, 0 invalid.

    Its streams are NAME, with `colour` also NAME_colour (rgb8), with `imu` also NAME_accelerometer and
    NAME_gyroscope. `wall_ns` is the clock of librealsense's global time.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        id: str = "",
        width: int = 640,
        height: int = 480,
        rate_hz: int = 30,
        colour: bool = False,
        imu: bool = False,
        name: str = "depth",
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._serial, self._clock, self._wall_ns = id, clock, wall_ns
        self._name, self._colour, self._has_imu = name, colour, imu
        self._size = width, height, rate_hz
        self._losses: Counter[str] = Counter()
        self._sensors: list[Any] = []
        self._device: Any = None
        self._infos = {info.stream: info for info in self._promised()}

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        """The depth stream's `fx` and `baseline` are known once it is open."""
        return tuple(self._infos.values())

    def open(self) -> None:
        """Start every sensor that is needed. Raises DeviceError; DeviceFailedError without pyrealsense2."""
        self.close()
        rs = realsense()
        self._device = device = connected(self._serial)
        self._pictures, self._motion = rs.syncer(10), rs.frame_queue(QUEUED, True)
        self._align = rs.align(rs.stream.color)
        self._steadied: defaultdict[str, Steadied] = defaultdict(Steadied)
        self._last_ns: Counter[str] = Counter()
        try:
            self._start(rs, device)
        except RuntimeError as error:
            self.close()
            raise DeviceError(
                f"RealSense {self._serial} does not start: {error}; is it in use, is it on USB 3?"
            ) from error

    def read(self, timeout_s: float) -> list[Reading]:
        """The newest pictures and all motion since the last call."""
        if self._device is None:
            raise DeviceError(f"RealSense {self._serial} is not open; open it before reading")
        came, frames = self._pictures.try_wait_for_frames(max(1, round(timeout_s * 1000)))
        readings = list(self._pictured(frames)) if came else []
        readings += self._moved()
        if not readings and not self._device.is_connected():
            raise DeviceError(f"RealSense {self._serial} was unplugged")
        return readings

    def close(self) -> None:
        sensors, self._sensors = self._sensors, []
        for sensor in sensors:
            for let_go in (sensor.stop, sensor.close):
                try:
                    let_go()
                except RuntimeError:
                    # An unplugged sensor cannot be stopped, and need not be.
                    continue
        self._device = None

    def reset(self) -> None:
        """Restart the camera's firmware. Raises DeviceError when it is not there."""
        connected(self._serial).hardware_reset()

    def counts(self) -> dict[str, dict[str, int]]:
        """`unpaired`: depth whose colour picture, which it is aligned to, did not come."""
        return {self._name: {"unpaired": self._losses["unpaired"]}}

    def _promised(self) -> Iterator[StreamInfo]:
        width, height, rate_hz = self._size
        source = f"RealSense {self._serial}".strip()
        depth = StreamInfo(
            stream=self._name,
            modality="depth",
            encoding="16UC1",
            rate_hz=rate_hz,
            clock="hardware",
            width=width,
            height=height,
            frame_id=f"{self._name}_optical",
            source=source,
        )
        yield depth
        if self._colour:
            yield msgspec.structs.replace(
                depth, stream=f"{self._name}_colour", modality="vision", encoding="rgb8", channels=3
            )
        for modality in ("accelerometer", "gyroscope") if self._has_imu else ():
            yield StreamInfo(
                stream=f"{self._name}_{modality}",
                modality=modality,
                encoding="f32",
                rate_hz=IMU_HZ,
                clock="hardware",
                channels=3,
                frame_id=f"{self._name}_imu",
                source=source,
            )

    def _start(self, rs: Any, device: Any) -> None:
        wanted = {rs.stream.depth: rs.format.z16, rs.stream.color: rs.format.rgb8}
        motion = {rs.stream.accel, rs.stream.gyro} if self._has_imu else set()
        opened: dict[Any, Any] = {}
        baseline_m = 0.0
        for sensor in device.query_sensors():
            offered = sensor.get_stream_profiles()
            pictures = [p for s, f in wanted.items() if (p := self._picture_profile(offered, s, f))]
            moving = [p for s in motion if (p := _nearest(offered, s, IMU_HZ))]
            for profiles, target in ((pictures, self._pictures), (moving, self._motion)):
                if profiles:
                    sensor.open(profiles)
                    self._sensors.append(sensor)
                    sensor.start(target)
                    opened.update({profile.stream_type(): profile for profile in profiles})
            if sensor.is_depth_sensor():
                self._millimetres = sensor.get_option(rs.option.depth_units) * 1000
                baseline_m = _baseline_m(rs, sensor)
        if missing := (wanted.keys() | motion) - opened.keys():
            names = ", ".join(sorted(stream.name for stream in missing))
            width, height, rate_hz = self._size
            raise RuntimeError(f"it has no {names} at {width}x{height}, {rate_hz} Hz (see `sixsense find`)")
        fx = opened[rs.stream.color].as_video_stream_profile().get_intrinsics().fx
        self._refine(self._name, fx=fx, baseline=baseline_m)
        for stream, modality in ((rs.stream.accel, "accelerometer"), (rs.stream.gyro, "gyroscope")):
            if stream in opened:
                self._refine(f"{self._name}_{modality}", rate_hz=float(opened[stream].fps()))

    def _refine(self, stream: str, **known: float) -> None:
        self._infos[stream] = msgspec.structs.replace(self._infos[stream], **known)

    def _picture_profile(self, offered: list[Any], stream: Any, encoding: Any) -> Any:
        for profile in offered:
            if (profile.stream_type(), profile.format()) == (stream, encoding):
                video = profile.as_video_stream_profile()
                if (video.width(), video.height(), profile.fps()) == self._size:
                    return profile
        return None

    def _pictured(self, frames: Any) -> Iterator[Reading]:
        depth, colour = frames.get_depth_frame(), frames.get_color_frame()
        if colour and self._colour:
            yield self._reading(colour, f"{self._name}_colour", "rgb8", np.array(colour.get_data()))
        if depth and colour:
            aligned = np.array(self._align.process(frames).get_depth_frame().get_data())
            yield self._reading(depth, self._name, "16UC1", millimetres(aligned, self._millimetres))
        elif depth:
            self._losses["unpaired"] += 1

    def _reading(self, frame: Any, stream: str, encoding: str, data: np.ndarray) -> Reading:
        stamp_ns, clock = self._stamp(frame, stream)
        return Reading(stream, stamp_ns, encoding, data, clock=clock)

    def _moved(self) -> Iterator[Reading]:
        """One batch a sensor of what it felt since the last call."""
        batches: defaultdict[str, list[tuple[int, ClockKind, list[float]]]] = defaultdict(list)
        while frame := self._motion.poll_for_frame():
            modality = "accelerometer" if frame.profile.stream_type().name == "accel" else "gyroscope"
            stream, felt = f"{self._name}_{modality}", frame.as_motion_frame().get_motion_data()
            stamp_ns, clock = self._stamp(frame, stream)
            batches[stream].append((stamp_ns, clock, [felt.x, felt.y, felt.z]))
        for stream, rows in batches.items():
            stamps = np.array([stamp_ns for stamp_ns, _, _ in rows], np.int64)
            data = np.array([felt for _, _, felt in rows], np.float32) @ FORWARD_LEFT_UP.T
            yield Reading(stream, rows[0][0], "f32", data, stamps, rows[0][1])

    def _stamp(self, frame: Any, stream: str) -> tuple[int, ClockKind]:
        """The frame's time on the run's clock, mid-exposure where it tells that; it does not go back."""
        now_ns, stamped_ns = self._clock.now_ns(), round(frame.timestamp * 1e6)
        domain = frame.frame_timestamp_domain.name
        if domain == "hardware_clock":
            self._steadied[stream].learn(stamped_ns, now_ns)
            stamp_ns, clock = self._steadied[stream].host_ns(stamped_ns), "estimated"
        else:
            age_ns = self._wall_ns() - stamped_ns
            known = 0 <= age_ns <= MAX_AGE_NS
            stamp_ns = now_ns - (age_ns if known else 0)
            clock = ("hardware" if domain == "global_time" else "driver") if known else "host"
        self._last_ns[stream] = max(self._last_ns[stream], stamp_ns - _since_exposure_ns(frame))
        return self._last_ns[stream], clock


def realsense() -> Any:
    """The module pyrealsense2. Raises DeviceFailedError without it."""
    try:
        import pyrealsense2
    except ImportError as error:
        raise DeviceFailedError(
            f'RealSense cameras need pyrealsense2 ({error}); pip install "sixsense[depth]"'
        ) from error
    return pyrealsense2


def connected(serial: str) -> Any:
    """librealsense's device of this serial number, "" being the only one. Raises DeviceError."""
    rs = realsense()
    devices = {
        device.get_info(rs.camera_info.serial_number): device for device in rs.context().query_devices()
    }
    if serial in devices or (not serial and len(devices) == 1):
        return devices[serial or next(iter(devices))]
    there = ", ".join(sorted(devices)) or "none"
    if not serial and devices:
        raise DeviceError(f"there is more than one RealSense: write id = one of {there}")
    raise DeviceError(f"there is no RealSense {serial}".rstrip() + f"; plug it in (USB 3); there: {there}")


def millimetres(counts: np.ndarray, unit: float) -> np.ndarray:
    """uint16 millimetres of counts that are `unit` millimetres each; beyond 65.5 m invalid, which is 0."""
    if abs(unit - 1) < 1e-4:
        return counts
    lengths = np.rint(counts * np.float32(unit))
    return np.where(lengths > np.iinfo(np.uint16).max, 0, lengths).astype(np.uint16)


def find() -> list[Found]:
    """Every RealSense by its serial number. Raises DeviceFailedError without pyrealsense2."""
    rs = realsense()
    return [_described(rs, device) for device in rs.context().query_devices()]


def _described(rs: Any, device: Any) -> Found:
    serial = device.get_info(rs.camera_info.serial_number)
    profiles = [p for sensor in device.query_sensors() for p in sensor.get_stream_profiles()]
    return Found(
        driver="depth",
        id=serial,
        name=device.get_info(rs.camera_info.name),
        modes=tuple(dict.fromkeys(map(_mode, profiles))),
        options={"id": serial, "imu": any(p.stream_type() == rs.stream.gyro for p in profiles)},
    )


def _mode(profile: Any) -> str:
    kind = f"{profile.stream_type().name} {profile.format().name}"
    if not profile.is_video_stream_profile():
        return f"{kind} {profile.fps()} Hz"
    video = profile.as_video_stream_profile()
    return f"{kind} {video.width()}x{video.height()} {profile.fps()} Hz"


def _nearest(offered: list[Any], stream: Any, rate_hz: int) -> Any:
    own = [profile for profile in offered if profile.stream_type() == stream]
    return min(own, key=lambda profile: abs(profile.fps() - rate_hz), default=None)


def _baseline_m(rs: Any, sensor: Any) -> float:
    """Between the two infrared cameras; 0 for depth that is not made of two pictures."""
    has_one = sensor.supports(rs.option.stereo_baseline)
    return sensor.get_option(rs.option.stereo_baseline) / 1000 if has_one else 0.0


def _since_exposure_ns(frame: Any) -> int:
    """From mid-exposure (`sensor_timestamp`) to the frame's own stamp, both in microseconds of the camera."""
    rs = realsense()
    both = (rs.frame_metadata_value.frame_timestamp, rs.frame_metadata_value.sensor_timestamp)
    if not all(frame.supports_frame_metadata(value) for value in both):
        return 0
    stamped, exposed = (frame.get_frame_metadata(value) for value in both)
    return 1000 * (stamped - exposed) if 0 <= stamped - exposed < 200_000 else 0


if __name__ == "__main__":
    from .once import print_one

    print_one(Depth)
