"""What each modality of sample looks like: the table that sources, rings and windows read."""

from typing import Literal, NamedTuple

Class = Literal["lossless", "lossy"]


class Modality(NamedTuple):
    """One row. `item` is what accounting counts; `ring_s` is how many seconds a sender keeps."""

    item: Literal["frame", "pcm", "row"]
    units: str
    encodings: tuple[str, ...]
    traffic: Class
    ring_s: float


MODALITIES = {
    "vision": Modality("frame", "srgb", ("jpeg", "rgb8"), "lossy", 2.0),
    "depth": Modality("frame", "m", ("32FC1", "16UC1"), "lossy", 2.0),
    "thermal": Modality("frame", "K", ("32FC1", "16UC1", "mono8"), "lossy", 2.0),
    "audio": Modality("pcm", "full scale", ("pcm_s16",), "lossless", 60.0),
    "accelerometer": Modality("row", "m/s^2", ("f32",), "lossless", 60.0),
    "gyroscope": Modality("row", "rad/s", ("f32",), "lossless", 60.0),
    "imu": Modality("row", "m/s^2, rad/s", ("f32",), "lossless", 60.0),
}

GROUPS = {"imu": ("accelerometer", "gyroscope")}
"""Inputs made of several streams of one source, by the modalities of their members."""
