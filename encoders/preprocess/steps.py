"""What preprocess makes of one input, for batches on any device: tensor operations alone, as graphs need.

Each class is made for a device with the options that all rows of a batch share, and called with a batch of
what `encoders.raw` makes of windows; it gives what the trunk takes. Checks are the caller's, made before.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .audio import INT16_SCALE, RATE_HZ, features
from .depth import FARTHEST_M, NEAREST_M, omnivore_x8
from .fill import fill_nearest
from .image import normalise, shortest_side
from .imu import LENGTH, ROW_ORDER, instants
from .resample import Resampler
from .thermal import COLDEST_K, HOTTEST_K, unit_range

Steps = Callable[..., Tensor]


class PictureSteps:
    """RGB uint8 (n, h, w, 3) to (n, 3, 224, 224), as `image`; away from the CPU within one grey level."""

    def __init__(self, device: torch.device) -> None:
        del device

    def __call__(self, rgb: Tensor) -> Tensor:
        return normalise(shortest_side(rgb.permute(0, 3, 1, 2)).float() / 255)


class DepthSteps:
    """Metres float32 (n, h, w), NaN invalid, and baseline times fx (n,), to (n, 1, 224, 224), as `depth`."""

    def __init__(self, device: torch.device) -> None:
        del device

    def __call__(self, metres: Tensor, factor: Tensor) -> Tensor:
        disparity = factor[:, None, None] / fill_nearest(metres).clamp(NEAREST_M, FARTHEST_M)
        return shortest_side(omnivore_x8(disparity)[:, None])


class ThermalSteps:
    """Kelvin float32 (n, h, w) without holes, or grey uint8, to (n, 1, 224, 224), as `thermal`."""

    def __init__(self, device: torch.device) -> None:
        del device

    def __call__(self, picture: Tensor) -> Tensor:
        grey = picture.dtype == torch.uint8
        unit = picture / 255.0 if grey else unit_range(picture, COLDEST_K, HOTTEST_K)
        return shortest_side(unit[:, None]).clamp(0, 1)


class SoundSteps:
    """PCM of one channel, int16 or float32 (n, samples), to (n, 1, 128, 204), as `audio`."""

    def __init__(self, device: torch.device, rate_hz: float) -> None:
        self._resampled = Resampler(rate_hz, RATE_HZ, device)

    def __call__(self, pcm: Tensor) -> Tensor:
        wave = pcm.float() / INT16_SCALE if pcm.dtype == torch.int16 else pcm
        return features(self._resampled(wave))


class MotionSteps:
    """Rows float32 (n, rows, 6) at float64 nanoseconds (n, rows) from the window's start to (n, 6, 2000), as
    `imu`. What pads a batch's rows comes after the last one and repeats it."""

    def __init__(
        self, device: torch.device, length_ns: float, rate_hz: float, gyroscope_first: float
    ) -> None:
        self._at = torch.from_numpy(instants(round(length_ns), rate_hz)).to(device)
        self._order = torch.tensor(ROW_ORDER[bool(gyroscope_first)], device=device)

    def __call__(self, rows: Tensor, times: Tensor) -> Tensor:
        at = self._at.expand(len(rows), -1)
        values = rows.double().transpose(1, 2).index_select(1, self._order)
        after = torch.searchsorted(times, at.contiguous(), right=True).clamp(1, times.shape[1] - 1)
        (t0, y0), (t1, y1) = (_taken(times, values, k) for k in (after - 1, after))
        between = (y1 - y0) / (t1 - t0) * (at[:, None] - t0) + y0
        held = torch.where(at[:, None] < times[:, None, :1], values[:, :, :1], between)
        return torch.nn.functional.pad(held.float(), (0, LENGTH - held.shape[2]))


def _taken(times: Tensor, values: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """The times (n, 1, k) and values (n, 6, k) at indices (n, k)."""
    indices = at[:, None].expand(-1, values.shape[1], -1)
    return times.gather(1, at)[:, None], values.gather(2, indices)
