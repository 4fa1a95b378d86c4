"""The layout of pictures: the axes along which their edges differ most, the same for every camera."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from ...preprocess.image import normalise
from ...towers.picture import Layout, oriented_edges
from .renderings import cut, thermal_like
from .views import STUDENT_SIDE

SIZE = 128
# How many views and how many of the world's rooms the axes are those of, and a batch of them.
VIEWS, ROOMS, BATCH = 2400, 600, 120
# The smallest part of its side that is left of a view that was cut.
SMALLEST = 0.72
# How much of the mean variance every axis is given before it is scaled, so that none is blown up.
SHRINKAGE = 0.1


class Rooms(NamedTuple):
    """The cache of `scenes.cache`: pixels uint8 (n, 112, 112, 3), depth and thermal float16 (n, 112, 112)."""

    pixels: np.ndarray
    depth: np.ndarray
    thermal: np.ndarray

    def of(self, modality: str, rows: np.ndarray) -> Tensor:
        """What a tower's layout is shown, float32 (n, channels, 112, 112)."""
        if modality == "vision":
            return normalise(unit_pixels(self.pixels[rows]))
        return torch.from_numpy(getattr(self, modality)[rows]).float()[:, None]


def open_rooms(folder: Path) -> Rooms:
    return Rooms(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in Rooms._fields))


def unit_pixels(rgb: np.ndarray) -> Tensor:
    """uint8 (n, h, w, 3) to float32 (n, 3, h, w) in [0, 1]."""
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 255


def fit_layout(pixels: np.ndarray, rooms: Rooms, size: int = SIZE, seed: int = 0) -> Layout:
    """Whitened principal axes of the edges of views `pixels` (n, 112, 112, 3), of thermal-like renderings of
    them, and of the rooms, in closed form: what all pictures have in common counts for nothing, and every
    axis for the same. (Learning the projection further by contrast made it no better.)"""
    edges = torch.cat(_edges(pixels, rooms, seed))
    mean = edges.mean(dim=0)
    variance, axes = torch.linalg.eigh(torch.cov((edges - mean).T))
    variance, axes = variance.flip(0)[:size], axes.flip(1)[:, :size]
    # The sign of an eigenvector is chance: its largest number is made positive.
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
    weight = (axes * (variance + SHRINKAGE * variance.mean()).rsqrt()).T
    layout = Layout(size).requires_grad_(False)
    layout.project.weight.copy_(weight)
    layout.project.bias.copy_(-weight @ mean)
    return layout


def _edges(pixels: np.ndarray, rooms: Rooms, seed: int) -> list[Tensor]:
    generator = Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    views = np.sort(rng.choice(len(pixels), min(VIEWS, len(pixels)), replace=False))
    places = np.sort(rng.choice(len(rooms.pixels), min(ROOMS, len(rooms.pixels)), replace=False))
    found: list[Tensor] = []
    for rows in np.array_split(views, 1 + len(views) // BATCH):
        rgb = unit_pixels(pixels[rows])
        shown = normalise(cut(rgb, SMALLEST, STUDENT_SIDE, generator))
        warm = thermal_like(cut(rgb, SMALLEST, STUDENT_SIDE, generator), generator)
        found += [oriented_edges(shown), oriented_edges(warm)]
    return found + [oriented_edges(rooms.of(m, places)) for m in ("vision", "thermal", "depth")]
