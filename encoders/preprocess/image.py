"""An RGB picture to ImageBind's vision input."""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from .checks import not_empty

SIDE = 224
# CLIP's statistics of its training pictures (Radford et al. 2021), which ImageBind keeps.
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
MAX_ASPECT = 32


def image(rgb: np.ndarray) -> Tensor:
    """Resize the shortest side to 224, cut out the middle, normalise; uint8 (h, w, 3) to (3, 224, 224).

    The resize is bicubic and antialiased, like Pillow's to within one grey level. Raises InputError.
    """
    check_rgb(rgb, ndim=3)
    # Copied, because what comes off the wire is read-only and a mirrored view has negative strides.
    pixels = torch.tensor(np.ascontiguousarray(rgb)).permute(2, 0, 1)
    return normalise(shortest_side(pixels).float() / 255)


def check_rgb(rgb: np.ndarray, ndim: int) -> None:
    """Raises InputError unless `rgb` is uint8 (..., h, w, 3) of a shape that can be resized."""
    if rgb.ndim != ndim or rgb.shape[-1] != 3 or rgb.dtype != np.uint8:
        wanted = "(h, w, 3)" if ndim == 3 else "(t, h, w, 3)"
        raise InputError(f"vision: {rgb.dtype} array of shape {rgb.shape}; give RGB uint8 {wanted}")
    not_empty(rgb, "vision")
    check_aspect(rgb.shape[-3], rgb.shape[-2], "vision")


def check_aspect(height: int, width: int, modality: str) -> None:
    """Raises InputError for what would be enlarged beyond reason before its middle is cut out."""
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise InputError(f"{modality}: {width}x{height} is longer than {MAX_ASPECT} to 1; cut it first")


def shortest_side(pixels: Tensor) -> Tensor:
    """(channels, h, w), or a batch, uint8 or float32, to 224 x 224 pixels: bicubic resize, centre crop.

    Away from the CPU, uint8 becomes float32 that is whole numbers.
    """
    height, width = pixels.shape[-2:]
    short = min(height, width)
    size = [SIDE * height // short, SIDE * width // short]
    resized = bicubic(pixels if pixels.ndim == 4 else pixels[None], size).reshape(*pixels.shape[:-2], *size)
    top, left = (round((side - SIDE) / 2) for side in size)
    return resized[..., top : top + SIDE, left : left + SIDE]


def bicubic(pixels: Tensor, size: list[int]) -> Tensor:
    """Antialiased resize of (n, channels, h, w)."""
    if pixels.dtype != torch.uint8 or pixels.device.type == "cpu":
        return F.interpolate(pixels, size, mode="bicubic", antialias=True)
    return whole_bicubic(pixels, size)


def whole_bicubic(pixels: Tensor, size: list[int]) -> Tensor:
    """The same of uint8 in float32, for devices that resize no integers: first to the width, then to the
    height, each rounded and cut off at black and white, as Pillow and the CPU do it."""
    for part in ([pixels.shape[2], size[1]], size):
        pixels = F.interpolate(pixels.float(), part, mode="bicubic", antialias=True).round().clamp(0, 255)
    return pixels


def normalise(pixels: Tensor) -> Tensor:
    """RGB in [0, 1] with the channels third from last, to zero mean and unit deviation."""
    mean, std = _statistics(pixels.device)
    return (pixels - mean) / std


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Kept for each device, because graphs refer to them."""
    return MEAN.to(device), STD.to(device)
