"""Anchors: where texts lie in the shipped model's space; all else is trained to come to lie beside them."""

from collections.abc import Sequence

import numpy as np

from .minilm import MiniLm

# Small towers reach an axis that hardly varies among concepts by chance only: the last third is left out.
DIM = 256
# How much of the mean variance every axis is given before it is scaled, so that none is blown up.
SHRINKAGE = 0.1


class Anchors:
    """`anchors(texts)`: unit rows, float32 (n, DIM), a function of MiniLM and of the list of concepts alone.

    The space is MiniLM's, seen from the mean of the concepts' names and half-whitened: each principal axis of
    theirs is scaled by variance^-1/4. Without it all names are crowded in one corner; whitened in full,
    names that were not in the list suffer.
    """

    def __init__(self, concepts: Sequence[str]) -> None:
        self._teacher = MiniLm()
        rows = self._teacher.embed(concepts).astype(np.float64)
        self._mean = rows.mean(axis=0)
        variance, axes = np.linalg.eigh(np.cov((rows - self._mean).T))
        scale = (variance.clip(0) + SHRINKAGE * variance.mean()) ** -0.25
        # The sign of an eigenvector is chance: its largest number is made positive.
        axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(axes))])
        self._projection = (axes * scale)[:, ::-1][:, :DIM]

    @property
    def teacher(self) -> MiniLm:
        return self._teacher

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        rows = (self._teacher.embed(texts) - self._mean) @ self._projection
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
