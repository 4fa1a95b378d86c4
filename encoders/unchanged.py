"""Unchanged: whether a picture is what it was when its input was last encoded, so that its vector is too."""

from typing import NamedTuple

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from .window import Window

CELL = 16
"""Pictures are compared by the means of squares of so many pixels: noise averages out, a small thing that
moves does not, as it would in the mean of the whole."""

CONTRAST = {"vision": 1.0, "depth": 1.0, "thermal": 0.2}
"""How far pixels of usual pictures are from their mean, in the model's input. Only pictures are compared."""


class _Last(NamedTuple):
    window: int
    cells: Tensor
    vector: np.ndarray


class Unchanged:
    """The last picture of each input that was really encoded. A slow change adds up, because what is compared
    with is not the last picture that was seen."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._last: dict[str, _Last] = {}

    def vector(self, window: Window, tensor: Tensor) -> tuple[np.ndarray, int] | None:
        """The vector of the last encoded picture and its window's index, where no square of `tensor`, the
        preprocessed picture (channels, side, side), differs from it by more than `threshold` contrasts."""
        last = self._last.get(window.input)
        if last is None or not self._threshold:
            return None
        difference = float((_cells(tensor) - last.cells).abs().max())
        if difference > self._threshold * CONTRAST[window.modality]:
            return None
        return last.vector, last.window

    def encoded(self, window: Window, tensor: Tensor, vector: np.ndarray) -> None:
        """Remember what a picture was encoded to."""
        if window.modality in CONTRAST and self._threshold:
            self._last[window.input] = _Last(window.index, _cells(tensor), vector)


def _cells(tensor: Tensor) -> Tensor:
    return F.avg_pool2d(tensor[None], CELL)
