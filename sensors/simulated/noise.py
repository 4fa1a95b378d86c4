"""Randomness without state: the same key and index always draw the same numbers."""

import zlib
from typing import Protocol

import numpy as np

_WORD = (1 << 64) - 1


def keyed(seed: int, stream: str, index: int) -> np.random.Generator:
    """A generator for message `index` of `stream`: counter-based (Philox), so any index is reached in O(1).

    Messages cannot overlap: the index is the counter's highest word, what one message draws its lowest.
    """
    key = (seed & _WORD, zlib.crc32(stream.encode()))
    return np.random.Generator(np.random.Philox(key=key, counter=(0, 0, 0, index)))


class Chance(Protocol):
    """What has randomness of its own: a script."""

    def keyed(self, stream: str, index: int) -> np.random.Generator: ...


class Grain:
    """Sensor noise for frames: one large field of normal deviates, cropped at a random place a frame.

    Drawing every pixel anew would cost more than rendering it; a crop is as hard to predict for a viewer.
    """

    MARGIN = 61

    def __init__(
        self,
        script: Chance,
        stream: str,
        shape: tuple[int, ...],
        deviation: float = 1.0,
        offset: float = 0.0,
        dtype: type[np.generic] = np.float32,
    ) -> None:
        self._script, self._stream, self._shape = script, stream, shape
        field = (shape[0] + self.MARGIN, shape[1] + self.MARGIN, *shape[2:])
        normal = script.keyed(f"{stream}/grain", 0).standard_normal(field, dtype=np.float32)
        self._field = (normal * np.float32(deviation) + np.float32(offset)).astype(dtype)

    def crop(self, index: int) -> np.ndarray:
        """The noise of frame `index`, of the frame's shape; a view."""
        y, x = self._script.keyed(self._stream, index).integers(0, self.MARGIN, size=2)
        return self._field[y : y + self._shape[0], x : x + self._shape[1]]
