"""The questions that every preprocessor asks of its array, each with an answer a person can act on."""

import numpy as np

from ..errors import InputError


def not_empty(data: np.ndarray, modality: str) -> None:
    if data.size == 0:
        raise InputError(f"{modality}: an empty array of shape {data.shape}; there is nothing to embed")


def is_finite(data: np.ndarray, modality: str) -> None:
    """Raises InputError when a float array has NaN or infinity, saying how many and where the first is."""
    if data.dtype.kind != "f":
        return
    bad = ~np.isfinite(data)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{modality}: {int(bad.sum())} of {data.size} values are not finite, the first at {first}"
        )


def is_numeric(data: np.ndarray, modality: str, kinds: str, wanted: str) -> None:
    if data.dtype.kind not in kinds:
        raise InputError(f"{modality}: {data.dtype} values; give {wanted}")
