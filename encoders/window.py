"""Window: the samples that one encoder call needs."""

import msgspec
import numpy as np

from ..sensors.sample import StreamInfo
from .embedding import Range


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Samples of one input inside `[start_ns, end_ns)`, ready to be preprocessed.

    `data` by modality: vision, depth and thermal the newest frame as its Sample carried it (`encoding`
    says how); audio int16 (n, channels) on the window's own sample grid, lost PCM as zeros; imu float32
    (n, 6), accelerometer xyz m/s^2 then gyroscope xyz rad/s, with int64 `stamps` (n,).
    `info` is the stream's (for a group: the member whose stamps it follows). `ranges` lists the items of
    every member inside the window, whether or not the encoder looks at them.
    """

    input: str
    modality: str
    epoch: int
    index: int
    start_ns: int
    end_ns: int
    ranges: tuple[Range, ...]
    encoding: str
    data: np.ndarray
    stamps: np.ndarray | None
    info: StreamInfo
    trace: dict[str, int] = {}
