"""A layout finds the same moment in another camera, whatever is warm there, and is a function of its data."""

import numpy as np
import pytest
import torch
from sixsense.encoders.bind.recipes.layout import Rooms, fit_layout, unit_pixels
from sixsense.encoders.bind.recipes.renderings import cut, thermal_like
from torch import Generator, Tensor
from torch.nn import functional as F


def rooms(count: int, seed: int) -> Rooms:
    """Some boxes in front of a wall, each of its own colour."""
    rng = np.random.default_rng(seed)
    pixels = np.empty((count, 112, 112, 3), np.uint8)
    for picture in pixels:
        picture[:] = rng.integers(0, 255, 3)
        for _ in range(4):
            top, left, height, width = rng.integers((0, 0, 20, 20), (80, 80, 60, 60))
            picture[top : top + height, left : left + width] = rng.integers(0, 255, 3)
    grey = (pixels.mean(axis=3) / 255).astype(np.float16)
    return Rooms(pixels, 1 - grey, grey)


def recall(rows: Tensor, others: Tensor) -> float:
    found = (F.normalize(rows, dim=1) @ F.normalize(others, dim=1).T).argmax(dim=1)
    return float((found == torch.arange(len(rows))).float().mean())


@torch.no_grad()
def test_the_same_moment_is_found_in_another_camera_though_it_was_cut() -> None:
    training, held, generator = rooms(160, 1), rooms(60, 2), Generator().manual_seed(3)
    layout = fit_layout(training.pixels, training, size=48)
    rgb = unit_pixels(held.pixels)
    camera, warm = layout(rgb), layout(thermal_like(cut(rgb, 0.9, 112, generator), generator))
    assert recall(warm, camera) > 0.5
    assert recall(layout(held.of("depth", np.arange(60))), camera) > 0.8
    assert recall(warm.roll(1, 0), camera) < 0.1


def test_the_same_data_gives_the_same_bits() -> None:
    training = rooms(40, 1)
    one, again = (fit_layout(training.pixels, training, size=8).project.weight for _ in range(2))
    assert torch.equal(one, again)


def test_pixels_become_shares_of_white() -> None:
    assert unit_pixels(np.full((1, 2, 2, 3), 51, np.uint8)).unique().tolist() == pytest.approx([0.2])
