"""Item: one thing that one modality sensed, and what says which others belong to it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor


class Motion(NamedTuple):
    """Rows float32 (n, 6), accelerometer xyz m/s^2 then gyroscope xyz rad/s, and their int64 ns (n,)."""

    rows: np.ndarray
    stamps: np.ndarray


Content = Path | str | Motion | Tensor
"""A file, a text, rows of motion, or a preprocessed input of the modality's encoder."""


class Item(NamedTuple):
    """`key` is shared by what belongs together: a class, the stem of paired files, a row of a table.

    `source` names what must not be on both sides of a split: a file, a person, a fold, a log. `stamp_ns` is
    the middle of a log's window.
    """

    modality: str
    content: Content
    key: str
    source: str
    stamp_ns: int | None = None


def belong(rows: Sequence[Item], columns: Sequence[Item], near_ns: int = 0) -> np.ndarray:
    """bool (n, m): whether row and column have the same key, or were sensed by one log within `near_ns`."""
    same = _equal([item.key for item in rows], [item.key for item in columns])
    stamps = [_stamps(items) for items in (rows, columns)]
    stamped = np.logical_and.outer(stamps[0] >= 0, stamps[1] >= 0)
    near = np.abs(np.subtract.outer(stamps[0], stamps[1])) <= near_ns
    together = _equal([item.source for item in rows], [item.source for item in columns])
    return same | (stamped & near & together)


def _equal(rows: Sequence[str], columns: Sequence[str]) -> np.ndarray:
    codes = {name: code for code, name in enumerate(sorted({*rows, *columns}))}
    numbers = [np.array([codes[name] for name in names], np.int64) for names in (rows, columns)]
    return np.equal.outer(*numbers)


def _stamps(items: Sequence[Item]) -> np.ndarray:
    return np.array([-1 if item.stamp_ns is None else item.stamp_ns for item in items], np.int64)
