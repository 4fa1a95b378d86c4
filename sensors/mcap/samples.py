"""A Sample as standard messages beside an envelope with what they cannot say, and back, bit for bit."""

from collections.abc import Sequence

import msgspec
import numpy as np

from ..modalities import MODALITIES
from ..sample import ClockKind, Sample, StreamInfo
from .cdr import CdrError
from .messages import (
    ABSENT,
    UNKNOWN,
    CameraInfo,
    CompressedImage,
    Header,
    Image,
    Imu,
    RawAudio,
    Vector3,
    time,
)

DTYPES = {"rgb8": np.uint8, "mono8": np.uint8, "16UC1": np.dtype("<u2"), "32FC1": np.dtype("<f4")}
Standard = Image | CompressedImage | RawAudio | Imu


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Comes right before the `messages` standard messages that hold a sample's data. Fields as in Sample."""

    stream: str
    modality: str
    epoch: int
    seq: int
    item: int
    stamp_ns: int
    encoding: str
    rate_hz: float
    recv_ns: int
    clock: ClockKind
    units: str
    frame_id: str
    messages: int
    trace: dict[str, int] = {}


_SHARED = tuple(name for name in Envelope.__struct_fields__ if name != "messages")


def message_type(modality: str, encoding: str) -> type[Standard]:
    """The standard message that samples of a stream are stored as."""
    item = MODALITIES[modality].item
    if item == "frame":
        return CompressedImage if encoding == "jpeg" else Image
    return RawAudio if item == "pcm" else Imu


def to_messages(sample: Sample) -> tuple[Envelope, list[tuple[int, Standard]]]:
    """The envelope, and the standard messages with their stamps: one, or one a row."""
    if sample.stamps is not None:
        rows = sample.data.astype(np.float64).tolist()
        messages: list[tuple[int, Standard]] = [
            (stamp, _imu(sample, stamp, row)) for stamp, row in zip(sample.stamps.tolist(), rows, strict=True)
        ]
    else:
        messages = [(sample.stamp_ns, _single(sample))]
    facts = {name: getattr(sample, name) for name in _SHARED}
    return Envelope(**facts, messages=len(messages)), messages


def to_sample(envelope: Envelope, messages: Sequence[Standard]) -> Sample:
    """The sample that was stored. Raises CdrError where message and envelope do not fit."""
    if (
        envelope.modality not in MODALITIES
        or envelope.encoding not in MODALITIES[envelope.modality].encodings
    ):
        raise CdrError(f"a sample of {envelope.modality!r} as {envelope.encoding!r}, which does not exist")
    try:
        data, stamps = _arrays(envelope, messages)
    except (ValueError, KeyError, AttributeError) as error:
        raise CdrError(f"a sample of {envelope.stream!r} is not what its envelope says: {error}") from error
    return Sample(**{name: getattr(envelope, name) for name in _SHARED}, data=data, stamps=stamps)


def camera_info(info: StreamInfo, stamp_ns: int) -> CameraInfo:
    """The intrinsics of a stream of pictures, its optical axis through the middle."""
    fx, cx, cy = info.fx, info.width / 2, info.height / 2
    return CameraInfo(
        header=Header(time(stamp_ns), info.frame_id),
        height=info.height,
        width=info.width,
        k=(fx, 0.0, cx, 0.0, fx, cy, 0.0, 0.0, 1.0),
        p=(fx, 0.0, cx, -fx * info.baseline, 0.0, fx, cy, 0.0, 0.0, 0.0, 1.0, 0.0),
    )


def _single(sample: Sample) -> Standard:
    header, data = Header(time(sample.stamp_ns), sample.frame_id), _bytes(sample.data)
    if sample.encoding == "jpeg":
        return CompressedImage(header=header, format="jpeg", data=data)
    if MODALITIES[sample.modality].item == "pcm":
        return RawAudio(
            timestamp=header.stamp,
            data=data,
            sample_rate=round(sample.rate_hz),
            number_of_channels=sample.data.shape[1],
        )
    height, width = sample.data.shape[:2]
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=sample.encoding,
        step=sample.data.nbytes // height if height else 0,
        data=data,
    )


def _imu(sample: Sample, stamp_ns: int, row: list[float]) -> Imu:
    felt = () if sample.modality == "gyroscope" else row[:3]
    turned = () if sample.modality == "accelerometer" else row[-3:]
    return Imu(
        header=Header(time(stamp_ns), sample.frame_id),
        angular_velocity=Vector3(*turned),
        angular_velocity_covariance=UNKNOWN if turned else ABSENT,
        linear_acceleration=Vector3(*felt),
        linear_acceleration_covariance=UNKNOWN if felt else ABSENT,
    )


def _arrays(envelope: Envelope, messages: Sequence[Standard]) -> tuple[np.ndarray, np.ndarray | None]:
    if MODALITIES[envelope.modality].item == "row":
        return _rows(envelope.modality, messages)
    (one,) = messages
    if isinstance(one, CompressedImage):
        return np.frombuffer(one.data, np.uint8), None
    if isinstance(one, RawAudio):
        return np.frombuffer(one.data, "<i2").reshape(-1, one.number_of_channels), None
    if not isinstance(one, Image):
        raise ValueError(f"{type(one).__name__} is of rows")
    shape = (one.height, one.width, 3) if one.encoding == "rgb8" else (one.height, one.width)
    return np.frombuffer(one.data, DTYPES[one.encoding]).reshape(shape), None


def _rows(modality: str, messages: Sequence[Standard]) -> tuple[np.ndarray, np.ndarray]:
    stamps = np.empty(len(messages), np.int64)
    columns: list[list[float]] = []
    for index, one in enumerate(messages):
        if not isinstance(one, Imu):
            raise ValueError(f"{type(one).__name__} has no rows")
        felt, turned, stamp = one.linear_acceleration, one.angular_velocity, one.header.stamp
        stamps[index] = stamp.sec * 1_000_000_000 + stamp.nanosec
        row = [felt.x, felt.y, felt.z, turned.x, turned.y, turned.z]
        columns.append({"accelerometer": row[:3], "gyroscope": row[3:]}.get(modality, row))
    width = 6 if modality == "imu" else 3
    return np.array(columns, np.float32).reshape(-1, width), stamps


def _bytes(array: np.ndarray) -> bytes:
    """The array's bytes without a copy, where they lie in order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data  # pyright: ignore[reportReturnType]
