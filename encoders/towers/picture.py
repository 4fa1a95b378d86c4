"""A small residual network for pictures of any kind: camera, depth or thermal, to what is seen and where."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .shape import PictureShape

LAYOUT_GRID, ORIENTATIONS, NEIGHBOURHOOD = 14, 6, 15


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016); a shortcut that shrinks averages first."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        shrink = [nn.AvgPool2d(stride)] if stride > 1 else []
        change = [nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)] if inputs != width else []
        self.shortcut = nn.Sequential(*shrink, *change)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x))


def _convolution(inputs: int, width: int, size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, width, size, stride, size // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        *(Block(inputs if i == 0 else width, width, stride if i == 0 else 1) for i in range(blocks))
    )


class Layout(nn.Module):
    """Where edges are and which way they run: pictures (n, channels, 112, 112) to (n, size).

    Oriented gradients on a grid (Dalal and Triggs 2005), without which side is brighter, because that differs
    between cameras; and a projection of them that is fitted.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.project = nn.Linear(ORIENTATIONS * LAYOUT_GRID**2, size)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(oriented_edges(x))


def oriented_edges(x: Tensor) -> Tensor:
    """Pictures (n, channels, 112, 112) to unit rows (n, ORIENTATIONS * LAYOUT_GRID ** 2)."""
    grey = F.pad(x.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = grey[:, :, 1:-1, 2:] - grey[:, :, 1:-1, :-2]
    down = grey[:, :, 2:, 1:-1] - grey[:, :, :-2, 1:-1]
    strength = (across.square() + down.square() + 1e-12).sqrt()
    # Of a faint edge beside other faint ones as much is made as of a strong one beside strong ones.
    around = F.avg_pool2d(strength, NEIGHBOURHOOD, 1, NEIGHBOURHOOD // 2)
    strength = (strength / (around + 0.02 * strength.amax(dim=(2, 3), keepdim=True) + 1e-6)).sqrt()
    angle = torch.atan2(down, across)
    turned = (angle - math.pi * k / ORIENTATIONS for k in range(ORIENTATIONS))
    energies = [strength * one.cos().square() ** 3 for one in turned]
    grid = F.adaptive_avg_pool2d(torch.cat(energies, dim=1), LAYOUT_GRID)
    for _ in range(2):
        grid = F.avg_pool2d(grid, 3, 1, 1, count_include_pad=False)
    return F.normalize(grid.flatten(1), dim=1)


class PictureTower(nn.Module):
    """`forward`: preprocessed pictures (n, channels, 224, 224) to unit rows (n, meaning + layout).

    What a picture means is read from the average over the whole of it; its layout, in dimensions of their
    own in which texts and sounds are 0, from a coarse grid. Each part has a constant length, so that the
    layout scales every cosine to a text alike.
    """

    def __init__(self, shape: PictureShape) -> None:
        super().__init__()
        self.shape = shape
        stem, low, middle, late = shape.widths
        self.stem = nn.Sequential(_convolution(shape.channels, stem, 3, 2), _convolution(stem, low, 3, 2))
        self.low = _stage(low, low, shape.blocks[0], 1)
        self.middle = _stage(low, middle, shape.blocks[1], 2)
        self.late = _stage(middle, late, shape.blocks[2], 2)
        self.features = _convolution(late, shape.features, 1, 1)
        self.head = nn.Linear(shape.features, shape.meaning)
        self.layout = Layout(shape.layout) if shape.layout else None

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(x, 2)
        meaning = self.meaning(x)
        if self.layout is None:
            return meaning
        share = self.shape.layout_share
        layout = F.normalize(self.layout(x), dim=-1)
        return torch.cat([(1 - share) ** 0.5 * meaning, share**0.5 * layout], dim=-1)

    def meaning(self, x: Tensor) -> Tensor:
        """Unit rows (n, meaning) of halved pictures (n, channels, 112, 112)."""
        _, late = self.maps(x)
        return F.normalize(self.head(self.pooled(late)), dim=-1)

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, channels, 112, 112) to the maps (n, middle, 14, 14) and (n, late, 7, 7)."""
        middle = self.middle(self.low(self.stem(x)))
        return middle, self.late(middle)

    def pooled(self, late: Tensor) -> Tensor:
        """(n, features), averaged over the picture."""
        return self.features(late).mean(dim=(2, 3))
