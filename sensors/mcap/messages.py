"""The standard ROS 2 messages that samples are stored as, field by field as their packages define them."""

from typing import Annotated, ClassVar

import msgspec

NS = 1_000_000_000
UInt8 = Annotated[int, "uint8"]
UInt32 = Annotated[int, "uint32"]
Floats9 = Annotated[tuple[float, ...], 9]
Floats12 = Annotated[tuple[float, ...], 12]
UNKNOWN = (0.0,) * 9
ABSENT = (-1.0, *UNKNOWN[1:])
"""A covariance that says: this message has no such measurement (sensor_msgs/Imu)."""


class Time(msgspec.Struct, frozen=True):
    """builtin_interfaces: seconds and nanoseconds since the Unix epoch."""

    ROS: ClassVar = "builtin_interfaces/Time"
    sec: Annotated[int, "int32"]
    nanosec: UInt32


class Header(msgspec.Struct, frozen=True):
    """std_msgs: when and in which frame."""

    ROS: ClassVar = "std_msgs/Header"
    stamp: Time
    frame_id: str


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """sensor_msgs: an uncompressed picture."""

    ROS: ClassVar = "sensor_msgs/Image"
    header: Header
    height: UInt32
    width: UInt32
    encoding: str
    is_bigendian: UInt8 = 0
    step: UInt32
    data: bytes


class CompressedImage(msgspec.Struct, frozen=True, kw_only=True):
    """sensor_msgs: a picture as its camera compressed it."""

    ROS: ClassVar = "sensor_msgs/CompressedImage"
    header: Header
    format: str
    data: bytes


class Vector3(msgspec.Struct, frozen=True):
    """geometry_msgs."""

    ROS: ClassVar = "geometry_msgs/Vector3"
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


class Quaternion(msgspec.Struct, frozen=True):
    """geometry_msgs."""

    ROS: ClassVar = "geometry_msgs/Quaternion"
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    w: float = 1.0


class Imu(msgspec.Struct, frozen=True, kw_only=True):
    """sensor_msgs: rad/s and m/s^2; a covariance that begins with -1 says that there is none."""

    ROS: ClassVar = "sensor_msgs/Imu"
    header: Header
    orientation: Quaternion = Quaternion()
    orientation_covariance: Floats9 = ABSENT
    angular_velocity: Vector3
    angular_velocity_covariance: Floats9
    linear_acceleration: Vector3
    linear_acceleration_covariance: Floats9


class RegionOfInterest(msgspec.Struct, frozen=True):
    """sensor_msgs: all of the picture, when all are 0."""

    ROS: ClassVar = "sensor_msgs/RegionOfInterest"
    x_offset: UInt32 = 0
    y_offset: UInt32 = 0
    height: UInt32 = 0
    width: UInt32 = 0
    do_rectify: bool = False


class CameraInfo(msgspec.Struct, frozen=True, kw_only=True):
    """sensor_msgs: intrinsics in pixels; `p[3]` is -fx times the stereo baseline in metres."""

    ROS: ClassVar = "sensor_msgs/CameraInfo"
    header: Header
    height: UInt32
    width: UInt32
    distortion_model: str = ""
    d: tuple[float, ...] = ()
    k: Floats9
    r: Floats9 = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    p: Floats12
    binning_x: UInt32 = 0
    binning_y: UInt32 = 0
    roi: RegionOfInterest = RegionOfInterest()


class RawAudio(msgspec.Struct, frozen=True, kw_only=True):
    """foxglove_msgs: interleaved PCM."""

    ROS: ClassVar = "foxglove_msgs/RawAudio"
    timestamp: Time
    data: bytes
    format: str = "pcm-s16"
    sample_rate: UInt32
    number_of_channels: UInt32


def time(stamp_ns: int) -> Time:
    """A stamp as seconds and nanoseconds."""
    return Time(stamp_ns // NS, stamp_ns % NS)
