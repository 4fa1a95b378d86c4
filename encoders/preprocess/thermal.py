"""Temperature to ImageBind's thermal input: one channel in [0, 1], as in LLVIP, on which it was trained."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .checks import is_numeric, not_empty
from .depth import Values
from .image import check_aspect, shortest_side

Preset = Literal["fixed", "minmax"]
# Winter night to a hot machine. A fixed range keeps a temperature's grey level, whatever else is in view.
COLDEST_K, HOTTEST_K = 263.0, 323.0
LOWEST_KELVIN = 150.0


def thermal(
    picture: np.ndarray, preset: Preset = "fixed", coldest_k: float = COLDEST_K, hottest_k: float = HOTTEST_K
) -> Tensor:
    """Kelvin float (h, w), NaN invalid; centikelvin uint16, 0 invalid; or 8-bit grey, to (1, 224, 224).

    `fixed` maps [`coldest_k`, `hottest_k`] to [0, 1]; `minmax` maps each frame's own extremes, which loses
    temperature. 8-bit pictures have no temperature: they are divided by 255 under either preset, and
    neither mean nor deviation is applied. Invalid pixels take the frame's median. Raises InputError.
    """
    check_picture(picture)
    if picture.dtype == np.uint8:
        unit = picture / np.float32(255)
    else:
        unit = _unit_range(kelvin(picture), preset, coldest_k, hottest_k)
    return shortest_side(torch.from_numpy(unit)[None]).clamp(0, 1)


def check_picture(picture: np.ndarray) -> None:
    """Raises InputError unless an array has the shape of a picture that can be resized."""
    if picture.ndim != 2:
        raise InputError(
            f"thermal: shape {picture.shape}; give one temperature or grey level a pixel, (h, w)"
        )
    not_empty(picture, "thermal")
    check_aspect(picture.shape[0], picture.shape[1], "thermal")


def kelvin(picture: np.ndarray) -> np.ndarray:
    """Kelvin or centikelvin to float32 kelvin without holes. Raises InputError, also for Celsius."""
    if picture.dtype == np.uint16:
        picture = np.where(picture > 0, picture / np.float32(100), np.nan)
    is_numeric(picture, "thermal", "f", "float kelvin, uint16 centikelvin or 8-bit grey")
    valid = np.isfinite(picture)
    if not valid.any():
        raise InputError(f"thermal: none of {picture.size} pixels has a temperature")
    median = float(np.median(picture[valid]))
    if median < LOWEST_KELVIN:
        raise InputError(f"thermal: a median of {median:g} is no kelvin; add 273.15 to degrees Celsius")
    return np.where(valid, picture, median).astype(np.float32)


def _unit_range(picture: np.ndarray, preset: str, coldest_k: float, hottest_k: float) -> np.ndarray:
    if preset == "minmax":
        coldest_k, hottest_k = float(picture.min()), float(picture.max())
        hottest_k = max(hottest_k, coldest_k + 1e-3)
    elif preset != "fixed":
        raise InputError(f"thermal: no preset {preset!r}; there are fixed, minmax")
    if not coldest_k < hottest_k:
        raise InputError(f"thermal: a range from {coldest_k} to {hottest_k} K is empty")
    return unit_range(picture, coldest_k, hottest_k).astype(np.float32)


def unit_range(kelvin: Values, coldest_k: float, hottest_k: float) -> Values:
    """Kelvin, an array or a tensor, as a part of the range, in [0, 1]."""
    return ((kelvin - coldest_k) / (hottest_k - coldest_k)).clip(0, 1)
