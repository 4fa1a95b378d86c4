"""Train, validation and test worlds: a parameter's range is cut into cells, and each cell has one owner."""

from typing import Literal, get_args

import numpy as np

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

OWNERS: tuple[Split, ...] = ("train", "train", "validation", "train", "train", "test") * 2
"""Who owns the cells of [0, 1), and the rows of a table that has as many. They alternate, so that another
split's worlds are new, and yet of the same sort."""


def owned(draws: np.ndarray, split: Split) -> np.ndarray:
    """Uniform draws in [0, 1) to numbers in the cells of `split`, uniform there too. Any shape, float64."""
    cells = np.array([cell for cell, owner in enumerate(OWNERS) if owner == split])
    scaled = np.asarray(draws) * len(cells)
    cell = np.minimum(scaled.astype(int), len(cells) - 1)
    # Not quite to the edges, where rounding would make it a neighbour's.
    return (cells[cell] + np.clip(scaled - cell, 1e-9, 1 - 1e-9)) / len(OWNERS)


def owner(value: float) -> Split:
    """The split whose worlds may have this parameter."""
    return OWNERS[int(value * len(OWNERS))]


def between(value: float, low: float, high: float) -> float:
    """A parameter in [0, 1) on its own scale."""
    return low + (high - low) * value


def finely(value: float) -> float:
    """Where in its cell a parameter is, in [0, 1): for choices that are the same in every split."""
    return value * len(OWNERS) % 1
