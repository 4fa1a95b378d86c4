"""Thermal-like renderings of colour pictures: the same edges, other brightnesses, less detail, more noise."""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

HIDDEN = 8


def thermal_like(rgb: Tensor, generator: Generator) -> Tensor:
    """(n, 3, h, w) in [0, 1] to (n, 1, h, w) in [0, 1].

    Which colour is how warm is chance: a random smooth function of colour for each picture. Over it lie slow
    changes of warmth, what a sensor does to contrast, blur and noise.
    """
    warm = _standard(_random_function(rgb, generator))
    warm = _standard(warm + _uniform(warm, 0.8, generator) * _slow(warm, generator))
    warm = warm - _uniform(warm, 0.8, generator) * _blurred(warm, 9)
    warm = torch.where(_uniform(warm, 1, generator) < 0.5, warm, _blurred(warm, 3))
    warm = _standard(warm) + _uniform(warm, 0.3, generator) * torch.randn(warm.shape, generator=generator)
    contrast = 0.06 + _uniform(warm, 0.24, generator)
    return (0.2 + _uniform(warm, 0.5, generator) + contrast * warm).clamp(0, 1)


def cut(pictures: Tensor, smallest: float, side: int, generator: Generator) -> Tensor:
    """A random square of each, `smallest` to 1 of its side, to (n, channels, side, side)."""
    n = len(pictures)
    scale = 1 - (1 - smallest) * torch.rand(n, generator=generator)
    shift = (1 - scale)[:, None] * (2 * torch.rand(n, 2, generator=generator) - 1)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, [*pictures.shape[:2], side, side], align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _random_function(rgb: Tensor, generator: Generator) -> Tensor:
    """A network with one hidden layer of random numbers, applied to every pixel's colour."""
    n = len(rgb)
    inner = 3 * torch.randn(n, HIDDEN, 3, generator=generator)
    bias = 2 * torch.randn(n, HIDDEN, 1, generator=generator)
    outer = torch.randn(n, 1, HIDDEN, generator=generator)
    pixels = rgb.flatten(2) - 0.5
    return (outer @ torch.tanh(inner @ pixels + bias)).unflatten(2, rgb.shape[2:])


def _slow(like: Tensor, generator: Generator) -> Tensor:
    coarse = torch.randn(len(like), 1, 4, 4, generator=generator)
    return F.interpolate(coarse, like.shape[2:], mode="bicubic")


def _blurred(pictures: Tensor, size: int) -> Tensor:
    return F.avg_pool2d(pictures, size, 1, size // 2, count_include_pad=False)


def _standard(pictures: Tensor) -> Tensor:
    centred = pictures - pictures.mean(dim=(1, 2, 3), keepdim=True)
    return centred / centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-3)


def _uniform(like: Tensor, highest: float, generator: Generator) -> Tensor:
    """One number in [0, highest) a picture."""
    return highest * torch.rand(len(like), 1, 1, 1, generator=generator)
