"""Vectors of one embedding space: unit length, centring, and what makes a vector unusable.

Everything here is elementwise multiplication and `np.sum` in float64, never a matrix product, whose bits
depend on thread counts and batch sizes: the same vectors give the same bytes in any process.
"""

import numpy as np

LENGTH_TOLERANCE = 1e-3
ZERO = 1e-12


def unit(vector: np.ndarray) -> np.ndarray:
    """Return float64 (dim,) `vector` at unit length, or zeros where it has no direction."""
    length = float(np.sqrt(np.sum(vector * vector)))
    return vector / length if length > ZERO else np.zeros_like(vector)


def centre(vector: np.ndarray, mean: np.ndarray | None) -> np.ndarray:
    """Subtract the modality's mean (None: zero) from float32 (dim,) `vector`; float64 (dim,), unit length.

    Vectors of one modality share a narrow cone of the space (the modality gap, Liang et al. 2022, "Mind the
    Gap"); what is left without the mean is what differs between moments, comparable across modalities.
    """
    wide = vector.astype(np.float64)
    return unit(wide if mean is None else wide - mean.astype(np.float64))


def flaw(vector: np.ndarray, dim: int) -> str | None:
    """Say why `vector` is not a float32 (dim,) unit vector, or None if it is one."""
    if vector.dtype != np.float32 or vector.shape != (dim,):
        return f"is {vector.dtype} {vector.shape}, not float32 ({dim},)"
    if not np.all(np.isfinite(vector)):
        return f"has {int(np.sum(~np.isfinite(vector)))} values that are not finite"
    length = float(np.sqrt(np.sum(vector.astype(np.float64) ** 2)))
    if abs(length - 1) > LENGTH_TOLERANCE:
        return f"has length {length:.4g}, not 1"
    return None
