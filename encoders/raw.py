"""Windows as they go to a device that preprocesses them: checked arrays, and what is to be done with them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..sensors.sample import NS
from .card import DEFAULT_IMU, ImuInput
from .errors import InputError
from .pictures import decode_jpeg
from .preprocess.audio import RATE_HZ, check_length, full_scale, one_channel
from .preprocess.depth import DEFAULT_BASELINE, DEFAULT_FX, valid_metres
from .preprocess.image import check_rgb
from .preprocess.imu import check_rows
from .preprocess.resample import Resampler
from .preprocess.steps import DepthSteps, MotionSteps, PictureSteps, SoundSteps, ThermalSteps
from .preprocess.thermal import check_picture, kelvin
from .quality import depth_quality, motion_quality, picture_quality, sound_quality, thermal_quality
from .window import Window

TRAINING_WIDTH = 640


class Raw(NamedTuple):
    """One row of a batch: tensors on the CPU, and the class that preprocesses batches of them on the device.

    Rows with the same `steps`, `options` and shapes can be in one batch.
    """

    modality: str
    steps: Callable[..., Callable[..., Tensor]]
    options: tuple[float, ...]
    tensors: tuple[Tensor, ...]


def raw(window: Window, imu: ImuInput = DEFAULT_IMU) -> tuple[Raw, float]:
    """What `encode.prepare` refuses is refused here, and what it makes of a window is made on the device.

    Also the window's quality. Raises InputError.
    """
    return _motion(window, imu) if window.modality == "imu" else _RAW[window.modality](window)


def _picture(window: Window) -> tuple[Raw, float]:
    rgb = window.data
    if window.encoding == "jpeg":
        rgb = decode_jpeg(rgb, window.info.width, window.info.height)
    check_rgb(rgb, ndim=3)
    return Raw("vision", PictureSteps, (), (_tensor(rgb),)), picture_quality(rgb)


def _depth(window: Window) -> tuple[Raw, float]:
    metres = valid_metres(window.data)
    fx, baseline = camera(window.info.fx, window.info.baseline, metres.shape[1])
    factor = torch.tensor(baseline * fx, dtype=torch.float32)
    return Raw("depth", DepthSteps, (), (_tensor(metres), factor)), depth_quality(window.data)


def _thermal(window: Window) -> tuple[Raw, float]:
    picture = window.data
    check_picture(picture)
    values = picture if picture.dtype == np.uint8 else kelvin(picture)
    return Raw("thermal", ThermalSteps, (), (_tensor(values),)), thermal_quality(picture)


def _sound(window: Window) -> tuple[Raw, float]:
    rate_hz, first = window.info.rate_hz, one_channel(window.data, 0)
    wave = full_scale(first)
    check_length(Resampler(rate_hz, RATE_HZ, torch.device("cpu")).count(len(first)))
    # Half the bytes to copy, where they are int16.
    heard = first if first.dtype == np.int16 else wave
    return Raw("audio", SoundSteps, (rate_hz,), (_tensor(heard),)), sound_quality(wave)


def _motion(window: Window, imu: ImuInput) -> tuple[Raw, float]:
    if window.stamps is None:
        raise InputError("imu: rows without stamps")
    check_rows(window.data, window.stamps)
    first = imu.order.startswith("gyroscope")
    options = (float(window.end_ns - window.start_ns), imu.rate_hz, float(first))
    tensors = _padded(window.data, window.stamps - window.start_ns)
    return Raw("imu", MotionSteps, options, tensors), motion_quality(window.data)


def _padded(rows: np.ndarray, since_ns: np.ndarray) -> tuple[Tensor, Tensor]:
    """Rows and times, filled up to a power of two: windows of one stream differ by a row or two. The last is
    repeated at least once, so that it is held to the end."""
    count = 1 << len(rows).bit_length()
    held = np.empty((count, rows.shape[1]), np.float32)
    held[: len(rows)], held[len(rows) :] = rows, rows[-1]
    times = np.empty(count, np.float64)
    times[: len(rows)] = since_ns
    times[len(rows) :] = since_ns[-1] + float(NS) * np.arange(1, count - len(rows) + 1)
    return torch.from_numpy(held), torch.from_numpy(times)


def _tensor(array: np.ndarray) -> Tensor:
    # Copied where it is read-only or mirrored: torch takes neither.
    usable = array.flags.c_contiguous and array.flags.writeable
    return torch.from_numpy(array if usable else array.copy(order="C"))


def camera(fx: float, baseline: float, width: int) -> tuple[float, float]:
    """Focal length at the training pictures' width, so that a smaller copy of a picture looks the same."""
    scaled = fx * TRAINING_WIDTH / width if fx and width else DEFAULT_FX
    return scaled, baseline or DEFAULT_BASELINE


_RAW: dict[str, Callable[[Window], tuple[Raw, float]]] = {
    "vision": _picture,
    "depth": _depth,
    "thermal": _thermal,
    "audio": _sound,
}


def key_of(row: Raw) -> tuple[Any, ...]:
    """What rows of one batch have in common."""
    shapes = tuple((tuple(tensor.shape), tensor.dtype) for tensor in row.tensors)
    return row.modality, row.steps, row.options, shapes
