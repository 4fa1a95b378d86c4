"""Distance to ImageBind's depth input: disparity, as in SUN RGB-D, on which it was trained.

The released model came without this step. The formula and its bounds are the authors' (Omnivore,
github.com/facebookresearch/omnivore/issues/12); the constants of the presets are documented there.
"""

from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .checks import is_numeric, not_empty
from .image import check_aspect, shortest_side

Preset = Literal["omnivore_x8", "standardised"]
Values = TypeVar("Values", np.ndarray, Tensor)
# A Kinect's: pixels at the 640 pixels' width of the training pictures, and metres.
DEFAULT_FX, DEFAULT_BASELINE = 520.0, 0.075
NEAREST_M, FARTHEST_M = 0.01, 50.0
LOWEST, HIGHEST = 0.01, 75.0
MEAN, STD = 0.0418, 0.0295
# SUN RGB-D stores millimetres rotated left by three bits; the published mean belongs to the rotated values.
ROTATION = 8
INDOOR_FARTHEST_M = 8.0


def depth(
    distance: np.ndarray,
    fx: float = DEFAULT_FX,
    baseline: float = DEFAULT_BASELINE,
    preset: Preset = "omnivore_x8",
) -> Tensor:
    """Metres float (h, w), NaN or <= 0 invalid, or millimetres uint16 with 0 invalid, to (1, 224, 224).

    `fx` is in pixels at 640 pixels' width and `baseline` in metres: disparity = baseline * fx / distance.
    Invalid pixels take the disparity of the nearest valid one, as training pictures were filled in.
    `omnivore_x8` divides by 8 * 75 and applies the published mean and deviation, `standardised` limits
    distance to 8 m and gives each picture zero mean and unit deviation. Raises InputError.
    """
    metres = valid_metres(distance)
    if not (0 < fx < np.inf and 0 < baseline < np.inf):
        raise InputError(f"depth: fx {fx} px and baseline {baseline} m; both must be positive")
    limit = INDOOR_FARTHEST_M if preset == "standardised" else FARTHEST_M
    disparity = baseline * fx / _filled(metres).clip(NEAREST_M, limit)
    return shortest_side(torch.from_numpy(_PRESETS[_known(preset)](disparity))[None])


def valid_metres(distance: np.ndarray) -> np.ndarray:
    """Metres or millimetres to float32 (h, w), NaN invalid. Raises InputError, also where all of it is."""
    metres = _metres(distance)
    if np.isnan(metres).all():
        raise InputError(f"depth: none of {metres.size} pixels has a distance")
    return metres


def _metres(distance: np.ndarray) -> np.ndarray:
    if distance.ndim != 2:
        raise InputError(f"depth: shape {distance.shape}; give one distance a pixel, (h, w)")
    if distance.dtype == np.uint8:
        raise InputError(
            "depth: an 8-bit picture is no distance (a colouring or a scaled preview); give float metres or "
            "uint16 millimetres, and read 16-bit PNG with cv2.IMREAD_UNCHANGED"
        )
    not_empty(distance, "depth")
    check_aspect(distance.shape[0], distance.shape[1], "depth")
    if distance.dtype == np.uint16:
        return np.where(distance > 0, distance / np.float32(1000), np.nan).astype(np.float32)
    is_numeric(distance, "depth", "f", "float metres or uint16 millimetres")
    return np.where(np.isfinite(distance) & (distance > 0), distance, np.nan).astype(np.float32)


def _filled(metres: np.ndarray) -> np.ndarray:
    import cv2

    holes = np.isnan(metres)
    if not holes.any():
        return metres
    _, found = cv2.distanceTransformWithLabels(
        holes.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.asarray(found, np.int64)
    nearest = np.zeros(int(labels.max()) + 1, np.float32)
    nearest[labels[~holes]] = metres[~holes]
    return nearest[labels]


def omnivore_x8(disparity: Values) -> Values:
    """Disparity, an array or a tensor, as the released model was trained to take it."""
    return ((disparity / ROTATION).clip(LOWEST, HIGHEST) / HIGHEST - MEAN) / STD


def _standardised(disparity: np.ndarray) -> np.ndarray:
    # A flat wall has no deviation to divide by: it becomes zeros, not infinity, nor what float32 rounds off.
    exact = disparity.astype(np.float64)
    return ((exact - exact.mean()) / max(float(exact.std()), 1e-6)).astype(np.float32)


_PRESETS = {"omnivore_x8": omnivore_x8, "standardised": _standardised}


def _known(preset: str) -> str:
    if preset not in _PRESETS:
        raise InputError(f"depth: no preset {preset!r}; there are {', '.join(_PRESETS)}")
    return preset
