"""Standard ROS and Foxglove messages, in any serialisation, as the arrays that Samples carry.

A message is any object whose attributes are the schema's fields: what rosbags, protobuf or `messages.py`
(for JSON) make of its bytes. Units and conventions are those of the schemas: REP 103 and 145 (IMU), REP 117
and 118 (depth images), foxglove's schema reference.
"""

import base64
import math
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .errors import SourceError
from .sample import NS

# The largest picture that is decoded: beyond the sensors of today, below what would exhaust a small machine.
MAX_PIXELS = 64_000_000

# What int64 nanoseconds can hold.
MAX_SECONDS = (1 << 63) // NS - 1

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


class MessageError(SourceError):
    """A message that does not hold what its schema promises, or holds it in a form that is not read."""


class Content(NamedTuple):
    """`data` by `encoding`, as in `Sample`; PCM has a rate."""

    encoding: str
    data: np.ndarray
    rate_hz: float = 0.0


class Intrinsics(NamedTuple):
    """Of a camera: focal length in pixels at `width`, distance to its stereo partner in metres, or 0."""

    fx: float
    baseline: float
    width: int


class Layout(NamedTuple):
    """One raw encoding: its element, elements a pixel, what the picture shows by convention, and the code
    of `cv2.COLOR_` that makes RGB of it."""

    dtype: str
    channels: int
    shows: str
    to_rgb: str = ""


LAYOUTS = {
    "rgb8": Layout("u1", 3, "vision"),
    "bgr8": Layout("u1", 3, "vision", "BGR2RGB"),
    "8uc3": Layout("u1", 3, "vision", "BGR2RGB"),
    "rgba8": Layout("u1", 4, "vision", "RGBA2RGB"),
    "bgra8": Layout("u1", 4, "vision", "BGRA2RGB"),
    "rgb16": Layout("u2", 3, "vision"),
    "bgr16": Layout("u2", 3, "vision", "BGR2RGB"),
    "yuv422": Layout("u1", 2, "vision", "YUV2RGB_UYVY"),
    "uyvy": Layout("u1", 2, "vision", "YUV2RGB_UYVY"),
    "yuv422_yuy2": Layout("u1", 2, "vision", "YUV2RGB_YUY2"),
    "yuyv": Layout("u1", 2, "vision", "YUV2RGB_YUY2"),
    "bayer_rggb8": Layout("u1", 1, "vision", "BayerRGGB2RGB"),
    "bayer_bggr8": Layout("u1", 1, "vision", "BayerBGGR2RGB"),
    "bayer_gbrg8": Layout("u1", 1, "vision", "BayerGBRG2RGB"),
    "bayer_grbg8": Layout("u1", 1, "vision", "BayerGRBG2RGB"),
    "mono8": Layout("u1", 1, "vision", "GRAY2RGB"),
    "8uc1": Layout("u1", 1, "vision", "GRAY2RGB"),
    "mono16": Layout("u2", 1, ""),
    "16uc1": Layout("u2", 1, "depth"),
    "32fc1": Layout("f4", 1, "depth"),
}
"""By the lower-case name of sensor_msgs/image_encodings.hpp or foxglove's RawImage; `shows` "": ambiguous."""


class Schema(NamedTuple):
    """How a schema is read: the modalities that it can be, what one message is by itself ("" where it does
    not say), and its arrays as one of the modalities."""

    modalities: tuple[str, ...]
    guess: Callable[[Any], str]
    read: Callable[[Any, str], Content]


def normal_name(schema: str) -> str:
    """`sensor_msgs/msg/Image` -> `sensor_msgs/Image`, `foxglove.RawImage` -> `foxglove/RawImage`."""
    parts = schema.replace(".", "/").split("/")
    return f"{parts[0].removesuffix('_msgs') if parts[0].startswith('foxglove') else parts[0]}/{parts[-1]}"


def stamp_of(message: Any) -> int | None:
    """Nanoseconds in a message's header or `timestamp`, or None where it has neither, or only zero."""
    held = getattr(message, "timestamp", None) or getattr(getattr(message, "header", None), "stamp", None)
    seconds = _first(held, "sec", "seconds")
    if not isinstance(seconds, int) or not 0 <= seconds <= MAX_SECONDS:
        return None
    return seconds * NS + int(_first(held, "nanosec", "nsec", "nanos") or 0) or None


def frame_of(message: Any) -> str:
    """The frame_id in a message or its header, or ""."""
    return str(_first(message, "frame_id") or _first(getattr(message, "header", None), "frame_id") or "")


def intrinsics(message: Any) -> Intrinsics:
    """Of sensor_msgs/CameraInfo or foxglove's CameraCalibration: fx and -Tx/fx of the projection matrix (as
    CameraInfo documents P), else fx of K."""
    projection = _floats(message, "p", "P")
    camera = _floats(message, "k", "K")
    fx = (projection or camera or [0.0])[0] or (camera or [0.0])[0]
    shift = projection[3] if len(projection) == 12 else 0.0
    baseline = -shift / fx if fx > 0 else 0.0
    if not (math.isfinite(fx) and math.isfinite(baseline)):
        raise MessageError(
            f"a camera calibration has fx = {fx} and baseline = {baseline}; calibrate it again"
        )
    return Intrinsics(max(0.0, fx), max(0.0, baseline), int(message.width))


def read_raw(message: Any, modality: str) -> Content:
    """sensor_msgs/Image, foxglove's RawImage."""
    layout = _layout(message)
    shape = int(message.height), int(message.width), layout.channels
    if min(shape) <= 0 or shape[0] * shape[1] > MAX_PIXELS:
        raise MessageError(f"a picture has {shape[1]} x {shape[0]} pixels; 1 to {MAX_PIXELS} are read")
    order = ">" if getattr(message, "is_bigendian", False) else "<"
    dtype = np.dtype(order + layout.dtype)
    data = bytes_of(message.data)
    row = shape[1] * layout.channels * dtype.itemsize
    step = int(message.step) or row
    if step < row or len(data) < step * (shape[0] - 1) + row:
        raise MessageError(
            f"a {message.encoding} picture of {shape[1]} x {shape[0]} has {len(data)} bytes in rows of"
            f" {step}; it needs rows of {row} or more"
        )
    rows = np.lib.stride_tricks.as_strided(
        np.frombuffer(data, np.uint8), (shape[0], row), (step, 1), writeable=False
    )
    image = np.ascontiguousarray(rows).view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    return _as(image, layout.to_rgb, modality, str(message.encoding))


def read_compressed(message: Any, modality: str) -> Content:
    """sensor_msgs/CompressedImage, foxglove's CompressedImage: a JPEG for vision is passed through."""
    data, form = bytes_of(message.data), str(message.format)
    if "compressedDepth" in form:
        return _as(_compressed_depth(data, form), "", modality, form)
    return read_picture(data, form, modality)


def read_picture(data: bytes, form: str, modality: str) -> Content:
    """A picture file's bytes as a picture of the modality; `form` is for messages. Raises MessageError."""
    if data[:3] == JPEG and modality == "vision":
        return Content("jpeg", np.frombuffer(data, np.uint8))
    image = decode_picture(data, form)
    return _as(image, "BGR2RGB" if image.shape[2] == 3 else "GRAY2RGB", modality, form)


def decode_picture(data: bytes, form: str) -> np.ndarray:
    """A picture file's pixels as stored: (h, w, 1 or 3), BGR, uint8 or uint16. Raises MessageError."""
    import cv2

    if data[:8] == PNG and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        if width * height > MAX_PIXELS:
            raise MessageError(f"a PNG has {width} x {height} pixels; up to {MAX_PIXELS} are read")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        image = None
    if image is None:
        raise MessageError(f"a compressed picture ({form!r}, {len(data)} bytes) cannot be decoded")
    image = image if image.ndim == 3 else image[:, :, None]
    return image[:, :, :3] if image.shape[2] == 4 else image


def _compressed_depth(data: bytes, form: str) -> np.ndarray:
    """What compressed_depth_image_transport writes: 12 bytes (kind, A, B), then a PNG; 32FC1 depths are
    there as inverse depth, depth = A / (value - B), 0 invalid."""
    if "rvl" in form.lower():
        raise MessageError(f"depth is compressed as RVL ({form!r}); record it as compressedDepth png")
    if len(data) < 12:
        raise MessageError(f"a {form!r} picture has {len(data)} bytes, too few for its header of 12")
    _, a, b = struct.unpack("<iff", data[:12])
    image = decode_picture(data[12:], form)
    if not form.startswith("32FC1"):
        return image
    inverse = image.astype(np.float32)
    with np.errstate(divide="ignore"):
        return np.where(inverse > 0, a / (inverse - b), np.nan).astype(np.float32)


def read_imu(message: Any, modality: str) -> Content:
    """sensor_msgs/Imu: one row of float32, accelerometer m/s^2 (with gravity, REP 145), gyroscope rad/s."""
    acceleration, rate = _xyz(message.linear_acceleration), _xyz(message.angular_velocity)
    columns = {"imu": [*acceleration, *rate], "accelerometer": acceleration, "gyroscope": rate}[modality]
    return Content("f32", np.array([columns], np.float32))


def guess_imu(message: Any) -> str:
    """Which halves a message has: -1 in a covariance says none (sensor_msgs/Imu), and drivers that publish
    accelerometer and gyroscope apart leave the other at exactly zero."""
    has_motion = _measured(message, "linear_acceleration")
    has_rotation = _measured(message, "angular_velocity")
    return "imu" if has_motion == has_rotation else "accelerometer" if has_motion else "gyroscope"


def read_raw_audio(message: Any, _: str) -> Content:
    """foxglove's RawAudio, of which pcm-s16 is the only format: int16 (n, channels)."""
    form = str(message.format)
    if form not in ("pcm-s16", "pcm_s16"):
        raise MessageError(f"audio has the format {form!r}; pcm-s16 is read")
    return pcm(bytes_of(message.data), float(message.sample_rate), int(message.number_of_channels))


def pcm(data: bytes, rate_hz: float, channels: int) -> Content:
    """Little-endian int16, channels interleaved."""
    if not 1 <= channels <= 64 or not 1000 <= rate_hz <= 768_000 or len(data) % (2 * channels):
        raise MessageError(
            f"{len(data)} bytes of sound at {rate_hz:g} Hz in {channels} channels of int16: these do not fit"
            " together"
        )
    return Content("pcm_s16", np.frombuffer(data, "<i2").astype(np.int16).reshape(-1, channels), rate_hz)


def _guess_raw(message: Any) -> str:
    return _layout(message).shows


def _guess_compressed(message: Any) -> str:
    form = str(message.format)
    if "compressedDepth" in form:
        return "depth"
    stored = form.split(";")[0].strip().lower()
    if bytes_of(message.data)[:3] != JPEG and decode_picture(bytes_of(message.data), form).dtype == np.uint16:
        return LAYOUTS[stored].shows if stored in LAYOUTS else ""
    return "vision"


def _always(modality: str) -> Callable[[Any], str]:
    return lambda _: modality


_PICTURES = ("vision", "depth", "thermal")
_RAW = Schema(_PICTURES, _guess_raw, read_raw)
_COMPRESSED = Schema(_PICTURES, _guess_compressed, read_compressed)
SCHEMAS = {
    "sensor_msgs/Image": _RAW,
    "foxglove/RawImage": _RAW,
    "sensor_msgs/CompressedImage": _COMPRESSED,
    "foxglove/CompressedImage": _COMPRESSED,
    "sensor_msgs/Imu": Schema(("imu", "accelerometer", "gyroscope"), guess_imu, read_imu),
    "foxglove/RawAudio": Schema(("audio",), _always("audio"), read_raw_audio),
}
"""By `normal_name`: what becomes Samples."""

CALIBRATIONS = ("sensor_msgs/CameraInfo", "foxglove/CameraCalibration")


def _layout(message: Any) -> Layout:
    name = str(message.encoding).lower()
    if name not in LAYOUTS:
        raise MessageError(f"pictures are encoded as {message.encoding!r}; {', '.join(LAYOUTS)} are read")
    return LAYOUTS[name]


def _as(image: np.ndarray, to_rgb: str, modality: str, form: str) -> Content:
    """(h, w, channels) as a picture of the modality."""
    if modality == "vision":
        return Content("rgb8", _rgb(image, to_rgb))
    flat = image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
    if flat.ndim == 2 and flat.dtype == np.float32:
        return Content("32FC1", np.where(np.isinf(flat), np.float32(np.nan), flat))
    if flat.ndim == 2 and flat.dtype == np.uint16:
        return Content("16UC1", flat)
    if flat.ndim == 2 and modality == "thermal":
        return Content("mono8", flat)
    raise MessageError(
        f"{form!r} pictures of {image.dtype} in {image.shape[-1]} channels cannot be {modality}:"
        " that takes 16UC1 or 32FC1"
    )


def _rgb(image: np.ndarray, to_rgb: str) -> np.ndarray:
    """uint8 (h, w, 3); 16-bit grey keeps its upper byte."""
    import cv2

    if image.dtype == np.float32:
        raise MessageError("32FC1 pictures cannot be vision; write depth or thermal")
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.ndim == 2 or image.shape[2] == 1:
        to_rgb = to_rgb or "GRAY2RGB"
    return cv2.cvtColor(image, getattr(cv2, f"COLOR_{to_rgb}")) if to_rgb else image


def _measured(message: Any, field: str) -> bool:
    covariance = getattr(message, f"{field}_covariance", None)
    said_absent = covariance is not None and len(covariance) > 0 and float(covariance[0]) == -1
    return not said_absent and any(_xyz(getattr(message, field)))


def _xyz(vector: Any) -> list[float]:
    values = [float(vector.x), float(vector.y), float(vector.z)]
    if not all(map(math.isfinite, values)):
        raise MessageError(f"a motion sensor says {values}")
    return values


def bytes_of(data: Any) -> bytes:
    """The bytes of a field; JSON holds them as base64."""
    return base64.b64decode(data, validate=True) if isinstance(data, str) else bytes(data)


def _floats(message: Any, *names: str) -> list[float]:
    held = _first(message, *names)
    return [] if held is None else [float(value) for value in held]


def _first(message: Any, *names: str) -> Any:
    """The first of these fields that the message has; schemas call the same thing by several names."""
    return next((getattr(message, name) for name in names if hasattr(message, name)), None)
