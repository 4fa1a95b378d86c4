"""What may differ and still be the same thing: random changes of preprocessed inputs, by modality."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..preprocess.audio import STD

SMALLEST_AREA = 0.6
LARGEST_TURN = 0.5
"""Radians: how differently a device may sit on what carries it."""
LOUDER_DB = 6.0
MASKED_BINS, MASKED_FRAMES = 16, 24


PICTURES = ("vision", "depth", "thermal")


def augment(modality: str, rows: Tensor, beside: str = "text") -> Tensor:
    """Rows (n, ...) of a modality's encoder, each changed by itself, from torch's global generator.

    `beside` is the modality that they belong to: a picture of what another camera sees is neither cut nor
    mirrored, because where things are is what the two have in common.
    """
    cut = modality in PICTURES and beside not in PICTURES
    return _CHANGES[modality](_view(rows) if cut else rows)


def _unchanged(rows: Tensor) -> Tensor:
    return rows


def _vision(rows: Tensor) -> Tensor:
    return _brightness(rows, 0.2)


def _thermal(rows: Tensor) -> Tensor:
    return _brightness(rows, 0.05).clamp(0, 1)


def _view(rows: Tensor) -> Tensor:
    """A crop of at least SMALLEST_AREA at a random place, half of them mirrored; clips keep their frames."""
    n = len(rows)
    flat = rows.reshape(n, -1, *rows.shape[-2:])
    side = torch.sqrt(torch.empty(n).uniform_(SMALLEST_AREA, 1))
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = side * (2 * torch.randint(2, (n,)) - 1)
    theta[:, 1, 1] = side
    theta[:, :, 2] = (1 - side)[:, None] * (2 * torch.rand(n, 2) - 1)
    grid = F.affine_grid(theta, list(flat.shape), align_corners=False).to(rows)
    return F.grid_sample(flat, grid, padding_mode="reflection", align_corners=False).view_as(rows)


def _brightness(rows: Tensor, most: float) -> Tensor:
    shape = (len(rows), *[1] * (rows.ndim - 1))
    gain = torch.empty(shape).uniform_(1 - most, 1 + most).to(rows)
    return rows * gain + torch.empty(shape).uniform_(-most, most).to(rows)


def _audio(rows: Tensor) -> Tensor:
    """Louder or softer, and a band and a moment of log-mel (n, 1, bins, frames) at its mean (SpecAugment)."""
    louder = LOUDER_DB * math.log(10) / 10 / STD
    rows = rows + torch.empty(len(rows), 1, 1, 1).uniform_(-louder, louder).to(rows)
    hidden = _span(len(rows), rows.shape[2], MASKED_BINS)[:, None, :, None]
    hidden = hidden | _span(len(rows), rows.shape[3], MASKED_FRAMES)[:, None, None, :]
    return torch.where(hidden.to(rows.device), rows.mean(dim=(1, 2, 3), keepdim=True), rows)


def _span(n: int, length: int, longest: int) -> Tensor:
    """bool (n, length): one run of up to `longest` a row."""
    width = torch.randint(longest + 1, (n, 1))
    first = (torch.rand(n, 1) * (length - width + 1)).long()
    at = torch.arange(length)
    return (at >= first) & (at < first + width)


def _imu(rows: Tensor) -> Tensor:
    """(n, 6, instants) turned about a random axis, and stronger or weaker."""
    turn = _rotations(len(rows)).to(rows)
    sensed = rows.unflatten(1, (2, 3))
    sensed = torch.einsum("nij,nsjt->nsit", turn, sensed).flatten(1, 2)
    return sensed * torch.empty(len(rows), 1, 1).uniform_(0.9, 1.1).to(rows)


def _rotations(n: int) -> Tensor:
    """Rodrigues' formula: (n, 3, 3) by up to LARGEST_TURN about axes that point anywhere."""
    axis = F.normalize(torch.randn(n, 3), dim=1)
    angle = torch.empty(n, 1, 1).uniform_(-LARGEST_TURN, LARGEST_TURN)
    cross = torch.zeros(n, 3, 3)
    for i, j, k, sign in ((0, 1, 2, -1), (0, 2, 1, 1), (1, 2, 0, -1)):
        cross[:, i, j], cross[:, j, i] = sign * axis[:, k], -sign * axis[:, k]
    return torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)


_CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "vision": _vision,
    # The scale of disparity is the camera's, so it stays.
    "depth": _unchanged,
    "thermal": _thermal,
    "audio": _audio,
    "imu": _imu,
    "text": _unchanged,
}
